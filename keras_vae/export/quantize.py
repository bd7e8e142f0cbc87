"""What int8 needs to know: which steps of a file become integers, and over which ranges."""

import numpy as np
import tensorflow as tf

from keras_vae.export import decoder
from keras_vae.export.artefact import operators

CALIBRATION_CODES = 256  # of each kind
KINDS = ("prior", "means", "samples")
WEIGHT_OPS = {"FULLY_CONNECTED", "CONV_2D", "TRANSPOSE_CONV", "DEPTHWISE_CONV_2D", "BATCH_MATMUL"}
MOVES = {"DEPTH_TO_SPACE", "RESHAPE", "STRIDED_SLICE"}  # compute nothing: in int8 they cost less


def int8(converter, inputs):
    """Converts with int8 weights and int8 activations.

    Of each signature all steps from the first with weights to the last are integers; what lies
    before (the integers of `generate`) and behind (a sigmoid, for most likelihoods) stays as it is:
    in int8 it costs more than it saves, and the means of continuous_bernoulli and
    discretized_logistic divide by numbers that int8 rounds to zero.

    Args:
        converter: tf.lite.TFLiteConverter of a SavedModel.
        inputs: dict of signature -> list of dicts of input name -> array, over which the ranges of
            activations are taken: their minimum and maximum.

    Returns:
        bytes.
    """
    debugging = tf.lite.experimental
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: (
        (name, rows) for name, batches in inputs.items() for rows in batches
    )
    # The converter alone has no way to leave a part in float; its debugger has.
    chooser = debugging.QuantizationDebugger(
        converter=converter, debug_dataset=converter.representative_dataset
    )
    outside = _outside(chooser.calibrated_model)
    chooser.options = debugging.QuantizationDebugOptions(denylisted_nodes=outside)
    return chooser.get_nondebug_quantized_model()


def _outside(content):
    """Output names of the steps that lie before the first or behind the last step with weights."""
    graphs = {}
    for operator in operators(content):
        graphs.setdefault(operator.graph, []).append(operator)
    names = []
    for steps in graphs.values():
        heavy = [i for i, step in enumerate(steps) if step.name in WEIGHT_OPS]
        end = heavy[-1] + 1
        while end < len(steps) and steps[end].name in MOVES:
            end += 1
        names += [step.output for step in (*steps[: heavy[0]], *steps[end:])]
    return names


def calibration_inputs(model, signatures, batch, images=None, kept=None, kinds=KINDS):
    """What each signature is run on while ranges are taken: whole batches.

    Args:
        model: Autoencoder or VAE.
        signatures: names of `functions.SIGNATURES`.
        batch: images per call.
        images: see `calibration_codes`; "encode" and "reconstruct" need them.
        kept: indices of the latents that a code of the file consists of, or None.
        kinds: of codes, see `calibration_codes`.

    Returns:
        dict of signature -> list of dicts of input name -> array.
    """
    codes = calibration_codes(model, images, kinds)
    codes = codes if kept is None else codes[:, kept]
    count = len(codes)
    position = np.linspace(0, 1, count, dtype="float32")[:, None]
    arrays = {
        "decode": {"z": codes},
        "interpolate": {"start": codes, "end": codes[::-1], "position": position},
        "generate": {"seed": np.arange(count, dtype="int32")},
    }
    if {"encode", "reconstruct"} & set(signatures):
        if images is None:
            raise ValueError(
                f"quantize='int8' with signatures={tuple(signatures)!r} needs "
                "calibration_images=(N, H, W, C): an encoder is calibrated on images."
            )
        arrays["encode"] = arrays["reconstruct"] = {"images": _some(images)}
    return {
        name: [
            # np.resize repeats rows to fill the last batch
            {key: np.resize(rows[i : i + batch], (batch, *rows.shape[1:]))
             for key, rows in arrays[name].items()}
            for i in range(0, len(next(iter(arrays[name].values()))), batch)
        ]
        for name in signatures
    }  # fmt: skip


def calibration_codes(model, images=None, kinds=KINDS):
    """The codes over which int8 takes its ranges.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) or (N, H, W) in [0, 1], or None; at most 256, evenly chosen, are used.
        kinds: "prior" (draws of it), "means" and "samples" (of the posterior of the images); those
            that model and images do not give are left out.

    Returns:
        (M, latent_dim) float32.
    """
    is_vae = hasattr(model, "prior")
    if images is None and not is_vae:
        raise ValueError(
            f"{type(model).__name__} has no prior to draw codes from: quantize='int8' needs "
            "calibration_images=(N, H, W, C), images of the kind that it was trained on."
        )
    codes = []
    if is_vae and "prior" in kinds:
        codes.append(decoder.draw(model, CALIBRATION_CODES, seed=1))
    if images is not None:
        images = _some(images)
        if "means" in kinds or not is_vae:
            codes.append(model.encode(images))
        if is_vae and "samples" in kinds:
            codes.append(np.asarray(model.posterior(images).sample(seed=tf.constant([0, 2]))))
    codes = np.concatenate(codes).astype("float32")
    return codes[np.random.default_rng(0).permutation(len(codes))]


def _some(images):
    """At most CALIBRATION_CODES of the images, evenly chosen, (M, H, W, C) float32."""
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
    return images[..., None] if images.ndim == 3 else images
