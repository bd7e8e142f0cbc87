"""A Bernoulli of logits whose density costs one softplus (imported only where it is used)."""

import tensorflow as tf
import tensorflow_probability as tfp


class LogitBernoulli(tfp.distributions.Bernoulli):
    """tfp's Bernoulli; log p(x) = x * logits - softplus(logits), also of x in (0, 1).

    tfp's own takes a softplus for either side, and guards products with 0, which finite logits do
    not need. Where a pixel is all but certain the difference is exact to 1e-6 nats.

    Its `logits` must be given, finite; `dtype` is that of x, as in tfp.
    """

    def _log_prob(self, event):
        logits = tf.convert_to_tensor(self.logits)
        return tf.cast(event, logits.dtype) * logits - tf.nn.softplus(logits)
