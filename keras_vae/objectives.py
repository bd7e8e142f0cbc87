"""What a VAE minimises: per-image terms in, per-image loss out, in nats."""

import keras
import tensorflow as tf

from keras_vae.choice import choose


class Objective:
    """Base of the objectives.

    Attributes:
        warmup: scalar variable in [0, 1] that a warm-up callback moves; it scales what an
            objective wants to start small, in training only.
    """

    def __init__(self):
        self.warmup = keras.Variable(1.0, trainable=False, dtype="float32", name="warmup")

    def loss(self, distortion, rate, warmup=1.0):
        """(B,) distortion and (B,) rate in nats -> (B,) loss in nats."""
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_vae")
class ELBO(Objective):
    """distortion + beta * max(rate, free_nats).

    Args:
        beta: weight of the rate (beta-VAE, Higgins et al. 2017); 1 is the evidence lower bound
            (Kingma & Welling, arXiv 1312.6114).
        free_nats: rate per image, in nats, that costs nothing to use (arXiv 1811.04551).
    """

    def __init__(self, beta=1.0, free_nats=0.0):
        super().__init__()
        if beta < 0 or free_nats < 0:
            raise ValueError(f"beta, free_nats must be at least 0; received {beta}, {free_nats}.")
        self.beta, self.free_nats = float(beta), float(free_nats)

    def loss(self, distortion, rate, warmup=1.0):
        return distortion + self.beta * warmup * tf.maximum(rate, self.free_nats)

    def get_config(self):
        return {"beta": self.beta, "free_nats": self.free_nats}


FAMILIES = {"elbo": ELBO}


def get(objective):
    """A name of `FAMILIES`, or an Objective, to an Objective."""
    return choose("objective", objective, FAMILIES, Objective)
