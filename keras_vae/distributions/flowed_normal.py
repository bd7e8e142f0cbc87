"""What a flow makes of a normal, given a context, as a tfp distribution (imported when used)."""

import tensorflow as tf
import tensorflow_probability as tfp


class FlowedNormal(tfp.distributions.Distribution):
    """The distribution of f(u; context), u of a diagonal normal; its draws know their density.

    Args:
        loc, scale: (B, D) of the normal.
        context: (B, C).
        forward: f, (N, D) and (N, C) -> (N, D), and (N,) log |det| of its Jacobian.
        inverse: (N, D) and (N, C) -> u (N, D), and (N,) log |det| of the Jacobian of f.
    """

    def __init__(self, loc, scale, context, forward, inverse, name="FlowedNormal"):
        parameters = dict(locals())
        self.normal = tfp.distributions.Independent(tfp.distributions.Normal(loc, scale), 1)
        self.context, self.forward, self.inverse = context, forward, inverse
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfp.distributions.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def _event_shape(self):
        return self.normal.event_shape

    def _batch_shape(self):
        return self.normal.batch_shape

    def _batch_shape_tensor(self):
        return self.normal.batch_shape_tensor()

    def _sample_and_log_prob(self, sample_shape, seed, **kwargs):
        u = self.normal.sample(sample_shape, seed=seed)
        z, log_det = self._flat(self.forward, u)
        return z, self.normal.log_prob(u) - log_det

    def _sample_n(self, n, seed=None):
        return self._sample_and_log_prob([n], seed)[0]

    def _log_prob(self, z):
        u, log_det = self._flat(self.inverse, z)
        return self.normal.log_prob(u) - log_det

    def _flat(self, function, values):
        """The function of (..., B, D) values, each with the context of its place in the batch."""
        shape = tf.shape(values)
        context = tf.broadcast_to(
            self.context, tf.concat([shape[:-1], [self.context.shape[-1]]], 0)
        )
        flat = tf.reshape(values, (-1, values.shape[-1]))
        found, log_det = function(flat, tf.reshape(context, (-1, self.context.shape[-1])))
        return tf.reshape(found, shape), tf.reshape(log_det, shape[:-1])
