#!/bin/sh
# Makes a Debian arm64 root that has Python and LiteRT's official aarch64 wheel, for
# benchmarks/aarch64.py. On Debian or Ubuntu; needs
#
#     apt-get install mmdebstrap qemu-user-static
#
#     sh benchmarks/aarch64_root.sh FOLDER LITERT_VERSION [SUITE [SOURCES]]
#
# FOLDER          to make; about 200 MB
# LITERT_VERSION  of ai-edge-litert, like 2.3.0
# SUITE           of Debian; by default that of this machine
# SOURCES         an apt sources file or the URL of a mirror; by default this machine's own sources
#
# The packages are unpacked and none of their scripts is run, so binfmt_misc is not needed. pip runs
# here, for the other platform.
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
folder=$1
version=$2
suite=${3:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
sources=${4:-}
if [ -z "$sources" ]; then
    for sources in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        if [ -s "$sources" ]; then break; fi
    done
fi
for program in mmdebstrap qemu-aarch64-static; do
    if ! command -v $program >/dev/null; then
        echo "$program is missing: apt-get install mmdebstrap qemu-user-static" >&2
        exit 1
    fi
done

if [ -e "$folder" ]; then
    echo "$folder exists; remove it, or name another folder" >&2
    exit 1
fi
aside=$folder.unfinished  # renamed at the end: a folder of that name is always whole
rm -rf "$aside"
mmdebstrap --variant=extract --architectures=arm64 --include=base-files,python3,libstdc++6 \
    "$suite" "$aside" "$sources"

python=$(basename "$(ls "$aside"/usr/bin/python3.*[0-9])")
python3 -m pip install --quiet --target "$aside/wheels" --only-binary=:all: \
    --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
    --platform manylinux2014_aarch64 --python-version "${python#python}" "ai-edge-litert==$version"

# qemu before 8.1 shows an emulated program the /proc and /sys of this machine, and LiteRT 2.2 and
# 2.3 crash where they look for an Arm core there and find none. With -L qemu prefers files of the
# root: these are those of one Cortex-A76, the processor that benchmarks/aarch64.py emulates.
mkdir -p "$aside/proc" "$aside/sys/devices/system/cpu"
cat >"$aside/proc/cpuinfo" <<'END'
processor	: 0
BogoMIPS	: 100.00
Features	: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x1
CPU part	: 0xd0b
CPU revision	: 0

END
for file in possible present online; do
    echo 0 >"$aside/sys/devices/system/cpu/$file"
done
mv "$aside" "$folder"
