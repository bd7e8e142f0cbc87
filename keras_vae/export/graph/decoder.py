"""The graph that is served: z (B, latent_dim) float32 -> (B, H, W, C) pixel means in [0, 1]."""

import numpy as np
import tensorflow as tf

from keras_vae.export.graph.layers import in_float32
from keras_vae.models import CodeModel


def check(model):
    """Raises TypeError where there is no decoder to serve."""
    if not isinstance(model, CodeModel):
        raise TypeError(
            "export writes the decoder of a model with a code (Autoencoder, VAE); received "
            f"{type(model).__name__}, which has none."
        )


def decode_function(model):
    """The decoder as a plain function of tensors, computed in float32 whatever the model's policy.

    Args:
        model: Autoencoder or VAE.

    Returns:
        function, (B, latent_dim) float32 -> (B, H, W, C) float32 in [0, 1].
    """
    network, likelihood = in_float32(model.decoder), model.likelihood_family
    return lambda z: likelihood.mean(network(z, training=False))


def encode_function(model):
    """The same of the encoder: (B, H, W, C) float32 in [0, 1] -> (B, latent_dim) float32."""
    network = in_float32(model.encoder)
    return lambda images: model.code(network(images, training=False))


def concrete(function, *specs):
    """Traces a function.

    Returns:
        The ConcreteFunction, and a tf.Module that owns its variables. Without such an owner (a
        Keras model is none to tf.saved_model) they come up empty in the exported file.
    """
    graph = tf.function(function, input_signature=specs).get_concrete_function()
    owner = tf.Module()
    owner.weights = list(graph.variables)
    return graph, owner


def decode(model, z):
    """(N, latent_dim) -> (N, H, W, C) float32 in [0, 1]: what an artefact is compared with.

    The same as `model.decode(z)`, but for a model under mixed precision, where that carries the
    rounding of bfloat16 and this does not.
    """
    network = in_float32(model.decoder)
    if network is model.decoder:
        return model.decode(z)  # traced once for all calls
    inputs = [tf.constant(z[i : i + 256], tf.float32) for i in range(0, len(z), 256)]
    mean = model.likelihood_family.mean
    return np.concatenate([np.asarray(mean(network(x, training=False))) for x in inputs])


def noise_of(model, z):
    """(N, latent_dim) codes -> (N, noise_dim) float32: the noise that the prior makes each of.

    Raises:
        ValueError: a prior that cannot tell, see `Prior.invertible`.
    """
    prior = model.prior_family
    if not prior.invertible:
        raise ValueError(
            f"The file takes noise, and {type(prior).__name__} cannot tell which noise makes a "
            "code; export the signature 'decode' as well, so that codes can be compared."
        )
    return np.asarray(prior.to_noise(tf.constant(z, tf.float32))[0])


def trial_noise(model, count, seed):
    """(count, noise_dim) standard normal noises and their (count, latent_dim) codes, float32."""
    noise = np.random.default_rng(seed).standard_normal((count, model.prior_family.noise_dim))
    noise = noise.astype("float32")
    return noise, np.asarray(model.prior_family.from_noise(tf.constant(noise)))


def as_pixels(model, images, output):
    """What a file gives -> (N, H, W, C) float32 in [0, 1]; `output` as in `export.tflite`."""
    if output == "logits":
        return np.asarray(model.likelihood_family.mean(tf.constant(images)))
    return images.astype("float32") / 255.0 if output == "uint8" else images


def trial_codes(model, count, seed):
    """(count, latent_dim) float32 codes to try a decoder on.

    Draws of the prior; of an autoencoder whose prior was not fitted yet, standard normal.
    """
    if model.can_sample:
        return model.draw_codes(count, seed)
    normal = np.random.default_rng(seed).standard_normal((count, model.latent_dim))
    return normal.astype("float32")
