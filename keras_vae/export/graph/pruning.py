"""Latents that say nothing: a model without them, and what leaving them out costs."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae.choice import copied
from keras_vae.export.graph.layers import copy_weights, in_float32, readers
from keras_vae.models import VAE

CHECKED_IMAGES = 1000


class Pruned(NamedTuple):
    """A model made smaller.

    Attributes:
        model: VAE of fewer latents, not compiled; it shares no weights with the original.
        latents: indices of those that stay.
        nats: by how much the ELBO of the images falls, nats per image; negative where it rises.
    """

    model: VAE
    latents: tuple
    nats: float


def pruned(model, images, min_rate):
    """A model without the latents whose rate is below `min_rate`.

    A latent whose posterior is the prior whatever the image carries nothing: its decoder weights
    are there, its numbers are noise. In the place of that noise the smaller model has 0, the mean.

    Args:
        model: VAE whose posterior and prior are products over the latents, and whose decoder starts
            with Dense layers.
        images: (N, H, W, C) or (N, H, W) in [0, 1]; at most 1,000, evenly chosen, are used.
        min_rate: nats per image.

    Returns:
        Pruned. Its `nats` are what the distortion gains less the rate that is not paid any more.

    Raises:
        ValueError: no images, a model whose rate is no sum over latents, another first layer, or no
            latent that stays.
        NotImplementedError: a prior that does not say what it is of fewer latents.
    """
    if images is None or not len(images):
        raise ValueError("pruned needs images, (N, H, W, C): rates are of images.")
    chosen = np.linspace(0, len(images) - 1, min(len(images), CHECKED_IMAGES)).astype(int)
    images = np.asarray(images)[chosen].astype("float32")
    images = images[..., None] if images.ndim == 3 else images
    rates = model.rate_by_latent(images) if isinstance(model, VAE) else None
    if rates is None:
        raise ValueError(
            "pruned needs a VAE whose posterior and prior are products over the latents; this "
            f"{type(model).__name__} has no rate of a latent."
        )
    kept = np.flatnonzero(rates >= min_rate)
    if not len(kept):
        raise ValueError(
            f"No latent has a rate of min_rate={min_rate:g} nats; the largest is {rates.max():.3g}."
        )
    z = model.sample_codes(images, seed=3)
    silent = np.zeros_like(z)
    silent[:, kept] = z[:, kept]
    gain = _distortion(model, silent, images) - _distortion(model, z, images)
    nats = gain - (rates.sum() - rates[kept].sum())
    return Pruned(_smaller(model, kept), tuple(int(index) for index in kept), float(nats))


def _smaller(model, kept):
    """A VAE of the latents `kept` alone, its weights copied."""
    raw = np.arange(model.posterior_family.parameters(model.latent_dim))
    parameters = raw[np.isin(raw % model.latent_dim, kept)]  # of latent k: k, latent_dim + k, ...
    encoder = _fewer_outputs(model.encoder, parameters)
    families = {name: copied(family) for name, family in model.choices().items() if name != "prior"}
    families["prior"] = model.prior_family.of_latents(kept)
    return type(model)(encoder, _fewer_inputs(model.decoder, kept), **families)


def _fewer_outputs(network, kept):
    """The network with the outputs `kept` alone."""
    last = next((layer for layer in network.layers if layer.output is network.output), None)
    if type(last) is not layers.Dense:
        clone = keras.models.clone_model(network)
        copy_weights(network, clone)
        return keras.Model(clone.input, keras.ops.take(clone.output, kept.tolist(), axis=-1))

    def copy(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "units": len(kept)} if layer is last else config)

    clone = keras.models.clone_model(network, clone_function=copy)
    _copy_all_but(network, clone, {last.name: [weight[..., kept] for weight in last.get_weights()]})
    return clone


def _fewer_inputs(network, kept):
    """The network for codes of len(kept) numbers, the others being 0."""
    first = readers(network)[id(network.input)]
    other = next((layer for layer in first if type(layer) is not layers.Dense), None)
    if other is not None:
        raise ValueError(
            "Latents can be left out of a decoder whose first layer is Dense; this one starts "
            f"with {type(other).__name__}."
        )
    clone = keras.models.clone_model(network, input_tensors=keras.Input((len(kept),)))
    kernels = {layer.name: layer.get_weights() for layer in first}
    smaller = {name: [kernel[kept], *bias] for name, (kernel, *bias) in kernels.items()}
    _copy_all_but(network, clone, smaller)
    return clone


def _copy_all_but(source, target, given):
    """The weights of the layers of the same names, but for those of `given`, name -> weights."""
    for layer in target.layers:
        if layer.name in given:
            layer.set_weights(given[layer.name])
        elif isinstance(layer, keras.Model):
            copy_weights(source.get_layer(layer.name), layer)
        elif layer.weights:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def _distortion(model, z, images):
    network, likelihood = in_float32(model.decoder), model.likelihood_family
    total = 0.0
    for i in range(0, len(z), 250):
        raw = network(tf.constant(z[i : i + 250]), training=False)
        total -= float(tf.reduce_sum(likelihood.log_prob(raw, images[i : i + 250])))
    return total / len(z)
