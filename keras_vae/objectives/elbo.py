"""The evidence lower bound, and how much of the rate it counts."""

import keras
import tensorflow as tf

from keras_vae.choice import real
from keras_vae.objectives.objective import Objective


@keras.saving.register_keras_serializable(package="keras_vae")
class ELBO(Objective):
    """distortion + beta * max(rate, free_nats), or distortion + beta * |rate - capacity|.

    Args:
        beta: weight of the rate (beta-VAE, Higgins et al. 2017); 1 is the evidence lower bound
            (Kingma & Welling, arXiv 1312.6114).
        free_nats: rate per image, in nats, that costs nothing to use (arXiv 1811.04551).
        capacity: rate per image, in nats, that each image is to use, no more and no less (Burgess
            et al., arXiv 1804.03599); a warm-up lets it grow from 0, and beta, the paper's gamma,
            stays. Of the size of 25 with a beta of 100 to 1,000; or None.
    """

    def __init__(self, beta=1.0, free_nats=0.0, capacity=None):
        super().__init__()
        self.beta = real("beta", beta, least=0)
        self.free_nats = real("free_nats", free_nats, least=0)
        self.capacity = None if capacity is None else real("capacity", capacity, least=0)
        if capacity is not None and free_nats:
            raise ValueError(
                f"capacity={capacity} already says what rate an image is to use, and would charge "
                f"it for what free_nats={free_nats} gives away: choose one of the two."
            )

    def loss(self, terms, warmup=1.0):
        distortion = tf.reduce_mean(terms.distortion, axis=0)
        if self.capacity is not None:
            return distortion + self.beta * tf.abs(terms.rate - warmup * self.capacity)
        return distortion + self.beta * warmup * tf.maximum(terms.rate, self.free_nats)

    def get_config(self):
        capacity = {} if self.capacity is None else {"capacity": self.capacity}
        return {"beta": self.beta, "free_nats": self.free_nats, **capacity}
