"""q(z given x): raw encoder outputs -> a distribution over the code."""

import keras
import tensorflow as tf

from keras_vae.choice import choose
from keras_vae.distributions import tfd


class Posterior(keras.layers.Layer):
    """Base of the posterior families.

    Attributes:
        parameters_per_latent: raw numbers that the encoder gives for each latent dimension.
    """

    parameters_per_latent = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True

    def distribution(self, parameters):
        """(B, latent_dim * parameters_per_latent) -> tfd.Distribution over (latent_dim,)."""
        raise NotImplementedError

    def mean(self, parameters):
        """(B, latent_dim * parameters_per_latent) -> (B, latent_dim) posterior means."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="keras_vae")
class DiagonalNormal(Posterior):
    """Independent normals (Kingma & Welling, arXiv 1312.6114).

    Raw parameters: D means, then D scales before a softplus.
    """

    parameters_per_latent = 2

    def distribution(self, parameters):
        loc, scale = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return tfd.Independent(tfd.Normal(loc, tf.nn.softplus(scale) + 1e-4), 1)

    def mean(self, parameters):
        # Not a split, whose second half nobody reads: LiteRT leaves that without a value.
        return tf.cast(parameters[..., : parameters.shape[-1] // 2], tf.float32)


FAMILIES = {"diagonal_normal": DiagonalNormal}


def get(posterior):
    """A name of `FAMILIES`, or a Posterior, to a Posterior."""
    return choose("posterior", posterior, FAMILIES, Posterior)
