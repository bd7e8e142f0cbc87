"""What an exported decoder costs in likelihood: the file itself decodes, real images judge."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vae.export.graph import decoder
from keras_vae.export.proof.verify import compared
from keras_vae.export.runtime.runtimes import open_file
from keras_vae.models import checks


def certify(path, model, images, seed=0):
    """Measures a .tflite decoder in nats.

    One code of each image is drawn from the model's own posterior, in float32 (an Autoencoder: its
    code is taken). The file decodes it in LiteRT and the model in Keras, and the log-likelihoods of
    the image under both are compared: the same codes, so that their noise cancels. Of a file that
    gives pixels both are those of pixels, which float32 keeps from 0 and 1 less well than logits.

    Args:
        path: a .tflite file with the signature "decode" or "from_noise", of any quantisation and
            output.
        model: the Autoencoder or VAE that it was exported from.
        images: (N, H, W, C) or (N, H, W) in the support of the likelihood; test images.
        seed: of the codes.

    Returns:
        dict of `verify`, its errors over these codes, and: images (N), nats_lost (by how much the
        ELBO falls where the file decodes, an Autoencoder's log p(x | code); nats per image),
        nats_lost_error (its standard error), psnr_db (of the file's images against the model's).
        Of a file with both signatures, where each code has one noise: the same two of
        nats_lost_from_noise, where the file makes codes and images of the noises of these codes,
        so that the rounding of the prior counts as well. (Of "from_noise" alone nats_lost is that.)

    Raises:
        ValueError: as `verify`; images that the model cannot explain; or a likelihood that is not
            determined by pixel means, of a file that was not exported with output="logits".
    """
    images, _ = checks.prepare_inputs(images, None, model.image_shape, model.likelihood_family)
    z = model.sample_codes(images, seed)
    row, z, found, output, expected = compared(path, model, z)
    explained = _log_likelihood(model, z, images, output)
    lost = explained - _of_file(model, found, images, output)
    drawn = _from_noise(Path(path), model, z)
    more = {}
    if drawn is not None:
        of_noise = explained - _of_file(model, drawn, images, output)
        more = _with_error("nats_lost_from_noise", of_noise)
    error = np.mean(np.square(decoder.as_pixels(model, found, output) - expected), dtype="float64")
    return {
        **row,
        "images": len(images),
        **_with_error("nats_lost", lost),
        **more,
        "psnr_db": float(-10 * np.log10(max(error, 1e-20))),
    }


def _with_error(name, values):
    """The mean of (N,) values, and its standard error."""
    error = float(values.std() / np.sqrt(len(values)))
    return {name: float(values.mean()), f"{name}_error": error}


def _from_noise(path, model, z):
    """What the file makes of the noises of (N, latent_dim) codes; None where it does not."""
    if path.is_dir() or not model.prior_family.invertible:
        return None
    file = open_file(path.read_bytes(), "interpreter", str(path))
    if not {"decode", "from_noise"} <= set(file.interpreter.get_signature_list()):
        return None
    noise = decoder.noise_of(model, z)
    details = file.interpreter.get_signature_runner("from_noise").get_input_details()
    batch = details["noise"]["shape"][0]
    images = []
    for start in range(0, len(noise), batch):
        rows = noise[start : start + batch]
        filled = np.resize(rows, (batch, noise.shape[1]))  # repeats rows to fill the last batch
        (found,) = file("from_noise", noise=filled).values()
        images.append(found[: len(rows)])
    return np.concatenate(images)


def _log_likelihood(model, z, images, output):
    """(N,) float64, log p(x|z) by the model: by its logits, or by its pixels where a file's are."""
    network, family = decoder.in_float32(model.decoder), model.likelihood_family
    raw = lambda rows: network(tf.constant(rows), training=False)
    if output == "logits":
        return _per_image(lambda rows: family.distribution(raw(rows)), z, images)
    return _per_image(lambda rows: family.from_mean(family.mean(raw(rows))), z, images)


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
