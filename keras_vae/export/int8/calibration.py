"""What int8 needs to know: the codes and images over which the ranges of its integers are taken."""

import numpy as np

from keras_vae.distributions import tfd
from keras_vae.export.graph import decoder
from keras_vae.export.graph.rewrite import frozen
from keras_vae.export.int8 import fake_quant

CALIBRATION_CODES = 256  # of each kind
KINDS = ("prior", "means", "samples")
RANGES = ("likelihood", "min_max")


def int8_networks(model, images=None, kinds=KINDS, ranges="likelihood"):
    """The networks of a model as an int8 file computes them.

    The layers with weights read and write integers; see `marking.Marking` for what does not. What
    lies before a network (the integers of `generate`) and behind it (a sigmoid, for most
    likelihoods) is no part of it and stays as it is: in int8 it costs more than it saves, and the
    means of continuous_bernoulli and discretized_logistic divide by numbers that int8 rounds to
    zero.

    Args:
        model, images, kinds, ranges: see `calibrated`.

    Returns:
        function (network) -> function of tensors, in the place of `rewrite.served`.
    """
    return lambda network: frozen(calibrated(model, network, images, kinds, ranges))


def calibrated(model, network, images=None, kinds=KINDS, ranges="likelihood"):
    """The encoder or the decoder of a model, with the roundings of int8 activations.

    Args:
        model: Autoencoder or VAE.
        network: its encoder or its decoder.
        images, kinds: see `calibration_codes`; the encoder needs images.
        ranges: one of RANGES, see `fake_quant.calibrate`.

    Returns:
        functional keras.Model of FakeQuant layers and of the network's own, copied.
    """
    copy, marks = fake_quant.marked(network)
    if network is model.decoder:
        inputs = calibration_codes(model, images, kinds)
        distribution = model.likelihood_family.distribution
    else:
        inputs = some(images)
        distribution = _of_code(model, inputs)
    fake_quant.calibrate(copy, marks, inputs, distribution if ranges == "likelihood" else None)
    return copy


def _of_code(model, images):
    """What an encoder's output stands for while its ranges are chosen.

    Returns:
        function, raw output -> a tfd.Normal around the code, as wide as the posterior is on average
        over the images.
    """
    spread = 1.0
    if model.posterior_family is not None:
        apart = model.sample_codes(images, seed=2) - model.encode(images)
        spread = np.sqrt(np.mean(np.square(apart), axis=0)) + 1e-6
    normal = lambda raw: tfd.Normal(model.code(raw), spread)
    return lambda raw: tfd.Independent(normal(raw), reinterpreted_batch_ndims=1)


def calibration_inputs(model, signatures, batch, images=None, kinds=KINDS, count=CALIBRATION_CODES):
    """What each signature is run on while ranges are taken: whole batches.

    Args:
        model: Autoencoder or VAE.
        signatures: names of `functions.SIGNATURES`.
        batch: images per call.
        images: see `calibration_codes`; "encode" and "reconstruct" need them.
        kinds, count: of codes, see `calibration_codes`.

    Returns:
        dict of signature -> list of dicts of input name -> array.
    """
    codes = calibration_codes(model, images, kinds, count)
    total = len(codes)
    position = np.linspace(0, 1, total, dtype="float32")[:, None]
    noise = np.random.default_rng(1).standard_normal((total, model.prior_family.noise_dim))
    noise = {"noise": noise.astype("float32")}
    arrays = {
        "decode": {"z": codes},
        "draw": noise,
        "from_noise": noise,
        "interpolate": {"start": codes, "end": codes[::-1], "position": position},
        "generate": {"seed": np.arange(total, dtype="int32")},
    }
    if {"encode", "reconstruct"} & set(signatures):
        arrays["encode"] = arrays["reconstruct"] = {"images": some(images, count)}
    return {
        name: [
            # np.resize repeats rows to fill the last batch
            {key: np.resize(rows[i : i + batch], (batch, *rows.shape[1:]))
             for key, rows in arrays[name].items()}
            for i in range(0, len(next(iter(arrays[name].values()))), batch)
        ]
        for name in signatures
    }  # fmt: skip


def check_images(signatures, images, quantize="int8"):
    """The images, or None. Raises ValueError where signatures cannot do without."""
    if images is None and {"encode", "reconstruct"} & set(signatures):
        raise ValueError(
            f"quantize={quantize!r} with signatures={tuple(signatures)!r} needs "
            "calibration_images=(N, H, W, C): an encoder is calibrated on images."
        )
    return images


def calibration_codes(model, images=None, kinds=KINDS, count=CALIBRATION_CODES):
    """The codes over which int8 takes its ranges, and rounded weights their errors.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) or (N, H, W) in [0, 1], or None; at most `count`, evenly chosen,
            are used.
        kinds: "prior" (draws of it), "means" and "samples" (of the posterior of the images); those
            that model and images do not give are left out.
        count: of codes of each kind, at most.

    Returns:
        (M, latent_dim) float32.
    """
    if images is None and not model.can_sample:
        raise ValueError(
            f"The prior of this {type(model).__name__} was not fitted: int8 needs "
            "calibration_images=(N, H, W, C), images of the kind that it was trained on."
        )
    codes, exact = [], model.posterior_family is None
    if "prior" in kinds and (images is None or not exact):  # real codes tell more of exact ones
        codes.append(decoder.trial_codes(model, count, seed=1))
    if images is not None:
        images = some(images, count)
        if "means" in kinds or exact:
            codes.append(model.encode(images))
        if "samples" in kinds and not exact:
            codes.append(model.sample_codes(images, seed=2))
    codes = np.concatenate(codes).astype("float32")
    return codes[np.random.default_rng(0).permutation(len(codes))]


def some(images, count=CALIBRATION_CODES):
    """At most `count` of the images, evenly chosen, (M, H, W, C) float32."""
    images = np.asarray(images)
    if not len(images):
        raise ValueError("calibration_images holds no image.")
    chosen = np.linspace(0, len(images) - 1, min(len(images), count)).astype(int)
    images = images[chosen].astype("float32")
    if images.min() < 0 or images.max() > 1:
        raise ValueError(
            f"calibration_images must lie in [0, 1]; received values in [{images.min():g}, "
            f"{images.max():g}]. Divide 8-bit images by 255."
        )
    return images[..., None] if images.ndim == 3 else images
