"""p(z): the families of priors, by name. A prior may own weights; it then learns with the model."""

import tensorflow as tf

from keras_vae import choice
from keras_vae.distributions import tfd
from keras_vae.distributions.flows import Flow
from keras_vae.distributions.hyperspherical import HypersphericalUniform
from keras_vae.distributions.mixtures import Mixture, VampPrior
from keras_vae.distributions.normals import FullNormal, StandardNormal
from keras_vae.distributions.prior import LearnedPrior, Prior

__all__ = [
    "FAMILIES",
    "Flow",
    "FullNormal",
    "HypersphericalUniform",
    "LearnedPrior",
    "Mixture",
    "Prior",
    "StandardNormal",
    "VampPrior",
    "build",
    "get",
    "rate",
]

FAMILIES = {
    "standard_normal": StandardNormal,
    "full_normal": FullNormal,
    "mixture": Mixture,
    "vamp": VampPrior,
    "flow": Flow,
    "hyperspherical_uniform": HypersphericalUniform,
}


def get(prior):
    """A name of `FAMILIES`, or a Prior, to a Prior."""
    return choice.choose("prior", prior, FAMILIES, Prior)


def build(prior, latent_dim, posterior=None, image_shape=None):
    """Makes the weights of a prior for codes of `latent_dim`, unless they are there.

    Args:
        prior: Prior.
        latent_dim: size of the codes.
        posterior, image_shape: see `Prior.look_at`.

    Raises:
        ValueError: it is the prior of codes of another size.
    """
    prior.look_at(posterior, image_shape)
    choice.build(prior, latent_dim)
    prior.latent_dim = int(latent_dim)


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
        normals = [_normal(each) for each in (posterior, prior)]
        return tf.reduce_mean(sampled, axis=0) if None in normals else tfd.kl_divergence(*normals)


def _normal(distribution):
    """The distribution as a normal with a covariance, as which tfp compares all, or None."""
    if isinstance(distribution, tfd.MultivariateNormalLinearOperator):
        return distribution
    one = getattr(distribution, "distribution", None)
    if not isinstance(distribution, tfd.Independent) or not isinstance(one, tfd.Normal):
        return None
    return tfd.MultivariateNormalDiag(one.loc, one.scale)
