"""Distributions over the levels k / 255 of 8-bit pixels (imported only where they are used)."""

import tensorflow as tf
import tensorflow_probability as tfp

LEVELS = 255.0


class QuantizedLogistic(tfp.distributions.Distribution):
    """P(x = k / 255) is the logistic's mass within half a level of k / 255.

    The outermost levels take the tails. Source: PixelCNN++ (Salimans et al., arXiv 1701.05517).

    Args:
        loc: location, in [0, 1] pixel units.
        scale: scale, in the same units, above 0.
    """

    def __init__(self, loc, scale, name="QuantizedLogistic"):
        parameters = dict(locals())
        self.loc, self.scale = tf.convert_to_tensor(loc), tf.convert_to_tensor(scale)
        super().__init__(
            dtype=self.loc.dtype,
            reparameterization_type=tfp.distributions.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        properties = tfp.util.ParameterProperties
        return {"loc": properties(), "scale": properties()}

    def _event_shape(self):
        return tf.TensorShape([])

    def _log_prob(self, x):
        # With a, b the upper and lower edge in units of the scale:
        #   sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which never cancels.
        level = tf.round(x * LEVELS)
        upper = ((level + 0.5) / LEVELS - self.loc) / self.scale
        lower = ((level - 0.5) / LEVELS - self.loc) / self.scale
        below_upper = tf.math.log_sigmoid(upper)
        above_lower = tf.math.log_sigmoid(-lower)
        width = tf.math.log(-tf.math.expm1(-1 / (LEVELS * self.scale)))
        inner = below_upper + above_lower + width
        return tf.where(level <= 0, below_upper, tf.where(level >= LEVELS, above_lower, inner))

    def _sample_n(self, n, seed=None):
        draw = tfp.distributions.Logistic(self.loc, self.scale).sample(n, seed=seed)
        return tf.round(tf.clip_by_value(draw, 0.0, 1.0) * LEVELS) / LEVELS


class CategoricalLevels(tfp.distributions.Categorical):
    """P(x = k / 255) = softmax(logits)_k, of 256 levels.

    Its `logits` must be given, (..., 256); `dtype` is that of x, as in tfp.
    """

    def _log_prob(self, x):
        return super()._log_prob(tf.round(x * LEVELS))

    def _sample_n(self, n, seed=None):
        return super()._sample_n(n, seed) / LEVELS
