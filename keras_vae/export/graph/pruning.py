"""Latents that say nothing: which they are, and what leaving them out costs."""

import numpy as np
import tensorflow as tf

from keras_vae.distributions import tfd
from keras_vae.export.graph import decoder

CHECKED_IMAGES = 1000


def live_latents(model, images, min_rate):
    """The latents whose rate is at least `min_rate`, and the price of the others.

    A latent whose posterior is the prior whatever the image carries nothing: its decoder weights
    are there, its numbers are noise. In the place of that noise the pruned file has 0, the mean.

    Args:
        model: VAE whose posterior and prior are products over the latents.
        images: (N, H, W, C) or (N, H, W) in [0, 1]; at most 1,000, evenly chosen, are used.
        min_rate: nats per image.

    Returns:
        tuple of the indices that stay, and by how much the ELBO falls, nats per image: what the
        distortion gains less the rate that is not paid any more.

    Raises:
        ValueError: no images, a model whose rate is no sum over latents, or no latent that stays.
    """
    if images is None or not len(images):
        raise ValueError("min_rate needs calibration_images=(N, H, W, C): rates are of images.")
    chosen = np.linspace(0, len(images) - 1, min(len(images), CHECKED_IMAGES)).astype(int)
    images = np.asarray(images)[chosen].astype("float32")
    images = images[..., None] if images.ndim == 3 else images
    rates = rate_per_latent(model, images)
    kept = np.flatnonzero(rates >= min_rate)
    if not len(kept):
        raise ValueError(
            f"No latent has a rate of min_rate={min_rate:g} nats; the largest is {rates.max():.3g}."
        )
    z = np.asarray(model.posterior(images).sample(seed=tf.constant([0, 3])))
    pruned = np.zeros_like(z)
    pruned[:, kept] = z[:, kept]
    gain = _distortion(model, pruned, images) - _distortion(model, z, images)
    left_out = rates.sum() - rates[kept].sum()
    return tuple(int(index) for index in kept), float(gain - left_out)


def rate_per_latent(model, images):
    """KL(q || p) of each latent, the mean over images.

    Args:
        model: VAE.
        images: (N, H, W, C) float32 in [0, 1].

    Returns:
        (latent_dim,) nats per image.
    """
    posterior = None if model.posterior_family is None else model.posterior(images)
    if not all(isinstance(part, tfd.Independent) for part in (posterior, model.prior)):
        raise ValueError(
            "min_rate needs a VAE whose posterior and prior are products over the latents "
            f"(tfd.Independent); {type(model).__name__} has {type(posterior).__name__}."
        )
    rates = tfd.kl_divergence(posterior.distribution, model.prior.distribution)
    return np.asarray(tf.reduce_mean(rates, axis=0))


def _distortion(model, z, images):
    network, likelihood = decoder.in_float32(model.decoder), model.likelihood_family
    total = 0.0
    for i in range(0, len(z), 250):
        raw = network(tf.constant(z[i : i + 250]), training=False)
        total -= float(tf.reduce_sum(likelihood.distribution(raw).log_prob(images[i : i + 250])))
    return total / len(z)
