"""Exports the whole shelf, runs every file, and writes the tables of what each costs.

    python benchmarks/export_table.py            # into export/README.md and README.md

Microseconds are medians of single images on one thread, all measured in one run of this program, so
that the ratios between them mean something; run it on an idle machine. int8 is calibrated on
validation images of each entry, which TFDS_DATA_DIR must have.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from keras_vae import export, training, zoo

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- export table: generated -->", "<!-- end of export table -->"
FIRST_PAGE_ENTRY = "conv_vae_mnist"


def rows_of(name, folder):
    """Exports one entry in every format; rows of `export.verify`, with `entry` and `format`."""
    model = zoo.load(name)
    images = training.calibration_images(name)
    if images is None:
        raise FileNotFoundError(f"The data of {name!r} is not in TFDS_DATA_DIR.")
    saved = folder / f"{name}_saved_model"
    export.saved_model(model, saved)
    rows = [{**export.verify(saved, model), "format": "SavedModel"}]
    for quantize in export.QUANTIZE:
        path = folder / f"{name}_{quantize or 'float32'}.tflite"
        export.tflite(model, path, quantize, calibration_images=images)
        rows.append({**export.verify(path, model), "format": f"TFLite {quantize or 'float32'}"})
    return [{**row, "entry": name} for row in rows]


def table(rows):
    """Rows -> Markdown."""
    lines = [
        "| entry | format | KiB | us / image | largest pixel error | mean pixel error | ops |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['entry']} | {row['format']} | {row['kib']:.1f} "
            f"| {row['microseconds_per_image']:.0f} | {row['max_abs_error']:.1e} "
            f"| {row['mean_abs_error']:.1e} | {row['ops']} |"
        )
    return "\n".join(lines)


def replace(page, rows):
    """Puts the table between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} has no {BEGIN!r} ... {END!r}.")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


def main():
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in zoo.names():
            rows += rows_of(name, Path(folder))
            print(table(rows[-5:]), flush=True)
    replace(ROOT / "export" / "README.md", rows)
    replace(ROOT / "README.md", [row for row in rows if row["entry"] == FIRST_PAGE_ENTRY])
    print(f"Measured on {platform.machine()}, {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
