"""p(x given z): raw decoder outputs -> a distribution over the image.

Raw parameters are (B, H, W, R), R = `parameters(C)`; images are (B, H, W, C) in [0, 1];
log-probabilities are (B,), nats per image.
"""

import keras
import tensorflow as tf

from keras_vae.choice import choose
from keras_vae.distributions import tfd
from keras_vae.distributions.levels import (
    Categorical,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
)
from keras_vae.distributions.likelihood import Likelihood
from keras_vae.distributions.location_scale import Laplace, LocationScale, Normal

__all__ = [
    "FAMILIES",
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Laplace",
    "Likelihood",
    "LocationScale",
    "Normal",
    "get",
]


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


FAMILIES = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "laplace": Laplace,
    "discretized_logistic": DiscretizedLogistic,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "categorical": Categorical,
}


def get(likelihood):
    """A name of `FAMILIES`, or a Likelihood, to a Likelihood."""
    return choose("likelihood", likelihood, FAMILIES, Likelihood)
