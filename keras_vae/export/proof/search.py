"""The ways to quantise a decoder, each converted, run and judged: what `export.best` tries."""

import dataclasses
import itertools
import math
import tempfile
from pathlib import Path

from keras_vae.choice import unknown
from keras_vae.export.flatbuffer.contents import with_note
from keras_vae.export.flatbuffer.selective import layers, selective
from keras_vae.export.int8.calibration import KINDS, RANGES, int8_networks
from keras_vae.export.proof.certificate import certify
from keras_vae.progress import Bar
from keras_vae.quiet import quiet

COLUMN = {"nats": "nats_lost", "kib": "kib", "microseconds": "microseconds_per_image"}


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a file may cost at most.

    Attributes:
        nats: by how much the ELBO may fall, see `export.certify`.
        kib: size of the file.
        microseconds: for one image on one thread.
        minimise: "nats", "kib" or "microseconds": what decides between files within the budget.
    """

    nats: float = 0.05
    kib: float = math.inf
    microseconds: float = math.inf
    minimise: str = "kib"

    def __post_init__(self):
        if self.minimise not in COLUMN:
            raise unknown("minimise", self.minimise, COLUMN)

    def holds(self, row):
        """Whether a row of `export.certify` is within the budget."""
        return all(row[column] <= getattr(self, name) for name, column in COLUMN.items())


def ways(model, convert, rounded, inputs, images):
    """The ways to quantise a file that are tried.

    Args:
        model: Autoencoder or VAE.
        convert: function (quantize, serve) -> bytes, by the converter of TensorFlow.
        rounded: function (images) -> bytes, of `quantize="weights"`.
        inputs: of `calibration.calibration_inputs`.
        images: (N, H, W, C) or (N, H, W) in [0, 1], to calibrate on.

    Returns:
        dict of name -> function () -> bytes. By the converter: float32, float16, dynamic, and int8
        for each calibration set and each kind of range. Layer by layer: int8 with ranges of a
        moving average, int8 with a last layer of another kind, int8 weights alone (see `rounding`),
        and weights alone or dynamic for the dense layers only.
    """
    whole = convert(None)
    heavy = layers(whole)
    last = [
        place
        for place, step in enumerate(heavy)
        if all(later.graph != step.graph for later in heavy[place + 1 :])
    ]
    dense = [place for place, step in enumerate(heavy) if step.name == "FULLY_CONNECTED"]

    def mixed(usual, other=None, where=(), **options):
        schemes = [other if place in where else usual for place in range(len(heavy))]
        return lambda: selective(whole, schemes, inputs, **options)

    found = {"float32": lambda: whole}
    for quantize in ("float16", "dynamic"):
        found[quantize] = lambda quantize=quantize: convert(quantize)
    sets = {"all codes": KINDS, "the prior": KINDS[:1], "the posterior": KINDS[1:]}
    if model.posterior_family is None:
        del sets["the prior"], sets["the posterior"]
    for (name, kinds), ranges in itertools.product(sets.items(), RANGES):
        found[f"int8, {ranges} ranges of {name}"] = lambda kinds=kinds, ranges=ranges: convert(
            "int8", int8_networks(model, images, kinds, ranges)
        )
    found["int8, moving average"] = mixed("int8", estimator="moving_average")
    for scheme in ("float32", "weights", "dynamic"):
        found[f"int8, last layer {scheme}"] = mixed("int8", scheme, last)
    found["int8 weights"] = lambda: rounded(images)
    if len(dense) < len(heavy):
        found["int8 weights, dense layers only"] = mixed("float32", "weights", dense)
        found["dynamic, dense layers only"] = mixed("float32", "dynamic", dense)
    return found


def measured(model, candidates, note, images, budget):
    """Makes all candidates, measures them and takes the best.

    Args:
        model: Autoencoder or VAE.
        candidates: dict of `ways`.
        note: of the file, see `contents.with_note`.
        images: (N, H, W, C) in the support of the likelihood, which judge.
        budget: Budget.

    Returns:
        bytes of the best file, and a tuple of dicts of `certify`, in the order of the tries, with
        `file` (the name of the way), `within` (the budget) and `chosen`.

    Raises:
        ValueError: no file is within the budget.
    """
    contents, rows = {}, []
    bar = Bar(len(candidates), "tried")
    with tempfile.TemporaryDirectory() as folder:
        for number, (way, make) in enumerate(candidates.items()):
            with quiet():
                contents[way] = with_note(make(), note)
                path = Path(folder) / f"{number}.tflite"
                path.write_bytes(contents[way])
                row = certify(path, model, images)
            rows.append({"within": budget.holds(row), **row, "file": way})
            bar.add(1)
    within = [row for row in rows if row["within"]]
    if not within:
        near = min(rows, key=lambda row: row["nats_lost"])
        raise ValueError(
            f"No quantisation is within {budget}; nothing was written. The most faithful of "
            f"{len(rows)} tries, {near['file']!r}, loses {near['nats_lost']:.4f} nats with "
            f"{near['kib']:.0f} KiB and {near['microseconds_per_image']:.0f} microseconds."
        )
    chosen = min(within, key=lambda row: row[COLUMN[budget.minimise]])["file"]
    return contents[chosen], tuple({"chosen": row["file"] == chosen, **row} for row in rows)
