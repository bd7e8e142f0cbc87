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
    """Exports one entry in every format; rows of `export.verify`."""
    model = zoo.load(name)
    images = training.calibration_images(name)
    if images is None:
        raise FileNotFoundError(f"The data of {name!r} is not in TFDS_DATA_DIR.")
    saved = folder / f"{name}_saved_model"
    export.saved_model(model, saved)
    rows = [export.verify(saved, model)]
    for quantize in export.QUANTIZE:
        path = folder / f"{name}_{quantize or 'float32'}.tflite"
        export.tflite(model, path, quantize, calibration_images=images)
        rows.append(export.verify(path, model))
    return rows


def replace(page, rows):
    """Puts the table between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} has no {BEGIN!r} ... {END!r}.")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{export.table(rows)}{END}{after}", encoding="utf-8")


def main():
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in zoo.names():
            rows += rows_of(name, Path(folder))
            print(export.table(rows[-5:]), flush=True)
    replace(ROOT / "export" / "README.md", rows)
    replace(ROOT / "README.md", [row for row in rows if row["file"].startswith(FIRST_PAGE_ENTRY)])
    print(f"Measured on {platform.machine()}, {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
