"""p(z): what codes are drawn from. A prior may own weights; it then learns with the model."""

import keras
import tensorflow as tf

from keras_vae.choice import choose
from keras_vae.distributions import tfd


class Prior(keras.layers.Layer):
    """Base of the prior families.

    The first model that takes an instance calls `build_for`; models that share it find it built.

    Attributes:
        latent_dim: size of the codes, or None until there is a model.
    """

    latent_dim = None

    def build_for(self, latent_dim):
        """Fixes the size of the code; a prior with weights makes them here. Called once."""
        self.latent_dim = int(latent_dim)
        self.built = True

    def distribution(self):
        """tfd.Distribution, batch shape (), event shape (latent_dim,)."""
        raise NotImplementedError

    def from_normal(self, normal):
        """(B, latent_dim) standard normal numbers -> draws of the prior: how a device samples."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say how it is drawn from normal numbers; give it a "
            "from_normal(normal), or export without the signature 'generate'."
        )

    def between(self, start, end, position):
        """(B, latent_dim) codes on the way from `start` to `end`, (B, 1) positions in [0, 1]."""
        return start + position * (end - start)


@keras.saving.register_keras_serializable(package="keras_vae")
class StandardNormal(Prior):
    """Independent normals of mean 0 and scale 1."""

    def distribution(self):
        zeros = tf.zeros((self.latent_dim,))
        return tfd.Independent(tfd.Normal(zeros, tf.ones_like(zeros)), 1)

    def from_normal(self, normal):
        return normal

    def between(self, start, end, position):
        # Half way between two draws a straight line is too near to 0: its variance is 1/2 there.
        rest = 1.0 - position
        return (rest * start + position * end) / tf.sqrt(rest * rest + position * position)


FAMILIES = {"standard_normal": StandardNormal}


def get(prior):
    """A name of `FAMILIES`, or a Prior, to a Prior."""
    return choose("prior", prior, FAMILIES, Prior)


def build(prior, latent_dim):
    """Makes the weights of a prior for codes of `latent_dim`, unless they are there.

    Raises:
        ValueError: it is the prior of codes of another size.
    """
    if prior.latent_dim is None:
        prior.build_for(latent_dim)
        prior.latent_dim = int(latent_dim)
    elif prior.latent_dim != latent_dim:
        raise ValueError(
            f"This {type(prior).__name__} is the prior of codes of {prior.latent_dim} numbers "
            f"already; a code here has {latent_dim}. Make a new {type(prior).__name__}()."
        )


def rate(posterior, prior, sampled):
    """KL(q || p) of each image, in closed form where tfp knows one, else its sampled mean.

    Args:
        posterior: tfd.Distribution q(z given x), batch (B,).
        prior: tfd.Distribution p(z).
        sampled: (K, B) log q(z_k given x) - log p(z_k) of draws z_k of q.

    Returns:
        (B,) nats per image.
    """
    try:
        return tfd.kl_divergence(posterior, prior)
    except NotImplementedError:
        return tf.reduce_mean(sampled, axis=0)
