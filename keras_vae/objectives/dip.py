"""Latents that are uncorrelated over the data set: DIP-VAE."""

import keras
import tensorflow as tf

from keras_vae.choice import real
from keras_vae.objectives import latents
from keras_vae.objectives.objective import Objective


@keras.saving.register_keras_serializable(package="keras_vae")
class DIP(Objective):
    """distortion + rate + off_diagonal * sum_i!=j C_ij^2 + diagonal * sum_i (C_ii - 1)^2.

    Kumar et al., arXiv 1711.00848. C is a covariance over the images of the batch, so take batches
    of several times latent_dim.

    Args:
        version: 1: C is that of the posterior means, Cov_x(E[z|x]); 2: that of the codes,
            E_x Cov(z|x) + Cov_x(E[z|x]).
        off_diagonal: weight against correlations.
        diagonal: weight of variances near 1; None: 10 times `off_diagonal` in version 1 and the
            same as `off_diagonal` in version 2, as in the paper.
    """

    def __init__(self, version=2, off_diagonal=10.0, diagonal=None):
        super().__init__()
        if version not in (1, 2):
            raise ValueError(f"version must be 1 (DIP-VAE-I) or 2 (-II); received {version!r}.")
        self.version = int(version)
        self.off_diagonal = real("off_diagonal", off_diagonal, least=0)
        usual = self.off_diagonal * (10.0 if self.version == 1 else 1.0)
        self.diagonal = usual if diagonal is None else real("diagonal", diagonal, least=0)

    def check(self, model):
        try:
            posterior = latents.of_nothing(model)
            _ = posterior.mean(), latents.covariance(posterior)
        except NotImplementedError as error:
            raise ValueError(
                "DIP needs a posterior whose mean and covariance have a closed form, which "
                f"{type(model.posterior_family).__name__} does not: choose {latents.ONE_BY_ONE}."
            ) from error
        latents.check_standard_normal(self, model, "it draws codes to variance 1")

    def covariance(self, terms):
        """(D, D) C, over the images of the batch."""
        means = terms.posterior.mean()
        centred = means - tf.reduce_mean(means, axis=0)
        count = tf.cast(tf.shape(means)[0], tf.float32)
        between = tf.matmul(centred, centred, transpose_a=True) / count
        if self.version == 1:
            return between
        return between + tf.reduce_mean(latents.covariance(terms.posterior), axis=0)

    def loss(self, terms, warmup=1.0):
        found = self.covariance(terms)
        own = tf.linalg.diag_part(found)
        apart = tf.reduce_sum(tf.square(found)) - tf.reduce_sum(tf.square(own))
        penalty = self.off_diagonal * apart + self.diagonal * tf.reduce_sum(tf.square(own - 1.0))
        return tf.reduce_mean(terms.distortion, axis=0) + warmup * (terms.rate + penalty)

    def get_config(self):
        weights = {"off_diagonal": self.off_diagonal, "diagonal": self.diagonal}
        return {"version": self.version, **weights}
