"""Codes of all images drawn to the prior as one cloud: WAE-MMD and InfoVAE."""

import keras
import tensorflow as tf

from keras_vae.choice import real, unknown
from keras_vae.objectives.objective import Objective

WIDTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the kernels, times 2 D: one for each scale


def inverse_multiquadratic(squared, latent_dim):
    """sum_s s C / (s C + d^2), C = 2 D, squared distances d^2 of any shape -> as many."""
    return tf.add_n([s * 2 * latent_dim / (s * 2 * latent_dim + squared) for s in WIDTHS])


def gaussian(squared, latent_dim):
    """exp(-d^2 / D), the kernel of InfoVAE."""
    return tf.exp(-squared / latent_dim)


KERNELS = {"inverse_multiquadratic": inverse_multiquadratic, "gaussian": gaussian}


@keras.saving.register_keras_serializable(package="keras_vae")
class MMD(Objective):
    """distortion + beta * rate + weight * MMD^2(q(z), p(z)).

    MMD^2 is the squared maximum mean discrepancy between the codes of the batch, a draw each, and
    as many draws of the prior, estimated without bias (so it may fall below 0).

    Args:
        weight: nats for an MMD^2 of 1.
        beta: weight of the rate. 0 is the Wasserstein autoencoder, WAE-MMD (Tolstikhin et al.,
            arXiv 1711.01558), whose codes need not be noisy. InfoVAE (Zhao et al., arXiv
            1706.02262) of alpha and lambda has beta = 1 - alpha and weight = alpha + lambda - 1.
        kernel: name in `KERNELS`: "inverse_multiquadratic", of several scales, as WAE's, or
            "gaussian", as InfoVAE's.
    """

    def __init__(self, weight=10.0, beta=0.0, kernel="inverse_multiquadratic"):
        super().__init__()
        self.weight = real("weight", weight, least=0)
        self.beta = real("beta", beta, least=0)
        if kernel not in KERNELS:
            raise unknown("kernel", kernel, KERNELS)
        self.kernel = kernel

    def check(self, model):
        if not self.beta and model.prior_family.trainable_weights:
            raise ValueError(
                f"Without a rate nothing tells {type(model.prior_family).__name__} what to learn: "
                "choose prior='standard_normal', or MMD(beta=...) above 0."
            )

    def discrepancy(self, one, other):
        """MMD^2 of two clouds, (N, D) and (N, D) -> scalar."""
        count, size = tf.cast(tf.shape(one)[0], tf.float32), one.shape[-1]
        kernel = lambda a, b: KERNELS[self.kernel](_squared_distances(a, b), size)
        within = lambda k: tf.reduce_sum(k) - tf.reduce_sum(tf.linalg.diag_part(k))
        inside = within(kernel(one, one)) + within(kernel(other, other))
        pairs = count * tf.maximum(count - 1.0, 1.0)
        return inside / pairs - 2.0 * tf.reduce_mean(kernel(one, other))

    def loss(self, terms, warmup=1.0):
        z, seed = terms.z[0], terms.seed
        seed = None if seed is None else tf.random.experimental.stateless_fold_in(seed, 1)
        drawn = tf.stop_gradient(terms.prior.sample(tf.shape(z)[0], seed=seed))
        apart = self.discrepancy(z, drawn)
        distortion = tf.reduce_mean(terms.distortion, axis=0)
        return distortion + warmup * (self.beta * terms.rate + self.weight * apart)

    def get_config(self):
        return {"weight": self.weight, "beta": self.beta, "kernel": self.kernel}


def _squared_distances(one, other):
    """(N, D) and (M, D) -> (N, M)."""
    return tf.reduce_sum(tf.math.squared_difference(one[:, None], other[None]), axis=-1)
