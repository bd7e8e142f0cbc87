"""A decoder as a .tflite file: float32, float16, dynamic range or int8."""

import os
import re
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vae.choice import unknown
from keras_vae.export import decoder
from keras_vae.export.artefact import Artefact, count_builtin, not_builtin, operators
from keras_vae.export.interpreter import run
from keras_vae.quiet import quiet

QUANTIZE = (None, "float16", "dynamic", "int8")
CALIBRATION_CODES = 256  # of each kind: prior, posterior means, posterior samples
INT8_LIMIT = 3 / 255  # mean absolute pixel error above which an int8 file is not written
WEIGHT_OPS = {"FULLY_CONNECTED", "CONV_2D", "TRANSPOSE_CONV", "DEPTHWISE_CONV_2D", "BATCH_MATMUL"}


def tflite(model, path, quantize=None, *, calibration_images=None, batch=1):
    """Writes the decoder of a model as a .tflite file.

    Every file takes z, (batch, latent_dim) float32, and gives pixel means, (batch, H, W, C)
    float32 in [0, 1], with builtin operators only. The batch is static: LiteRT runs a static batch
    faster, its browser build runs nothing else.

    `quantize` says what is stored and computed:

        None       float32 weights, float32 arithmetic
        "float16"  float16 weights, float32 arithmetic: half the bytes
        "dynamic"  int8 weights, activations quantised while running: a quarter of the bytes
        "int8"     int8 weights and int8 activations with fixed scales, from z to the decoder's raw
                   output. What turns raw output into pixels (a sigmoid, for most likelihoods) stays
                   float32 behind it: in int8 it costs more than it saves, and the means of
                   continuous_bernoulli and discretized_logistic divide by numbers that int8
                   rounds to zero. Scales are the minimum and maximum over calibration codes.

    Args:
        model: Autoencoder or VAE.
        path: file to write, ending in .tflite; an older file is replaced.
        quantize: None, "float16", "dynamic" or "int8".
        calibration_images: (N, H, W, C) or (N, H, W) in [0, 1], used by "int8" only: its codes
            (and, for a VAE, samples of their posterior) calibrate beside draws of the prior. An
            Autoencoder has no prior and needs them.
        batch: images per call.

    Returns:
        Artefact.

    Raises:
        TypeError: a model without a decoder.
        ValueError: an unknown `quantize`, a path without .tflite, a batch below 1, an Autoencoder
            without images to calibrate on, a decoder that LiteRT cannot run, or one that int8
            damages by more than 3/255 in the mean.
        FileNotFoundError, IsADirectoryError: a path that cannot be written.
    """
    decoder.check(model)
    path = _writable(path)
    if quantize not in QUANTIZE:
        raise unknown("quantize", quantize, QUANTIZE)
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ValueError(f"batch must be an integer of at least 1; received {batch!r}.")
    codes = calibration_codes(model, calibration_images) if quantize == "int8" else None
    content = _convert(model, quantize, codes, batch)
    ops = count_builtin(content)
    if quantize == "int8":
        _check_error(model, content, codes)
    _write(path, content)
    return Artefact(path, len(content), ops, quantize)


def calibration_codes(model, images=None):
    """The codes over which int8 takes its ranges.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) or (N, H, W) in [0, 1], or None; at most 256, evenly chosen, are used.

    Returns:
        (M, latent_dim) float32: draws of the prior, means and samples of the posterior, in turn.
    """
    is_vae = hasattr(model, "prior")
    if images is None and not is_vae:
        raise ValueError(
            f"{type(model).__name__} has no prior to draw codes from: quantize='int8' needs "
            "calibration_images=(N, H, W, C), images of the kind that it was trained on."
        )
    kinds = [decoder.draw(model, CALIBRATION_CODES, seed=1)] if is_vae else []
    if images is not None:
        images = np.asarray(images)
        if not len(images):
            raise ValueError("calibration_images holds no image.")
        chosen = np.linspace(0, len(images) - 1, min(len(images), CALIBRATION_CODES)).astype(int)
        images = images[chosen].astype("float32")
        if images.min() < 0 or images.max() > 1:
            raise ValueError(
                f"calibration_images must lie in [0, 1]; received values in [{images.min():g}, "
                f"{images.max():g}]. Divide 8-bit images by 255."
            )
        kinds.append(model.encode(images))
        if is_vae:
            kinds.append(np.asarray(model.posterior(images).sample(seed=tf.constant([0, 2]))))
    codes = np.concatenate(kinds).astype("float32")
    return codes[np.random.default_rng(0).permutation(len(codes))]


def _convert(model, quantize, codes, batch):
    spec = tf.TensorSpec((batch, model.latent_dim), tf.float32, name="z")
    try:
        with quiet():
            graph, owner = decoder.concrete(decoder.decode_function(model), spec)
            converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], owner)
            if quantize is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if quantize == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if quantize == "int8":
                return _convert_int8(converter, codes, batch)
            return converter.convert()
    except Exception as error:  # the converter raises private types
        foreign = sorted(set(re.findall(r"'tf\.(\w+)' op is neither a custom op", str(error))))
        if foreign:
            raise not_builtin(foreign) from error
        raise ValueError(
            f"The decoder of this model does not convert to TFLite (quantize={quantize!r}). The "
            f"converter says: {str(error).strip()[:1000]}"
        ) from error


def _convert_int8(converter, codes, batch):
    """int8 up to the last operator with weights, float32 behind it."""
    debugging = tf.lite.experimental
    # Whole batches only; np.resize repeats codes to fill the last one.
    batches = np.resize(codes, (-(-len(codes) // batch), batch, codes.shape[1]))
    converter.representative_dataset = lambda: ([codes] for codes in batches)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    # The converter alone has no way to leave a part in float; its debugger has.
    chooser = debugging.QuantizationDebugger(
        converter=converter, debug_dataset=converter.representative_dataset
    )
    steps = operators(chooser.calibrated_model)
    last = max(i for i, operator in enumerate(steps) if operator.name in WEIGHT_OPS)
    behind = [operator.output for operator in steps[last + 1 :]]
    chooser.options = debugging.QuantizationDebugOptions(denylisted_nodes=behind)
    return chooser.get_nondebug_quantized_model()


def _check_error(model, content, codes):
    codes = codes[:32]
    error = float(np.mean(np.abs(run(content, codes) - decoder.decode(model, codes))))
    if not error <= INT8_LIMIT:
        likelihood = type(model.likelihood_family).__name__
        raise ValueError(
            f"int8 changes the pixels of this model by {error * 255:.1f}/255 in the mean, above "
            f"the limit of {INT8_LIMIT * 255:.0f}/255; nothing was written. 256 levels are too few "
            f"for the raw outputs of its {likelihood} likelihood. quantize='dynamic' has the same "
            "size and keeps activations exact enough."
        )


def _writable(path):
    path = Path(os.path.abspath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it, like decoder.tflite.")
    if path.suffix != ".tflite":
        raise ValueError(f"path must end in .tflite; received {path.name!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {path}: the folder {path.parent} does not exist. Make it first."
        )
    return path


def _write(path, content):
    """Writes aside and renames, so that no half-written file is ever seen."""
    number, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        os.chmod(aside, 0o644)  # mkstemp makes it private
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
