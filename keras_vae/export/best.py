"""The best .tflite file of a model within a budget of nats, bytes and time, found by measuring."""

import functools

from keras_vae import atomic
from keras_vae.export.artefact import Artefact
from keras_vae.export.flatbuffer.contents import count_builtin
from keras_vae.export.int8.calibration import calibration_inputs
from keras_vae.export.proof.search import Budget, measured, ways
from keras_vae.export.tflite import checked, converted, rounded


def best(model, path, images, *, budget=None, signatures=None, output="pixels", batch=1):
    """Writes the best file among the formats of `export.tflite` and mixtures of them.

    Each way of `proof.search.ways` is converted, run and judged; a minute or two for a decoder of
    half a million weights.

    Args:
        model: Autoencoder or VAE.
        path: file to write, ending in .tflite; an older file is replaced.
        images: (N, H, W, C) or (N, H, W) in the support of the likelihood, at least two: half of
            them calibrate, the other half judge.
        budget: Budget; at most 0.05 nats, the smallest file, by default.
        signatures, output, batch: see `export.tflite`; "decode" or "from_noise" is among the
            signatures.

    Returns:
        Artefact. Its `quantize` names what was chosen, its `tries` tell what all cost.

    Raises:
        TypeError: a model without a decoder.
        ValueError: as `export.tflite`; fewer than two images, neither "decode" nor "from_noise", or
            no file within the budget.
        FileNotFoundError, IsADirectoryError: a path that cannot be written.
    """
    path, signatures = checked(model, path, signatures, output, batch)
    if images is None or len(images) < 2 or signatures[0] not in ("decode", "from_noise"):
        raise ValueError(
            "export.best judges by the signature 'decode', or else 'from_noise', and by images="
            f"(N, H, W, C), at least two; received signatures={signatures!r} and "
            f"{0 if images is None else len(images)} images."
        )
    calibrating, judging = images[::2], images[1::2]
    convert = functools.partial(converted, model, signatures, output, batch)
    round_weights = functools.partial(rounded, model, signatures, output, batch)
    inputs = calibration_inputs(model, signatures, batch, calibrating)
    candidates = ways(model, convert, round_weights, inputs, calibrating)
    note = {"output": output}
    content, tries = measured(model, candidates, note, judging, budget or Budget())
    chosen = next(row["file"] for row in tries if row["chosen"])
    ops = count_builtin(content)
    atomic.write(path, content)
    return Artefact(path, len(content), ops, chosen, signatures, output, tries)
