"""The parity matrix: every file of the shelf in every runtime, on the entry's golden codes.

    python benchmarks/parity.py             # all entries
    python benchmarks/parity.py NAME ...    # these; the others keep their record

Writes export/parity.json and the matrix of export/README.md. The columns: TensorFlow's SavedModel,
LiteRT's Interpreter and CompiledModel, LiteRT.js in headless Chromium (needs what
tests/test_litert_js.py needs), TensorFlow Lite Micro, and LiteRT on aarch64 as
benchmarks/aarch64.py recorded it. TFDS_DATA_DIR must have the data of the entries, which
calibrates int8.
"""

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # litert_js.py stands beside its test
RECORD, PAGE = ROOT / "export" / "parity.json", ROOT / "export" / "README.md"
AARCH64 = ROOT / "export" / "aarch64.json"
BEGIN, END = "<!-- parity matrix: generated -->", "<!-- end of parity matrix -->"
COLUMNS = {
    "saved_model": "SavedModel",
    "interpreter": "Interpreter",
    "compiled_model": "CompiledModel",
    "litert_js": "LiteRT.js",
    "micro": "Micro",
    "aarch64": "aarch64",
}


def run_entry(name, folder, browser):
    """Runs the files of an entry.

    Args:
        name: of the entry.
        folder: for its files.
        browser: playwright's Browser.

    Returns:
        dict of format -> runtime -> dict of `compared`, or of the one key `refused`: the reason.
    """
    import litert_js
    from integers import logit_step

    from keras_vae import export, zoo
    from keras_vae.export.runtime.runtimes import RUNTIMES, open_file

    z, golden = zoo.golden(name)
    files = litert_js.export_shelf(folder, [name])
    in_browser = litert_js.decode(files, browser)
    rows = {}
    for (_, label), (path, _) in files.items():
        found = {}
        for runtime in RUNTIMES:
            try:
                file = open_file(path.read_bytes(), runtime)
                images = [file("decode", z=code[None])["images"] for code in z]
                found[runtime] = np.concatenate(images)
            except ValueError as error:
                found[runtime] = str(error)
        step = logit_step(path.read_bytes()) if label == "int8" else 0.0
        found["litert_js"] = in_browser[name, label]
        rows[label] = {
            runtime: {"refused": images.splitlines()[0][:300]}
            if isinstance(images, str)
            else compared(images, found["interpreter"], golden, step)
            for runtime, images in found.items()
        }
    export.saved_model(zoo.load(name), folder / "model")
    error = export.verify(folder / "model", zoo.load(name), latents=z)["max_abs_error"]
    rows["float32"]["saved_model"] = {"max_error": float(error), "within_one_step": 1.0}
    return rows


def compared(images, found, golden, step):
    """What images are worth, pixels in [0, 1].

    Returns:
        dict of `max_error` to the golden pixels of Keras, and `within_one_step`: the share of the
        pixels at most 1/255, or one step of the integers of the file, from the interpreter's.
    """
    from integers import within_one_step

    return {
        "max_error": float(np.abs(images - golden).max()),
        "within_one_step": within_one_step(images, found, step),
    }


def with_aarch64(record, recorded):
    """The record with the column of aarch64, of its two runtimes the worse."""
    whole = {name: {**entry, "files": dict(entry["files"])} for name, entry in record.items()}
    for name, entry in whole.items():
        for label, row in entry["files"].items():
            runs = recorded.get(name, {}).get("files", {}).get(label, {}).values()
            if runs:
                worst = {
                    "max_error": max(run["max_error"] for run in runs),
                    "within_one_step": min(run["within_one_step"] for run in runs),
                }
                entry["files"][label] = {**row, "aarch64": worst}
    return whole


def matrix(record):
    """The record, its aarch64 column included, as Markdown."""
    from keras_vae import tables

    rows, reasons = [], []
    for name, entry in sorted(record.items()):
        for label, row in entry["files"].items():
            cells = [_cell(row.get(column), label, reasons) for column in COLUMNS]
            rows.append([f"`{name}_{label}`", *cells])
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    table = tables.markdown(["file", *COLUMNS.values()], rows)
    return "\n".join([table, *notes]) + "\n"


def _cell(result, label, reasons):
    if result is None:
        return ""
    if "refused" in result:
        if result["refused"] not in reasons:
            reasons.append(result["refused"])
        return f"refused ({reasons.index(result['refused']) + 1})"
    if label == "float32":
        return f"{result['max_error']:.1e}"
    return f"{100 * result['within_one_step']:.2f} %"


def replace_matrix(text, record, recorded):
    """The page with the matrix of the two records between its markers."""
    from keras_vae import tables

    return tables.placed(text, BEGIN, END, matrix(with_aarch64(record, recorded)))


def main():
    import served
    from playwright.sync_api import sync_playwright

    from keras_vae import zoo
    from keras_vae.choice import unknown

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="entries to run; all by default")
    names = parser.parse_args().names or zoo.names(decoders=True)
    for name in names:
        if name not in zoo.names(decoders=True):
            parser.error(str(unknown("entry", name, zoo.names(decoders=True))))
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    with sync_playwright() as playwright:
        browser = served.launch(playwright.chromium)
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                record[name] = {
                    "date": datetime.date.today().isoformat(),
                    "weights_sha256": zoo.info(name)["sha256"]["model.weights.h5"],
                    "files": run_entry(name, Path(folder), browser),
                }
            print(f"{name}: run", flush=True)
    record = {name: record[name] for name in zoo.names(decoders=True) if name in record}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    recorded = json.loads(AARCH64.read_text())
    text = replace_matrix(PAGE.read_text(encoding="utf-8"), record, recorded)
    PAGE.write_text(text, encoding="utf-8")
    print(matrix(with_aarch64(record, recorded)), end="")


if __name__ == "__main__":
    main()
