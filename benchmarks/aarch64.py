"""Runs every exported file of the shelf by LiteRT on an emulated aarch64, which is what phones are.

    python benchmarks/aarch64.py FOLDER             # all entries
    python benchmarks/aarch64.py FOLDER NAME ...    # these; the others keep their record

Exports the entries in every format, decodes their golden codes with LiteRT on this machine and, by
qemu's user emulation, with LiteRT's official aarch64 wheel in a Debian arm64 root, and writes what
differs to export/aarch64.json, a column of the matrix of benchmarks/parity.py. The root is made in
FOLDER by aarch64_root.sh the first time, with the version of LiteRT that is installed here.
TFDS_DATA_DIR must have the data of the entries: int8 is calibrated on validation images. Times are
not recorded: those of an emulator mean nothing.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "export" / "aarch64.json"
FORMATS = ("float32", "float16", "weights", "dynamic", "int8")
QEMU = "qemu-aarch64-static"
PROCESSOR = "cortex-a76"  # of a phone of 2019; has the dot product that int8 kernels use
STEP = 1 / 255


def export_files(names, folder):
    """Writes FOLDER/NAME/FORMAT.tflite and z.npy, the golden codes (8, D) float32."""
    from keras_vae import export, zoo
    from keras_vae.zoo import certificates

    calibration = {name: certificates.calibration_images(name) for name in names}
    missing = [name for name, images in calibration.items() if images is None]
    if missing:
        raise FileNotFoundError(
            f"int8 is calibrated on images; the data of {missing} is not at hand. Set "
            "TFDS_DATA_DIR to a folder that has it."
        )
    for name, images in calibration.items():
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "z.npy", zoo.golden(name)[0])
        model = zoo.load(name)
        for label in FORMATS:
            quantize = None if label == "float32" else label
            path = folder / name / f"{label}.tflite"
            export.tflite(model, path, quantize, calibration_images=images)
        print(f"{name}: exported", flush=True)


def decode(files, output, root=None):
    """Runs aarch64_decode.py here, or with a `root` emulated there.

    Returns:
        dict of what it says of itself: machine, python, numpy, ai_edge_litert.
    """
    program = [ROOT / "benchmarks" / "aarch64_decode.py", files, output]
    if root is None:
        subprocess.run([sys.executable, *program], check=True)
    else:
        python = root / "usr" / "bin" / "python3"
        environment = {**os.environ, "PYTHONHOME": "/usr", "PYTHONPATH": str(root / "wheels")}
        command = [QEMU, "-cpu", PROCESSOR, "-L", root, python, *program]
        subprocess.run(command, check=True, env=environment)
    return json.loads((output / "versions.json").read_text())


def make_root(folder):
    """The arm64 root in a folder, made where it is not there yet."""
    version = importlib.metadata.version("ai-edge-litert")
    root = folder / f"arm64-litert-{version}"
    if not root.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        script = ROOT / "benchmarks" / "aarch64_root.sh"
        subprocess.run(["sh", script, root, version], check=True)
    return root


def compare(name, here, there):
    """What the files of an entry differ by.

    Returns:
        dict of format -> runtime -> dict, pixels in [0, 1]: `max_error` to the golden pixels of
        Keras, `max_difference` to the same file on this machine and `within_one_step`, the share
        of pixels at most 1/255 from it.
    """
    from keras_vae import zoo

    _, golden = zoo.golden(name)
    rows = {}
    for label in FORMATS:
        rows[label] = {}
        for path in sorted((there / name).glob(f"{label}.*.npy")):
            runtime = path.name.split(".")[1]
            images, expected = np.load(path), np.load(here / name / path.name)
            difference = np.abs(images - expected)
            rows[label][runtime] = {
                "max_error": float(np.abs(images - golden).max()),
                "max_difference": float(difference.max()),
                "within_one_step": float(np.mean(difference <= STEP + 1e-6)),  # 1e-6: of float32
            }
    return rows


def table(record):
    """The record as a Markdown table: of the two runtimes the worse."""
    from keras_vae import tables

    heads = ["file", "max error / 255", "max difference / 255", "within one step", "recorded"]
    rows = []
    for name, entry in sorted(record.items()):
        for label, row in entry["files"].items():
            error, difference = (
                255 * max(run[key] for run in row.values())
                for key in ("max_error", "max_difference")
            )
            share = min(run["within_one_step"] for run in row.values())
            numbers = [f"{error:.3g}", f"{difference:.3g}", f"{100 * share:.2f} %"]
            rows.append([f"`{name}_{label}.tflite`", *numbers, entry["date"]])
    return tables.markdown(heads, rows)


def weights_sha256(name):
    """The sha256 of an entry's weights, by which a record that is out of date is told."""
    from keras_vae import zoo

    return zoo.info(name)["sha256"]["model.weights.h5"]


def main():
    from keras_vae import zoo
    from keras_vae.choice import unknown

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="for the arm64 root, outside the repository")
    parser.add_argument("names", nargs="*", help="entries to run; all by default")
    options = parser.parse_args()
    names = options.names or zoo.names(decoders=True)
    for name in names:
        if name not in zoo.names(decoders=True):
            parser.error(str(unknown("entry", name, zoo.names(decoders=True))))
    if shutil.which(QEMU) is None:
        parser.error(f"{QEMU} is missing: apt-get install mmdebstrap qemu-user-static")
    root = make_root(options.folder.resolve())
    says = subprocess.run([QEMU, "--version"], check=True, capture_output=True, text=True).stdout
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        files, here, there = (Path(work).resolve() / part for part in ("files", "here", "there"))
        export_files(names, files)
        decode(files, here)
        versions = decode(files, there, root)
        for name in names:
            record[name] = {
                "date": datetime.date.today().isoformat(),
                "weights_sha256": weights_sha256(name),
                **versions,
                "debian": (root / "etc" / "debian_version").read_text().strip(),
                "qemu": re.search(r"version (\S+)", says)[1],
                "processor": PROCESSOR,
                "files": compare(name, here, there),
            }
    record = {name: record[name] for name in zoo.names(decoders=True) if name in record}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    print(table(record), end="")


if __name__ == "__main__":
    main()
