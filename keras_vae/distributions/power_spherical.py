"""The power spherical distribution as a tfp distribution (imported only where it is used)."""

import math

import tensorflow as tf
import tensorflow_probability as tfp


class PowerSpherical(tfp.distributions.PowerSpherical):
    """p(x) proportional to (1 + mu x)^kappa on the unit sphere (De Cao & Aziz, arXiv 2006.04437).

    tfp's own loses its digits where kappa is large: gamma functions cancel, and the cosine of a
    draw is too near to 1. Here both are computed from what is left of them; draws know their
    density. A draw is made of the normal numbers of the tangent plane and of one gamma number.

    Args:
        mean_direction: mu, (..., D) of length 1, D static and at least 2.
        concentration: kappa, (...), above 0.
    """

    @property
    def _flat_dim(self):
        return self.mean_direction.shape[-1] - 1  # d - 1, of the sphere

    def _sample_and_log_prob(self, sample_shape, seed, **kwargs):
        mu, kappa = (tf.convert_to_tensor(p) for p in (self.mean_direction, self.concentration))
        normal_seed, gamma_seed = tfp.random.split_seed(seed, n=2, salt="power_spherical")
        normal = tfp.distributions.Normal(tf.zeros_like(mu), 1.0).sample(sample_shape, normal_seed)
        gamma = tfp.distributions.Gamma(0.5 * self._flat_dim + kappa, 1.0)
        near = tf.maximum(gamma.sample(sample_shape, gamma_seed), 1e-12)[..., None]
        flat = normal - tf.reduce_sum(normal * mu, -1, keepdims=True) * mu  # in the tangent plane
        far = 0.5 * tf.reduce_sum(flat * flat, -1, keepdims=True)  # a gamma number of (d - 1) / 2
        # (1 + mu x) / 2 = near / (near + far), a beta number; the length is 1.
        x = ((near - far) * mu + tf.sqrt(2 * near) * flat) / (near + far)
        return x, self._log_density(-tf.math.log1p(far / near)[..., 0])

    def _sample_n(self, n, seed=None):
        return self._sample_and_log_prob([n], seed)[0]

    def _log_prob(self, x):
        apart = 0.25 * tf.reduce_sum(tf.square(x - self.mean_direction), -1)  # (1 - mu x) / 2
        return self._log_density(tf.math.log1p(-tf.minimum(apart, 1 - 1e-7)))

    def _log_density(self, log_half):
        """log((1 + mu x) / 2) -> log p(x)."""
        kappa = tf.convert_to_tensor(self.concentration)
        log_gammas, _ = gamma_differences(0.5 * self._flat_dim + kappa, self._flat_dim)
        return log_gammas - self._constant + kappa * log_half

    def _entropy(self):
        kappa = tf.convert_to_tensor(self.concentration)
        log_gammas, digammas = gamma_differences(0.5 * self._flat_dim + kappa, self._flat_dim)
        return self._constant - log_gammas + kappa * digammas

    @property
    def _constant(self):
        return self._flat_dim * (math.log(2) + 0.5 * math.log(math.pi))


def gamma_differences(a, halves):
    """The logarithm of the gamma function and its derivative, both at a + halves / 2 less at a.

    Sums of logarithms and of quotients, exact for large a too, where the functions are so large
    that their difference would be lost; so are the gradients.

    Args:
        a: tensor of any shape, above 0.
        halves: whole number of at least 0.

    Returns:
        two tensors of the shape of a.
    """
    half = halves % 2
    steps = (a + 0.5 * half)[..., None] + tf.range(halves // 2, dtype=a.dtype)
    log_gammas, digammas = tf.reduce_sum(tf.math.log(steps), -1), tf.reduce_sum(1 / steps, -1)
    if half:
        # From a to a + 1/2: Stirling's series, at a number of at least 8.
        k = a[..., None] + tf.range(8, dtype=a.dtype)
        b = a + 8
        log_gammas += 0.5 * tf.math.log(b) - 1 / (8 * b) + 1 / (192 * b**3) - 1 / (640 * b**5)
        log_gammas -= tf.reduce_sum(tf.math.log1p(0.5 / k), -1)
        digammas += 1 / (2 * b) + 1 / (8 * b**2) - 1 / (64 * b**4) + 1 / (128 * b**6)
        digammas += tf.reduce_sum(0.5 / (k * (k + 0.5)), -1)
    return log_gammas, digammas
