"""What an exported decoder costs in likelihood: the file itself decodes, real images judge."""

import numpy as np
import tensorflow as tf

from keras_vae.export.graph import decoder
from keras_vae.export.proof.verify import compared
from keras_vae.models import checks


def certify(path, model, images, seed=0):
    """Measures a .tflite decoder in nats.

    One code of each image is drawn from the model's own posterior, in float32 (an Autoencoder: its
    code is taken). The file decodes it in LiteRT and the model in Keras, and the log-likelihoods of
    the image under both are compared: the same codes, so that their noise cancels.

    Args:
        path: a .tflite file with the signature "decode", of any quantisation and output.
        model: the Autoencoder or VAE that it was exported from.
        images: (N, H, W, C) or (N, H, W) in the support of the likelihood; test images.
        seed: of the codes.

    Returns:
        dict of `verify`, its errors over these codes, and: images (N), nats_lost (by how much the
        ELBO falls where the file decodes, an Autoencoder's log p(x | code); nats per image),
        nats_lost_error (its standard error), psnr_db (of the file's images against the model's).

    Raises:
        ValueError: as `verify`; images that the model cannot explain; or a likelihood that is not
            determined by pixel means, of a file that was not exported with output="logits".
    """
    images, _ = checks.prepare_inputs(images, None, model.image_shape, model.likelihood_family)
    z = model.sample_codes(images, seed)
    row, z, found, output, expected = compared(path, model, z)
    lost = _log_likelihood(model, z, images) - _of_file(model, found, images, output)
    error = np.mean(np.square(decoder.as_pixels(model, found, output) - expected), dtype="float64")
    return {
        **row,
        "images": len(images),
        "nats_lost": float(lost.mean()),
        "nats_lost_error": float(lost.std() / np.sqrt(len(lost))),
        "psnr_db": float(-10 * np.log10(max(error, 1e-20))),
    }


def _log_likelihood(model, z, images):
    """(N,) float64, log p(x|z) by the model."""
    network = decoder.in_float32(model.decoder)
    raw = lambda rows: network(tf.constant(rows), training=False)
    return _per_image(lambda rows: model.likelihood_family.distribution(raw(rows)), z, images)


def _of_file(model, found, images, output):
    """(N,) float64, log p(x|z) by what the file gave."""
    family = model.likelihood_family
    if output == "logits":
        return _per_image(lambda rows: family.distribution(tf.constant(rows)), found, images)
    pixels = decoder.as_pixels(model, found, output)
    return _per_image(lambda rows: family.from_mean(tf.constant(rows)), pixels, images)


def _per_image(distribution, rows, images):
    parts = [
        distribution(rows[i : i + 250]).log_prob(images[i : i + 250]).numpy()
        for i in range(0, len(images), 250)
    ]
    return np.concatenate(parts).astype("float64")
