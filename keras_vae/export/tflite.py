"""A model as a .tflite file: in float32 or quantised, with one signature or several."""

import contextlib
import gc
import tempfile

import numpy as np
import tensorflow as tf

from keras_vae import atomic, private_api
from keras_vae.choice import unknown, whole
from keras_vae.export.artefact import Artefact
from keras_vae.export.flatbuffer.contents import count_builtin, not_builtin, with_note
from keras_vae.export.flatbuffer.peephole import tidy
from keras_vae.export.graph import decoder
from keras_vae.export.graph.functions import SIGNATURES, check_choices, functions
from keras_vae.export.graph.rewrite import served
from keras_vae.export.int8.calibration import (
    RANGES,
    calibration_codes,
    calibration_inputs,
    check_images,
    int8_networks,
)
from keras_vae.export.int8.rounding import CODES, networks, weights_file
from keras_vae.export.output_file import writable
from keras_vae.export.runtime.interpreter import run
from keras_vae.quiet import quiet

QUANTIZE = (None, "float16", "weights", "dynamic", "int8")
CHECKED_CODES = 32
INT8_LIMIT = 3 / 255  # mean absolute pixel error above which an int8 file is not written


def tflite(
    model,
    path,
    quantize=None,
    *,
    signatures=None,
    output="pixels",
    batch=1,
    calibration_images=None,
):
    """Writes a model as a .tflite file of builtin operators.

    A file carries one function for each name in `signatures`, their weights shared. B is `batch`,
    D the number of latents; all tensors are float32 unless said otherwise:

        decode(z=(B, D)) -> image
        from_noise(noise=(B, N) standard normal numbers) -> image: of the draw from the prior that
            they make, N = `model.prior_family.noise_dim`
        draw(noise=(B, N)) -> {"z": (B, D)}: that draw
        encode(images=(B, H, W, C) in [0, 1]) -> {"z": (B, D)}
        reconstruct(images=(B, H, W, C)) -> image
        interpolate(start=(B, D), end=(B, D), position=(B, 1) in [0, 1]) -> image
        generate(seed=(B,) int32) -> image: of a draw from the prior, the same latent bits for the
            same seed in every runtime (see `graph.generator`); not those of `model.sample`

    An image is {"images": (B, H, W, C)}, or for output="logits" {"logits": (B, H, W, R)}. The batch
    is static: LiteRT runs a static batch faster, its browser build runs nothing else.

    `quantize` says what is stored and computed; `export.best` tries more and measures:

        None       float32 weights, float32 arithmetic
        "float16"  float16 weights, float32 arithmetic: half the bytes
        "weights"  int8 weights, float32 arithmetic: a quarter of the bytes, see `rounding`
        "dynamic"  int8 weights, activations quantised while running: a quarter of the bytes
        "int8"     int8 weights and int8 activations with fixed scales, see
                   `int8.calibration.int8_networks`

    Args:
        model: Autoencoder or VAE.
        path: file to write, ending in .tflite; an older file is replaced.
        quantize: None, "float16", "weights", "dynamic" or "int8".
        signatures: names of `export.SIGNATURES`; by default `model.served`: decode, and from_noise
            of a VAE whose prior is not the standard normal.
        output: "pixels" (means in [0, 1]), "uint8" (0..255, for a bitmap), or "logits": the raw
            parameters of the likelihood, of which each channel has one or more.
        batch: images per call.
        calibration_images: (N, H, W, C) or (N, H, W) in [0, 1], used by "weights" and "int8": their
            codes (and, for a VAE, samples of their posterior) calibrate beside draws of the prior.
            A prior that was not fitted yet, and an encoder, need them.

    Returns:
        Artefact.

    Raises:
        TypeError: a model without a decoder.
        ValueError: an unknown `quantize`, signature or output, a path without .tflite, a batch
            below 1, missing images, a decoder that LiteRT cannot run, or one that int8 damages by
            more than 3/255 in the mean.
        NotImplementedError: "draw", "from_noise", "generate" of a prior that does not say how it
            is drawn.
        FileNotFoundError, IsADirectoryError: a path that cannot be written.
    """
    path, signatures = checked(model, path, signatures, output, batch)
    if quantize not in QUANTIZE:
        raise unknown("quantize", quantize, QUANTIZE, "; `export.best` chooses by measuring")
    if quantize in ("weights", "int8"):
        check_images(signatures, calibration_images, quantize)
    if quantize == "weights":
        content = rounded(model, signatures, output, batch, calibration_images)
    elif quantize == "int8":
        content = _integers(model, signatures, output, batch, calibration_images)
    else:
        content = converted(model, signatures, output, batch, quantize)
    content = with_note(content, {"output": output})
    ops = count_builtin(content)
    atomic.write(path, content)
    return Artefact(path, len(content), ops, quantize, signatures, output)


def checked(model, path, signatures, output, batch):
    """The path as a Path and the signatures in their order, decode first; errors of `tflite`."""
    decoder.check(model)
    path = writable(path, ".tflite")
    signatures = model.served if signatures is None else signatures
    check_choices(model, signatures, output)
    whole("batch", batch)
    return path, tuple(name for name in SIGNATURES if name in signatures)


def converted(model, signatures, output, batch, quantize=None, serve=served):
    """A model by the converter of TensorFlow.

    Args:
        model, signatures, output, batch, quantize: see `tflite`.
        serve: see `graph.functions.functions`.

    Returns:
        bytes of a .tflite file, its signatures in their order.

    Raises:
        ValueError: a decoder that LiteRT cannot run.
    """
    module = tf.Module()
    bodies = functions(model, signatures, output, batch, serve)
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
            with _collecting_what_is_new():
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


@contextlib.contextmanager
def _collecting_what_is_new():
    """Keeps what is there out of garbage collections: the converter asks for one each time.

    A third of a second in a process that holds TensorFlow and some models.
    """
    if gc.get_freeze_count():  # somebody else's
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def rounded(model, signatures, output, batch, images):
    """A model of int8 weights and float32 arithmetic, see `int8.rounding`: bytes of the file."""
    inputs = calibration_inputs(model, signatures, batch, images, count=CODES)
    float32 = converted(model, signatures, output, batch, serve=networks(model, images))
    return weights_file(float32, inputs)


def _integers(model, signatures, output, batch, images):
    """A model of integers, over the first of RANGES that keeps its pixels: bytes of the file.

    The ranges of the least likelihood lost hold errors of different positions to be independent.
    Those of a value that many positions share, as -1 of a saturated elu, are not: they add up.
    """
    z, errors = calibration_codes(model, images)[:CHECKED_CODES], []
    for ranges in RANGES:
        serve = int8_networks(model, images, ranges=ranges)
        content = converted(model, signatures, output, batch, "int8", serve)
        if "decode" not in signatures:
            return content
        pixels = decoder.as_pixels(model, run(content, z), output)
        errors.append(float(np.mean(np.abs(pixels - decoder.decode(model, z)))))
        if errors[-1] <= INT8_LIMIT:
            return content
    likelihood = type(model.likelihood_family).__name__
    raise ValueError(
        f"int8 changes the pixels of this model by {min(errors) * 255:.1f}/255 in the mean, above "
        f"the limit of {INT8_LIMIT * 255:.0f}/255; nothing was written. 256 levels are too few "
        f"for the raw outputs of its {likelihood} likelihood. quantize='dynamic' has the same "
        "size and keeps activations exact enough."
    )
