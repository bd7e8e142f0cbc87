"""What objectives ask of a posterior and a prior: latents one by one, means and covariances."""

import tensorflow as tf

from keras_vae.distributions import priors, tfd

ONE_BY_ONE = "posterior='diagonal_normal'"


def is_one_by_one(distribution):
    """Whether the latents are independent of each other, their densities known one by one."""
    return isinstance(distribution, tfd.Independent)


def of_nothing(model):
    """q(z|x) of one image whose encoder gives 0: tells what a posterior can, batch (1,)."""
    size = model.posterior_family.parameters(model.latent_dim)
    return model.posterior_family.distribution(tf.zeros((1, size)))


def check_standard_normal(objective, model, reason):
    """Raises ValueError where the prior is another than the standard normal."""
    if not isinstance(model.prior_family, priors.StandardNormal):
        raise ValueError(
            f"{type(objective).__name__} needs prior='standard_normal': {reason}; received "
            f"{type(model.prior_family).__name__}."
        )


def covariance(posterior):
    """(B, D, D) covariances of a tfd.Distribution.

    Raises:
        NotImplementedError: they have no closed form.
    """
    if is_one_by_one(posterior):
        return tf.linalg.diag(posterior.variance())
    return posterior.covariance()
