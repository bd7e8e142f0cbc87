"""The rate as small as a given distortion allows: GECO."""

import keras
import tensorflow as tf

from keras_vae.choice import real
from keras_vae.objectives.objective import Objective

LIMITS = (1e-6, 1e6)  # of the multiplier
LONGEST_STEP = 0.1  # of its logarithm


@keras.saving.register_keras_serializable(package="keras_vae")
class GECO(Objective):
    """rate + multiplier * (distortion - target), Rezende & Viola, arXiv 1810.00597.

    The multiplier follows the constraint, distortion <= target: each training step multiplies it by
    exp(speed * a), a the moving average of distortion - target; by no more than exp(0.1). It starts
    at 1, where the loss is the negative ELBO less a constant, and is saved with the model. A target
    that the networks cannot reach lets it grow to 1e6.

    Args:
        target: distortion, in nats per image, that is to be reached; begin with that of a model
            trained by `ELBO`.
        speed: of the multiplier, per nat and step.
        momentum: of the moving average, in [0, 1).
    """

    def __init__(self, target=None, speed=1e-3, momentum=0.99):
        super().__init__()
        if target is None:
            raise ValueError(
                "GECO needs target=, the distortion in nats per image that it is to reach: "
                "objective=keras_vae.objectives.GECO(target=80.0)."
            )
        self.target = real("target", target)
        self.speed = real("speed", speed, above=0)
        self.momentum = real("momentum", momentum, least=0)
        if self.momentum >= 1:
            raise ValueError(f"momentum must be in [0, 1); received {momentum!r}.")
        kept = {"trainable": False, "dtype": "float32", "aggregation": "mean"}
        self.multiplier = keras.Variable(1.0, name="multiplier", **kept)
        self.average = keras.Variable(0.0, name="average", **kept)

    @property
    def weights(self):
        return [self.multiplier, self.average]

    def loss(self, terms, warmup=1.0):
        distortion = tf.reduce_mean(terms.distortion, axis=0)
        return warmup * terms.rate + self.multiplier.value * (distortion - self.target)

    def update(self, terms):
        apart = tf.stop_gradient(tf.reduce_mean(terms.distortion) - self.target)
        average = self.momentum * self.average.value + (1.0 - self.momentum) * apart
        step = tf.clip_by_value(self.speed * average, -LONGEST_STEP, LONGEST_STEP)
        self.average.assign(average)
        self.multiplier.assign(tf.clip_by_value(self.multiplier.value * tf.exp(step), *LIMITS))

    def get_config(self):
        return {"target": self.target, "speed": self.speed, "momentum": self.momentum}
