"""The page on densities: what each entry of the shelf gives on the same data, and what it costs.

    python -m benchmarks.density            # measures, writes docs/density.md and its pictures
    python -m benchmarks.density --tables   # the tables anew from docs/density.json

Nats, parameters and minutes are those of the entries' metadata; the time of an image and the bytes
are measured here, on one processor: of a VAE by its exported file in LiteRT; of
an autoregressive model by its `sample`. Run it on an idle machine.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from benchmarks import machine, report
from benchmarks.density_table import replaced

ROOT = report.ROOT
PAGE, RECORD, PICTURES = (ROOT / "docs" / n for n in ("density.md", "density.json", "images"))
SHOWN, SEED = 16, 7  # samples in a picture, four rows of four
TOGETHER = 100  # images that an autoregressive model draws at a time


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", action="store_true", help="from the record, nothing measured")
    if not parser.parse_args().tables:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])  # before TensorFlow starts
        record = measured()
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")


def measured():
    """dict: "machine", and "entries", {name: what the tables say of it}; draws the pictures."""
    from keras_vae import plot, zoo

    entries, panels = {}, {"dynamic": {}, "fixed": {}}
    for name in zoo.names():
        told = zoo.info(name)
        if told["data"]["name"] not in BINARISATIONS or "nll_nats" not in told["numbers"]:
            continue
        model = zoo.load(name)
        entries[name] = {**of_metadata(told), **cost(model)}
        binarisation = entries[name]["binarisation"]
        panels[binarisation][name] = plot.grid(drawn(model), columns=4, scale=2)
        print(name, entries[name], flush=True)
    for binarisation, grids in panels.items():
        if grids:
            plot.save(_rows(grids), PICTURES / f"density_{binarisation}.png")
    told = machine.described()
    return {"machine": {**told, "processors": 1}, "entries": entries}


BINARISATIONS = {"mnist": "dynamic", "binarized_mnist": "fixed"}


def of_metadata(told):
    """What an entry's metadata.json says for the tables; nats per image, minutes."""
    numbers, nll = told["numbers"], "nll_1000_samples_nats"
    more = {nll: numbers[nll]} if nll in numbers else {}
    return {
        "binarisation": BINARISATIONS[told["data"]["name"]],
        "nll_nats": numbers["nll_nats"],
        "importance_samples": numbers.get("importance_samples"),
        **more,
        "elbo_nats": numbers.get("elbo_nats"),
        "marginal_kl_nats": numbers.get("marginal_kl_nats"),
        "parameters": told["parameters"],
        "decoder_parameters": told.get("decoder_parameters"),
        "training_minutes": told["training"]["seconds"] / 60,
    }


def cost(model):
    """dict: microseconds of an image alone and of one of a hundred, bytes that a device needs."""
    if model.decoder is None:
        return {
            "microseconds": _microseconds(lambda: model.sample(1, seed=SEED)),
            "microseconds_together": _microseconds(lambda: model.sample(TOGETHER, seed=SEED))
            / TOGETHER,
            "bytes": 4 * model.count_params(),
        }
    from keras_vae import export
    from keras_vae.export.runtime.interpreter import Decoder

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decoder.tflite"
        export.tflite(model, path, "weights", signatures=("from_noise",))
        content = path.read_bytes()
    return {
        "microseconds": Decoder(content).microseconds_per_image(),
        "microseconds_together": None,
        "bytes": len(content),
    }


def _microseconds(call):
    from keras_vae.export.runtime.interpreter import median_microseconds

    return median_microseconds(call, repeats=5)


def drawn(model):
    """(SHOWN, H, W, C) draws of p(x), every pixel black or white, as the models know images."""
    if model.decoder is None:
        return model.sample(SHOWN, seed=SEED)
    return model.likelihood(model.draw_codes(SHOWN, SEED)).sample(seed=(SEED, 0)).numpy()


def _rows(grids, columns=4):
    """Captioned pictures, so many in a row, below each other."""
    import numpy as np

    from keras_vae import plot

    names = list(grids)
    rows = []
    for start in range(0, len(names), columns):
        part = {name: grids[name] for name in names[start : start + columns]}
        rows.append(plot.captioned(part))
    width = max(row.shape[1] for row in rows)
    filled = [np.pad(r, ((0, 8), (0, width - r.shape[1])), constant_values=255) for r in rows]
    return np.concatenate(filled)


if __name__ == "__main__":
    main()
