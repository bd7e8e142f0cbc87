"""Likelihoods of 8-bit pixels: the probabilities of the 256 levels k / 255 sum to 1."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.choice import whole
from keras_vae.distributions import tfd
from keras_vae.distributions.likelihood import Likelihood
from keras_vae.distributions.stable import softplus

LEVELS = 256
STEP = 1 / 255.0  # between two levels
REGISTER = keras.saving.register_keras_serializable(package="keras_vae")


class OfLevels(Likelihood):
    """Base of the likelihoods of 8-bit pixels."""

    discrete = True

    def check(self, images):
        super().check(images)
        levels = np.asarray(images, "float64") * (LEVELS - 1)
        off = float(np.max(np.abs(levels - np.round(levels))))
        if off > 1e-2:
            raise ValueError(
                f"The {type(self).__name__} likelihood needs 8-bit pixels, multiples of 1/255; "
                f"received values up to {off:.2f} levels off. Use np.round(images * 255) / 255."
            )


@REGISTER
class DiscretizedLogistic(OfLevels):
    """Each level is an interval of a logistic (PixelCNN++, arXiv 1701.05517).

    Raw parameters: C locations, then C scales.
    """

    def parameters(self, channels):
        return 2 * channels

    def _loc_scale(self, parameters):
        loc, scale = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return _loc_scale(loc, scale)

    def distribution(self, parameters):
        from keras_vae.distributions.quantized import QuantizedLogistic

        return tfd.Independent(QuantizedLogistic(*self._loc_scale(parameters)), 3)

    def mean(self, parameters):
        return _mean(*self._loc_scale(parameters))


@REGISTER
class DiscretizedLogisticMixture(OfLevels):
    """A mixture of K discretised logistics (PixelCNN++, Salimans et al., arXiv 1701.05517).

    p(pixel) = sum_k share_k prod_c p(x_c given loc_kc, scale_kc): one component is chosen for all
    channels of a pixel, so that they depend on each other, and given the component they are
    independent. The paper also lets the locations of green and blue follow the values of red and
    green; that has no mean in closed form, which a decoder gives, and is left out here.

    Raw parameters: K logits of the shares; C locations of the first component, C of the second ...;
    as many scales.

    Args:
        components: K.
    """

    def __init__(self, components=5, **kwargs):
        super().__init__(**kwargs)
        self.components = whole("components", components)

    def parameters(self, channels):
        return self.components * (1 + 2 * channels)

    def _parts(self, parameters):
        """(..., R) -> logits (..., K), and (..., K * C) locations and scales."""
        parameters = tf.cast(parameters, tf.float32)
        both = (parameters.shape[-1] - self.components) // 2
        first, second = self.components, self.components + both
        loc, scale = _loc_scale(parameters[..., first:second], parameters[..., second:])
        return parameters[..., :first], loc, scale

    def distribution(self, parameters):
        from keras_vae.distributions.quantized import QuantizedLogistic

        logits, *each = self._parts(parameters)
        loc, scale = (_divided(part, self.components) for part in each)  # (..., K, C)
        pixels = tfd.MixtureSameFamily(
            tfd.Categorical(logits=logits), tfd.Independent(QuantizedLogistic(loc, scale), 1)
        )
        return tfd.Independent(pixels, 2)

    def mean(self, parameters):
        logits, loc, scale = self._parts(parameters)
        shares, means = tf.nn.softmax(logits), _mean(loc, scale)
        size = means.shape[-1] // self.components
        return tf.add_n(  # tensors of four axes, which every device knows
            [
                shares[..., k : k + 1] * means[..., k * size : (k + 1) * size]
                for k in range(self.components)
            ]
        )

    def get_config(self):
        return {**super().get_config(), "components": self.components}


@REGISTER
class Categorical(OfLevels):
    """A probability for each of the 256 levels (PixelRNN, van den Oord et al., arXiv 1601.06759).

    It assumes nothing of the levels, not even their order.

    Raw parameters: 256 logits of the first channel, then of the second ...
    """

    def parameters(self, channels):
        return LEVELS * channels

    def distribution(self, parameters):
        from keras_vae.distributions.quantized import CategoricalLevels

        parameters = tf.cast(parameters, tf.float32)
        logits = _divided(parameters, parameters.shape[-1] // LEVELS)
        return tfd.Independent(CategoricalLevels(logits=logits, dtype=tf.float32), 3)

    def mean(self, parameters):
        parameters = tf.cast(parameters, tf.float32)
        levels = tf.constant(np.arange(LEVELS) * STEP, tf.float32)
        means = [
            tf.reduce_sum(tf.nn.softmax(parameters[..., k : k + LEVELS]) * levels, -1, True)
            for k in range(0, parameters.shape[-1], LEVELS)
        ]
        return means[0] if len(means) == 1 else tf.concat(means, axis=-1)


def _loc_scale(loc, scale):
    """Raw parameters of logistics -> location in (0, 1) and scale above 1 / 2550, as they came."""
    return tf.sigmoid(loc), 0.1 * STEP + 0.1 * softplus(scale)


def _mean(loc, scale):
    """The mean of a discretised logistic, to within half a level.

    The sum over the 255 thresholds of P(x above it) is about the integral over t in [0, 1] of
    sigmoid((loc - t) / scale).
    """
    return scale * (softplus(loc / scale) - softplus((loc - 1) / scale))


def _divided(values, parts):
    """(..., parts * N) -> (..., parts, N)."""
    last = [parts, values.shape[-1] // parts]
    return tf.reshape(values, tf.concat([tf.shape(values)[:-1], last], axis=0))
