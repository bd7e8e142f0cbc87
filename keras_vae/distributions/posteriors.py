"""q(z given x): the families of posteriors, by name. Raw encoder outputs in, a distribution out."""

import keras
import tensorflow as tf

from keras_vae.choice import choose
from keras_vae.distributions import tfd
from keras_vae.distributions.iaf import InverseAutoregressive
from keras_vae.distributions.posterior import Posterior

__all__ = ["FAMILIES", "DiagonalNormal", "InverseAutoregressive", "Posterior", "get"]


@keras.saving.register_keras_serializable(package="keras_vae")
class DiagonalNormal(Posterior):
    """Independent normals (Kingma & Welling, arXiv 1312.6114).

    Raw parameters: D means, then D scales before a softplus.
    """

    def parameters(self, latent_dim):
        return 2 * latent_dim

    def distribution(self, parameters):
        loc, scale = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return tfd.Independent(tfd.Normal(loc, tf.nn.softplus(scale) + 1e-4), 1)

    def mean(self, parameters):
        # Not a split, whose second half nobody reads: LiteRT leaves that without a value.
        return tf.cast(parameters[..., : parameters.shape[-1] // 2], tf.float32)


FAMILIES = {"diagonal_normal": DiagonalNormal, "iaf": InverseAutoregressive}


def get(posterior):
    """A name of `FAMILIES`, or a Posterior, to a Posterior."""
    return choose("posterior", posterior, FAMILIES, Posterior)
