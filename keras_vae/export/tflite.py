"""A model as a .tflite file: float32, float16, dynamic range or int8; one signature or several."""

import functools
import tempfile

import numpy as np
import tensorflow as tf

from keras_vae import atomic, private_api
from keras_vae.choice import unknown
from keras_vae.export.artefact import Artefact
from keras_vae.export.flatbuffer.contents import count_builtin, not_builtin, with_note
from keras_vae.export.flatbuffer.peephole import tidy
from keras_vae.export.graph import decoder
from keras_vae.export.graph.functions import SIGNATURES, check_choices, functions
from keras_vae.export.graph.pruning import live_latents
from keras_vae.export.graph.rewrite import served
from keras_vae.export.int8.calibration import (
    calibration_codes,
    calibration_inputs,
    check_images,
    int8_networks,
)
from keras_vae.export.output_file import writable
from keras_vae.export.proof.search import Budget, best, ways
from keras_vae.export.runtime.interpreter import run
from keras_vae.quiet import quiet

QUANTIZE = (None, "float16", "dynamic", "int8")  # and "auto": the best of them and of mixtures
CHECKED_CODES = 32
INT8_LIMIT = 3 / 255  # mean absolute pixel error above which an int8 file is not written


def tflite(
    model,
    path,
    quantize=None,
    *,
    signatures=("decode",),
    output="pixels",
    batch=1,
    min_rate=None,
    calibration_images=None,
    budget=None,
):
    """Writes a model as a .tflite file of builtin operators.

    A file carries one function for each name in `signatures`, their weights shared. B is `batch`,
    D the number of latents; all tensors are float32 unless said otherwise:

        decode(z=(B, D)) -> image
        encode(images=(B, H, W, C) in [0, 1]) -> {"z": (B, D)}
        reconstruct(images=(B, H, W, C)) -> image
        interpolate(start=(B, D), end=(B, D), position=(B, 1) in [0, 1]) -> image
        generate(seed=(B,) int32) -> image: of a draw from the prior, the same latent bits for the
            same seed in every runtime (see `export.generator`); not those of `model.sample`

    An image is {"images": (B, H, W, C)}, or for output="logits" {"logits": (B, H, W, R)}. The batch
    is static: LiteRT runs a static batch faster, its browser build runs nothing else.

    `quantize` says what is stored and computed:

        None       float32 weights, float32 arithmetic
        "float16"  float16 weights, float32 arithmetic: half the bytes
        "dynamic"  int8 weights, activations quantised while running: a quarter of the bytes
        "int8"     int8 weights and int8 activations with fixed scales, see `quantize.int8_networks`
        "auto"     the best within `budget` of these and of mixtures layer by layer, see
                   `search.ways`: half of `calibration_images` calibrate, the other half judge

    Args:
        model: Autoencoder or VAE.
        path: file to write, ending in .tflite; an older file is replaced.
        quantize: None, "float16", "dynamic", "int8" or "auto".
        signatures: names of `export.SIGNATURES`.
        output: "pixels" (means in [0, 1]), "uint8" (0..255, for a bitmap), or "logits": the raw
            parameters of the likelihood, of which each channel has one or more.
        batch: images per call.
        min_rate: latents whose rate, the mean over `calibration_images`, is below this many nats
            are left out of the codes, and of the weights; or None. The artefact says which are
            kept and what that costs.
        calibration_images: (N, H, W, C) or (N, H, W) in [0, 1], used by "int8", "auto" and
            `min_rate`. For int8 their codes (and, for a VAE, samples of their posterior) calibrate
            beside draws of the prior; an Autoencoder has no prior and needs them. "auto" needs
            them, in the support of the likelihood.
        budget: `search.Budget` of "auto": at most 0.05 nats, the smallest file, by default.

    Returns:
        Artefact; for "auto" its `quantize` says what was chosen, and its `tries` what all cost.

    Raises:
        TypeError: a model without a decoder.
        ValueError: an unknown `quantize`, signature or output, a path without .tflite, a batch
            below 1, missing images, a decoder that LiteRT cannot run, or one that int8 damages by
            more than 3/255 in the mean.
        NotImplementedError: "generate" of a prior that does not say how it is drawn.
        FileNotFoundError, IsADirectoryError: a path that cannot be written.
    """
    decoder.check(model)
    path = writable(path, ".tflite")
    if quantize not in (*QUANTIZE, "auto"):
        raise unknown("quantize", quantize, (*QUANTIZE, "auto"))
    check_choices(model, signatures, output)
    signatures = tuple(name for name in SIGNATURES if name in signatures)  # decode comes first
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ValueError(f"batch must be an integer of at least 1; received {batch!r}.")
    note = {"output": output, "latents": None, "pruned_nats": 0.0}
    if min_rate is not None:
        note["latents"], note["pruned_nats"] = live_latents(model, calibration_images, min_rate)
    convert = functools.partial(_convert, model, signatures, output, batch, note["latents"])
    if quantize == "auto":
        images = _halves(calibration_images, signatures)
        inputs = calibration_inputs(model, signatures, batch, images[0], note["latents"])
        candidates = ways(model, convert, inputs, images[0])
        content, tries = best(model, candidates, note, images[1], budget or Budget())
        quantize = next(row["file"] for row in tries if row["chosen"])
    else:
        tries, serve = (), served
        if quantize == "int8":
            serve = int8_networks(model, check_images(signatures, calibration_images))
        content = with_note(convert(quantize, serve), note)
        if quantize == "int8" and "decode" in signatures:
            _check_error(model, content, calibration_images, note)
    ops = count_builtin(content)
    atomic.write(path, content)
    return Artefact(path, len(content), ops, quantize, signatures, **note, tries=tries)


