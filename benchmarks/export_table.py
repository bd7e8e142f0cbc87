"""Certifies the whole shelf: exports every entry in every format and measures each file.

    python benchmarks/export_table.py            # all entries
    python benchmarks/export_table.py NAME ...   # these; the tables are made of what all have

The certificates go into the metadata and the cards of the entries, the tables into export/README.md
and README.md. Microseconds are medians of single images on one thread, measured in one run of this
program, so that the ratios between them mean something; run it on an idle machine. TFDS_DATA_DIR
must have the data: int8 is calibrated on validation images, the nats are those of test images.
"""

import argparse
import os
import platform
from pathlib import Path

from keras_vae import export, tables, zoo
from keras_vae.zoo import certificates

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- export table: generated -->", "<!-- end of export table -->"
FIRST_PAGE_ENTRY = "conv_vae_mnist"


def replace(page, rows):
    """Puts the table between the markers of a page."""
    text = tables.placed(page.read_text(encoding="utf-8"), BEGIN, END, export.table(rows))
    page.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="entries to certify; all by default")
    shelf = zoo.names(decoders=True)
    for name in parser.parse_args().names or shelf:
        print(export.table(certificates.certify(name).values()), flush=True)
    certified = {name: list(zoo.info(name).get("export", {}).values()) for name in shelf}
    replace(ROOT / "export" / "README.md", [row for rows in certified.values() for row in rows])
    replace(ROOT / "README.md", certified[FIRST_PAGE_ENTRY])
    print(f"Measured on {platform.machine()}, {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
