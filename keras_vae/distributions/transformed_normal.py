"""What an invertible function makes of normal noise, as a tfp distribution (imported when used)."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp


class TransformedNormal(tfp.distributions.Distribution):
    """The distribution of f(u), u standard normal, by the change of variables.

    Unlike tfp's `TransformedDistribution` it computes the inverse and its log-determinant at once.

    Args:
        dim: D, size of u and of f(u).
        from_noise: f, (B, D) noise -> (B, D).
        to_noise: (B, D) -> (B, D) noise and (B,) log |det| of its Jacobian.
    """

    def __init__(self, dim, from_noise, to_noise, name="TransformedNormal"):
        parameters = dict(locals())
        self.dim, self.from_noise, self.to_noise = dim, from_noise, to_noise
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfp.distributions.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def _event_shape(self):
        return tf.TensorShape([self.dim])

    def _batch_shape(self):
        return tf.TensorShape([])

    def _log_prob(self, x):
        noise, log_det = self.to_noise(tf.reshape(x, (-1, self.dim)))
        log_normal = -0.5 * tf.reduce_sum(noise * noise, -1) - 0.5 * self.dim * np.log(2 * np.pi)
        return tf.reshape(log_normal + log_det, tf.shape(x)[:-1])

    def _sample_n(self, n, seed=None):
        return self.from_noise(tfp.distributions.Normal(0.0, 1.0).sample((n, self.dim), seed=seed))
