"""The seam that every objective fills: what a VAE says of its images -> what is minimised."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a VAE says of B images, from K draws z_k of each posterior; all in nats.

    The first three are there always; the others are what a VAE of one level of latents adds.

    Attributes:
        distortion: (K, B), -log p(x|z_k).
        rate: (B,), KL(q || p), in closed form where there is one.
        sampled_rate: (K, B), log q(z_k|x) - log p(z_k), whose mean over k is near the rate.
        z: (K, B, D), the draws.
        posterior: tfd.Distribution q(z|x), batch (B,), event (D,).
        prior: tfd.Distribution p(z), batch (), event (D,).
        seed: (2,) integers that the draws were made from, or None.
        slopes: (K, B, D) twice, the derivatives of `distortion` and of `sampled_rate` by z_k while
            the parameters of q stay; or None. Where it is given, the gradients of the other terms
            do not reach the encoder, see `Objective.separate`.
    """

    distortion: tf.Tensor
    rate: tf.Tensor
    sampled_rate: tf.Tensor
    z: tf.Tensor | None = None
    posterior: Any = None
    prior: Any = None
    seed: tf.Tensor | None = None
    slopes: tuple | None = None


class Objective:
    """Base of the objectives.

    Attributes:
        samples: K, draws of the posterior that the loss needs for each image.
        separate: whether encoder and decoder follow different losses, so that training needs
            `Terms.slopes`; it costs a second way back through the decoder.
        weights: keras.Variables of its own that are saved with the model; never trained.
        warmup: scalar variable in [0, 1] that a warm-up callback moves; it scales what an
            objective wants to start small, in training only.
    """

    samples = 1
    separate = False
    weights = ()

    def __init__(self):
        self.warmup = keras.Variable(1.0, trainable=False, dtype="float32", name="warmup")

    def check(self, model):
        """Refuses a VAE whose posterior or prior the loss cannot read; by the VAE's constructor.

        Raises:
            ValueError: says what the loss needs, and what to choose instead.
        """

    def loss(self, terms, warmup=1.0):
        """Terms of B images -> (B,) loss in nats."""
        raise NotImplementedError

    def update(self, terms):
        """Moves the objective's own variables, after the loss of a training step."""

    def get_weights(self):
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, values):
        for variable, value in zip(self.weights, values, strict=True):
            variable.assign(value)

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