def _halves(images, signatures):
    """Images to calibrate on and images that judge, for "auto"."""
    if images is None or len(images) < 2 or "decode" not in signatures:
        raise ValueError(
            "quantize='auto' judges by the signature 'decode' and by calibration_images=(N, H, W, "
            f"C), at least two; received signatures={signatures!r} and "
            f"{0 if images is None else len(images)} images."
        )
    return images[::2], images[1::2]


def _convert(model, signatures, output, batch, kept, quantize, serve=served):
    """The model as the bytes of a file, its signatures in their order."""
    module = tf.Module()
    bodies = functions(model, signatures, output, batch, kept, serve)
    try:
        with quiet(), tempfile.TemporaryDirectory() as folder:
            graphs = {name: body.get_concrete_function() for name, body in bodies.items()}
            # what no network owns: a prior with weights draws for `generate`
            module.weights = [v for graph in graphs.values() for v in graph.variables]
            tf.saved_model.save(module, folder, signatures=graphs)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, list(graphs))
            if quantize is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if quantize == "float16":
                converter.target_spec.supported_types = [tf.float16]
            content = converter.convert()
            return tidy(content) if quantize == "int8" else content
    except Exception as error:  # the converter raises private types
        foreign = private_api.operators_without_kernel(error)
        if foreign:
            raise not_builtin(foreign) from error
        raise ValueError(
            f"The decoder of this model does not convert to TFLite (quantize={quantize!r}). The "
            f"converter says: {str(error).strip()[:1000]}"
        ) from error


def _check_error(model, content, images, note):
    z = calibration_codes(model, images)[:CHECKED_CODES]
    z = z if note["latents"] is None else z[:, note["latents"]]
    pixels = decoder.as_pixels(model, run(content, z), note["output"])
    error = float(np.mean(np.abs(pixels - decoder.decode(model, z, note["latents"]))))
    if not error <= INT8_LIMIT:
        likelihood = type(model.likelihood_family).__name__
        raise ValueError(
            f"int8 changes the pixels of this model by {error * 255:.1f}/255 in the mean, above "
            f"the limit of {INT8_LIMIT * 255:.0f}/255; nothing was written. 256 levels are too few "
            f"for the raw outputs of its {likelihood} likelihood. quantize='dynamic' has the same "
            "size and keeps activations exact enough."
        )
