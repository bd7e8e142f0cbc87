"""p(x given z): raw decoder outputs -> a distribution over the image.

Raw parameters are (B, H, W, R), R = `parameters(C)`; images are (B, H, W, C) in [0, 1];
log-probabilities are (B,), nats per image.
"""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.choice import choose, real
from keras_vae.distributions import tfd
from keras_vae.distributions.stable import softplus

LEVELS = 255.0  # 8-bit images have 256 levels, 1 / 255 apart


class Likelihood(keras.layers.Layer):
    """Base of the likelihood families; `log_prob` and `mean` are what a model calls.

    Attributes:
        discrete: log-probabilities are of pixel values (True) or densities on [0, 1] (False).
    """

    discrete = False

    def __init__(self, **kwargs):
        super().__init__(**{"name": type(self).__name__, **kwargs})  # two alike are described alike
        self.built = True

    def parameters(self, channels):
        """R, how many raw numbers the decoder gives for a pixel of so many channels."""
        return channels

    def distribution(self, parameters):
        """(B, H, W, R) -> tfd.Distribution of batch shape (B,), event shape (H, W, C)."""
        raise NotImplementedError

    def log_prob(self, parameters, images, training=False):
        """log p(x given z), what a model's distortion is made of.

        Args:
            parameters: (..., B, H, W, R) raw decoder outputs.
            images: (B, H, W, C) in the support.
            training: whether it is a step of a training, of which a family may learn.

        Returns:
            (..., B) float32, nats per image.
        """
        return self.distribution(parameters).log_prob(images)

    def mean(self, parameters):
        """(B, H, W, R) -> (B, H, W, C) pixel means in [0, 1]."""
        raise NotImplementedError

    def from_mean(self, mean):
        """(B, H, W, C) pixel means, all that an exported decoder gives -> p(x|z) with these means.

        Raises:
            ValueError: the means do not determine the distribution.
        """
        raise ValueError(
            f"Pixel means do not determine the {type(self).__name__} likelihood; its nats need the "
            "raw parameters: export with output='logits'."
        )

    def check(self, images):
        """Raises ValueError where (N, H, W, C) images lie outside the support."""
        low, high = float(np.min(images)), float(np.max(images))
        if low < 0 or high > 1:
            remedy = " Divide 8-bit images by 255." if high > 1 else ""
            raise ValueError(
                f"The {type(self).__name__} likelihood needs pixels in [0, 1]; received values in "
                f"[{low:g}, {high:g}].{remedy}"
            )


@keras.saving.register_keras_serializable(package="keras_vae")
class Bernoulli(Likelihood):
    """Black and white pixels; raw parameters are logits.

    With grey images in [0, 1] the log-probability is the cross-entropy, which is not a likelihood:
    binarise (`data.batches(..., binarize="dynamic")`) where nats are to be compared.
    """

    discrete = True

    def distribution(self, parameters):
        from keras_vae.distributions.logit_bernoulli import LogitBernoulli

        logits = tf.cast(parameters, tf.float32)
        return tfd.Independent(LogitBernoulli(logits=logits, dtype=tf.float32), 3)

    def mean(self, parameters):
        return tf.sigmoid(tf.cast(parameters, tf.float32))

    def from_mean(self, mean):
        # 1e-7 is what float32 leaves between a probability and 1.
        probs = tf.clip_by_value(tf.cast(mean, tf.float32), 1e-7, 1.0 - 1e-7)
        return tfd.Independent(tfd.Bernoulli(probs=probs, dtype=tf.float32), 3)


@keras.saving.register_keras_serializable(package="keras_vae")
class ContinuousBernoulli(Likelihood):
    """Grey pixels in [0, 1] with a normalised density (Loaiza-Ganem & Cunningham, 1907.06845)."""

    def distribution(self, parameters):
        logits = tf.cast(parameters, tf.float32)
        return tfd.Independent(tfd.ContinuousBernoulli(logits=logits), 3)

    def mean(self, parameters):
        # E[x] = 1/2 + 1/2 coth(a / 2) - 1 / a for logits a. Near 0 the two poles cancel, which
        # float32 does not: there the series 1/2 + a / 12 - a^3 / 720.
        logits = tf.cast(parameters, tf.float32)
        near_zero = tf.abs(logits) < 0.3
        safe = tf.where(near_zero, tf.ones_like(logits), logits)
        far = 0.5 + 0.5 / tf.tanh(0.5 * safe) - 1 / safe
        near = 0.5 + logits / 12 - logits * logits * logits / 720
        return tf.where(near_zero, near, far)


