"""Results as JSON, Markdown tables and a picture; docs/performance.md between its markers."""

import json

from benchmarks.side_by_side import ROOT, best
from keras_vae import tables

PAGE, README = ROOT / "docs" / "performance.md", ROOT / "README.md"
RECORD = ROOT / "docs" / "performance.json"
PICTURE = ROOT / "docs" / "images" / "performance.png"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"
# A processor with AVX-512 has a record and a section of its own, and no part in README and picture.
AVX512_RECORD = ROOT / "docs" / "performance_avx512.json"
AVX512_BEGIN = "<!-- measured with AVX-512 -->"
UNITS = {
    "training": "images per second",
    "decoding": "images per second, one thread",
    "evaluation": "images x samples per second",
}


def write(results, folder):
    """results.json, results.md and results.png of one run."""
    _write(folder / "results.json", json.dumps(results, indent=1) + "\n")
    _write(folder / "results.md", text(results))
    picture(results, folder / "results.png")


def record_of(machine):
    """The record that measurements on a machine of `machine.described` belong to."""
    return AVX512_RECORD if "avx512f" in machine["instruction_sets"] else RECORD


def publish(results):
    """The record, the tables of docs/performance.md, the README's, and the picture.

    Of a section that was not measured now, the record and the pages keep what they had.
    """
    record = record_of(results["machine"])
    kept = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    results = {**kept, **results}
    _write(record, json.dumps(results, indent=1) + "\n")
    if record == AVX512_RECORD:
        _replace(PAGE, AVX512_BEGIN, text(results))
        return
    _replace(PAGE, BEGIN, text(results))
    _replace(README, BEGIN, summary(results))
    picture(results, PICTURE)


def _replace(path, begin, made):
    _write(path, tables.placed(path.read_text(encoding="utf-8"), begin, END, f"\n{made}\n"))


def summary(results):
    """A table of the fastest of ours beside the fastest peer, case by case, Markdown."""
    rows = []
    for section, unit in UNITS.items():
        for case, found in results.get(section, {}).items():
            (own, own_rate), (peer, peer_rate) = best(found, ours=True), best(found, ours=False)
            own = own.removeprefix("keras_vae, ")
            cells = [f"{own_rate:,.0f} ({own})", f"{peer_rate:,.0f} ({peer})"]
            rows.append([f"{section}, {case}", unit, *cells, f"{ratio(found):.2f}"])
    told = _machine(results["machine"], versions=False)
    heads = ["", "unit", "keras_vae", "the fastest peer", "ratio"]
    return f"{told}\n\n{tables.markdown(heads, rows, words=4)}"


def text(results):
    """All tables, Markdown."""
    parts = [_machine(results["machine"])]
    for section, unit in UNITS.items():
        for case, found in results.get(section, {}).items():
            parts.append(f"**{section.capitalize()}, {case}**, {unit}\n\n{_table(found)}")
    if "start_up" in results:
        parts.append(
            f"**Start-up**, seconds of a fresh process\n\n{_start_up(results['start_up'])}"
        )
    if "growth" in results:
        parts.append(f"**Growth**\n\n{_growth(results['growth'])}")
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def ratio(found):
    """Of the fastest of ours to the fastest peer."""
    return best(found, ours=True)[1] / best(found, ours=False)[1]


def _machine(machine, versions=True):
    gemm = ", ".join(f"{size}: {rate:g}" for size, rate in machine["gemm_gflops"].items())
    packages = "".join(f", {name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processors']} processors of {machine['processor']} "
        f"({', '.join(machine['instruction_sets'])})"
        + (f", Python {machine['python']}{packages}" if versions else "")
        + f"; NumPy's float32 matrix products reach there, in GFLOP/s, {gemm}."
    )


def _table(found):
    _, peer = best(found, ours=False)
    order = sorted(found.items(), key=lambda item: -item[1].get("images_per_second", 0))
    rows = [
        [
            f"**{name}**" if told["ours"] else name,
            f"{told['images_per_second']:,.0f}",
            f"{told['images_per_second'] / peer:.2f}",
            f"{told['cpu_microseconds']:,.0f}",
        ]
        if "images_per_second" in told
        else [name, f"failed: {told['failed']}", "", ""]
        for name, told in order
    ]
    return tables.markdown(["", "median", "of the best peer", "CPU us each"], rows)


def _start_up(found):
    rows = [[f"`{name}`" if name[:3] in ("ker", "imp", "pyt") else name, f"{seconds:.2f}"]
            for name, seconds in found.items()]  # fmt: skip
    return tables.markdown(["", "s"], rows)


def _growth(found):
    rows = [
        [
            what,
            ", ".join(f"{size:,}" for size in told["size"]),
            ", ".join(f"{seconds:.2f}" for seconds in told["seconds"]),
            f"{told['slope']:.2f}",
            ", ".join(f"{memory:,.0f}" for memory in told["mebibytes"]),
        ]
        for what, told in found.items()
    ]
    return tables.markdown(["what grows", "to", "seconds", "slope (1: linear)", "MiB more"], rows)


def picture(results, path):
    """Bars of each case that was raced, ours dark, with the ratio to the best peer."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    cases = [
        (f"{section}, {case}", found)
        for section in ("training", "evaluation", "decoding")
        for case, found in results.get(section, {}).items()
        if section != "decoding" or case in ("conv_vae_mnist, batch 1", "dense_vae_mnist, batch 1")
    ]
    if not cases:
        return
    rows = -(-len(cases) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(11, 2.7 * rows), squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.axis("off")
    for axis, (title, found) in zip(axes.flat, cases):
        ran = sorted(
            (told["images_per_second"], name, told["ours"])
            for name, told in found.items()
            if "images_per_second" in told
        )
        rates, names, ours = zip(*ran)
        axis.barh(names, rates, color=["#1f6f8b" if own else "#c9c9c9" for own in ours])
        axis.set_title(f"{title}: {ratio(found):.2f} x the best peer", fontsize=10, loc="left")
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel(UNITS[title.split(",")[0]], fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _write(path, content):
    """Aside, then renamed: an interrupted run leaves the older file."""
    aside = path.with_name(f".{path.name}")
    aside.write_text(content, encoding="utf-8")
    aside.replace(path)
