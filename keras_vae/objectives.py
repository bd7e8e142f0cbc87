"""What a VAE minimises: per-image terms in, per-image loss out, in nats."""

import dataclasses
import math

import keras
import tensorflow as tf

from keras_vae.choice import choose, real, whole


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a VAE says of B images, from K draws z_k of each posterior; all in nats.

    Attributes:
        distortion: (K, B), -log p(x|z_k).
        rate: (B,), KL(q || p), in closed form where there is one.
        sampled_rate: (K, B), log q(z_k|x) - log p(z_k), whose mean over k is near the rate.
    """

    distortion: tf.Tensor
    rate: tf.Tensor
    sampled_rate: tf.Tensor


class Objective:
    """Base of the objectives.

    Attributes:
        samples: K, draws of the posterior that the loss needs for each image.
        warmup: scalar variable in [0, 1] that a warm-up callback moves; it scales what an
            objective wants to start small, in training only.
    """

    samples = 1

    def __init__(self):
        self.warmup = keras.Variable(1.0, trainable=False, dtype="float32", name="warmup")

    def loss(self, terms, warmup=1.0):
        """Terms of B images -> (B,) loss in nats."""
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
        self.beta = real("beta", beta, least=0)
        self.free_nats = real("free_nats", free_nats, least=0)

    def loss(self, terms, warmup=1.0):
        rate = tf.maximum(terms.rate, self.free_nats)
        return tf.reduce_mean(terms.distortion, axis=0) + self.beta * warmup * rate

    def get_config(self):
        return {"beta": self.beta, "free_nats": self.free_nats}


@keras.saving.register_keras_serializable(package="keras_vae")
class IWAE(Objective):
    """-log(1/K sum_k p(x, z_k) / q(z_k|x)), Burda et al., arXiv 1509.00519.

    A bound on -log p(x) that is never looser than the negative ELBO and falls as K grows. It
    trains p better and q as a proposal: the ELBO itself may be worse than that of `ELBO`.

    Args:
        samples: K. The decoder costs K times as much; with 1 this is the ELBO, its rate sampled.
    """

    def __init__(self, samples=5):
        super().__init__()
        self.samples = whole("samples", samples)

    def loss(self, terms, warmup=1.0):
        log_weight = -(terms.distortion + warmup * terms.sampled_rate)
        return math.log(self.samples) - tf.reduce_logsumexp(log_weight, axis=0)

    def get_config(self):
        return {"samples": self.samples}


FAMILIES = {"elbo": ELBO, "iwae": IWAE}


def get(objective):
    """A name of `FAMILIES`, or an Objective, to an Objective."""
    return choose("objective", objective, FAMILIES, Objective)