@keras.saving.register_keras_serializable(package="keras_vae")
class Normal(Likelihood):
    """Grey or colour pixels with Gaussian noise.

    Args:
        scale: standard deviation in pixel units ([0, 1] images), the same for every pixel; or
            "learned": one trainable number (sigma-VAE, Rybkin et al., arXiv 2006.13202).
        mean: "sigmoid" keeps the mean in (0, 1); "linear" takes the raw parameters as they are
            (probabilistic PCA, where the marginal likelihood is known).
    """

    def __init__(self, scale="learned", mean="sigmoid", **kwargs):
        super().__init__(**kwargs)
        if not isinstance(scale, str) or scale != "learned":
            scale = real("scale, if not 'learned',", scale, above=0)
        if mean not in ("sigmoid", "linear"):
            raise ValueError(f"mean must be 'sigmoid' or 'linear'; received {mean!r}.")
        self.scale_choice, self.mean_choice = scale, mean
        if scale == "learned":
            start = keras.initializers.Constant(np.log(0.1))
            self.log_scale = self.add_weight(shape=(), initializer=start, name="log_scale")

    @property
    def scale(self):
        """Standard deviation, a float or a scalar tensor, at least 0.001."""
        if self.scale_choice != "learned":
            return float(self.scale_choice)
        return tf.maximum(tf.exp(tf.cast(self.log_scale, tf.float32)), 1e-3)

    def distribution(self, parameters):
        parameters = tf.cast(parameters, tf.float32)
        loc = tf.sigmoid(parameters) if self.mean_choice == "sigmoid" else parameters
        return tfd.Independent(tfd.Normal(loc, self.scale), 3)

    def mean(self, parameters):
        parameters = tf.cast(parameters, tf.float32)
        if self.mean_choice == "sigmoid":
            return tf.sigmoid(parameters)
        return tf.clip_by_value(parameters, 0.0, 1.0)

    def from_mean(self, mean):
        if self.mean_choice == "linear":
            return super().from_mean(mean)  # they were clipped
        return tfd.Independent(tfd.Normal(tf.cast(mean, tf.float32), self.scale), 3)

    def check(self, images):
        if self.mean_choice == "sigmoid":
            super().check(images)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale_choice, "mean": self.mean_choice}


@keras.saving.register_keras_serializable(package="keras_vae")
class DiscretizedLogistic(Likelihood):
    """8-bit pixels, each level an interval of a logistic (PixelCNN++, arXiv 1701.05517).

    Raw parameters: C locations, then C scales.
    """

    discrete = True

    def parameters(self, channels):
        return 2 * channels

    def _loc_scale(self, parameters):
        """(B, H, W, 2C) -> location in (0, 1) and scale above 1 / 2550, (B, H, W, C) each."""
        loc, scale = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return tf.sigmoid(loc), 0.1 / LEVELS + 0.1 * softplus(scale)

    def distribution(self, parameters):
        from keras_vae.distributions.discretized_logistic import QuantizedLogistic

        return tfd.Independent(QuantizedLogistic(*self._loc_scale(parameters)), 3)

    def mean(self, parameters):
        # The sum over the 255 thresholds of P(x above it) is, to within half a level, the integral
        # over t in [0, 1] of sigmoid((loc - t) / scale).
        loc, scale = self._loc_scale(parameters)
        return scale * (softplus(loc / scale) - softplus((loc - 1) / scale))

    def check(self, images):
        super().check(images)
        levels = np.asarray(images, "float64") * LEVELS
        off = float(np.max(np.abs(levels - np.round(levels))))
        if off > 1e-2:
            raise ValueError(
                "The DiscretizedLogistic likelihood needs 8-bit pixels, multiples of 1/255; "
                f"received values up to {off:.2f} levels off. Use np.round(images * 255) / 255."
            )


FAMILIES = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "discretized_logistic": DiscretizedLogistic,
}


def get(likelihood):
    """A name of `FAMILIES`, or a Likelihood, to a Likelihood."""
    return choose("likelihood", likelihood, FAMILIES, Likelihood)
