"""Whether a penalty on total correlation disentangles: three seeds of two entries of the shelf.

    python -m benchmarks.disentanglement            # a quarter of an hour on one processor
    python -m benchmarks.disentanglement --tables   # the table anew from the record

Each entry is trained by its own recipe, with other seeds; its own seed is that of the shelf. What
is measured goes to docs/disentanglement.json after each training, and what is there already is not
trained again: remove the file to begin anew.
"""

import argparse
import dataclasses
import json

import numpy as np

from benchmarks.report import ROOT
from keras_vae import recipe, tables, training, zoo

PAGE, RECORD = ROOT / "docs" / "evaluation.md", ROOT / "docs" / "disentanglement.json"
ENTRIES, SEEDS = ("conv_vae_shapes", "conv_vae_shapes_tc"), (0, 1, 2)
BEGIN, END = "<!-- disentanglement table: generated -->", "<!-- end of disentanglement table -->"
SCORES = (
    "mig",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
    "beta_vae_score",
    "factor_vae_score",
    "mse",
    "nll_nats",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", action="store_true", help="from the record, nothing trained")
    if not parser.parse_args().tables:
        measure()
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")


def measure():
    """Trains what the record does not have yet; the seed of an entry is measured on the shelf."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name in ENTRIES:
        chosen = recipe.load(zoo.shelf() / name / "recipe.py")
        for seed in SEEDS:
            found = record.setdefault(name, {})
            if str(seed) in found:
                continue
            if seed == chosen.seed:
                numbers = zoo.info(name)["numbers"]
            else:
                numbers = training.run(dataclasses.replace(chosen, seed=seed)).numbers
            found[str(seed)] = {key: numbers[key] for key in SCORES}
            RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def replaced(page, record):
    """The text of the page with its table made from the record."""
    return tables.placed(page, BEGIN, END, table(record))


def table(record):
    """Markdown: each score of each entry by seed, and the mean."""
    rows = []
    for key in SCORES:
        for name, found in record.items():
            values = [found[str(seed)][key] for seed in SEEDS]
            digits = ".2f" if key.endswith("nats") else ".4f" if key == "mse" else ".3f"
            shown = [format(value, digits) for value in (*values, np.mean(values))]
            rows.append([f"`{key}`", f"`{name}`", *shown])
    return tables.markdown(["", "", *(f"seed {s}" for s in SEEDS), "mean"], rows, words=2)


if __name__ == "__main__":
    main()
