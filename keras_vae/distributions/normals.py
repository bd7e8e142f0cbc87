"""Priors that are one normal: the standard one, and one of any mean and covariance."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.distributions import tfd
from keras_vae.distributions.prior import LearnedPrior, Prior, between_normals

JITTER = 1e-6  # added to a fitted variance, as a part of the mean variance: no direction is flat


@keras.saving.register_keras_serializable(package="keras_vae")
class StandardNormal(Prior):
    """Independent normals of mean 0 and scale 1."""

    invertible = True
    makes_codes = False

    def distribution(self):
        zeros = tf.zeros((self.latent_dim,))
        return tfd.Independent(tfd.Normal(zeros, tf.ones_like(zeros)), 1)

    def from_noise(self, noise):
        return noise

    def to_noise(self, z):
        return z, tf.zeros(tf.shape(z)[:1])

    def of_latents(self, indices):
        smaller = type(self)()
        smaller.build_for(len(indices))
        return smaller

    def between(self, start, end, position):
        return between_normals(start, end, position)


@keras.saving.register_keras_serializable(package="keras_vae")
class FullNormal(LearnedPrior):
    """A normal of any mean and covariance: what an autoencoder's codes are taken to be.

    Its scale is the Cholesky factor of the covariance; its diagonal passes through a softplus, so
    that the prior can also learn with a VAE.
    """

    invertible = True

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        size = self.latent_dim
        self.loc = self.add_weight(shape=(size,), initializer="zeros", name="loc")
        identity = lambda shape, dtype=None: np.log(np.expm1(1.0)) * np.eye(size, dtype="float32")
        self.raw_scale = self.add_weight(shape=(size, size), initializer=identity, name="raw_scale")
        self.mark()

    def _scale(self):
        raw = tf.convert_to_tensor(self.raw_scale)
        diagonal = tf.nn.softplus(tf.linalg.diag_part(raw))
        return tf.linalg.set_diag(tf.linalg.band_part(raw, -1, 0), diagonal)

    def distribution(self):
        return tfd.MultivariateNormalTriL(tf.convert_to_tensor(self.loc), self._scale())

    def from_noise(self, noise):
        return tf.convert_to_tensor(self.loc) + tf.matmul(noise, self._scale(), transpose_b=True)

    def to_noise(self, z):
        scale = self._scale()
        noise = tf.linalg.triangular_solve(scale, tf.transpose(z - self.loc))
        log_det = -tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale)))
        return tf.transpose(noise), tf.fill(tf.shape(z)[:1], log_det)

    def fit(self, codes):
        """The mean and the covariance of the codes: the maximum of their likelihood."""
        codes = self.checked(codes)
        covariance = np.atleast_2d(np.cov(codes, rowvar=False, bias=True))
        floor = JITTER * max(np.trace(covariance) / len(covariance), np.finfo("float32").tiny)
        scale = np.linalg.cholesky(covariance + floor * np.eye(len(covariance)))
        diagonal = np.diag(scale)
        inverse = diagonal + np.log(-np.expm1(-diagonal))  # of the softplus
        raw = scale - np.diag(diagonal) + np.diag(inverse)
        self.set_weights([codes.mean(axis=0), raw, np.ones(())])
        return self
