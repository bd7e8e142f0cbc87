"""The rate in three parts, each with a weight of its own: beta-TCVAE."""

import keras
import tensorflow as tf

from keras_vae.choice import real, whole
from keras_vae.objectives import latents
from keras_vae.objectives.objective import Objective


@keras.saving.register_keras_serializable(package="keras_vae")
class BetaTC(Objective):
    """distortion + alpha * information + beta * total correlation + gamma * dimension-wise KL.

    Chen et al., arXiv 1802.04942. With the aggregated posterior q(z), the mean of q(z|x) over the
    training images, the mean rate is the sum of
        information        KL(q(z, x) || q(z) q(x)),
        total correlation  KL(q(z) || prod_d q(z_d)),
        dimension-wise KL  sum_d KL(q(z_d) || p(z_d)).
    The parts are taken at a draw z of each image and add up to log q(z|x) - log p(z), whatever q(z)
    is taken to be. That is a sum over the batch: of a batch of B images the information is at most
    log B, where `dataset_size` does not say how many others there are.

    Args:
        beta: weight of the total correlation.
        alpha: weight of the information between an image and its code.
        gamma: weight of the dimension-wise KL.
        dataset_size: N, number of training images. In q(z) an image has weight 1/N at its own draw,
            and the others of the batch stand for the rest, so that q(z) has the right mean
            (stratified sampling). None: all have 1/B (minibatch-weighted sampling, without its
            constant log N - log B, which moves no gradient).
    """

    def __init__(self, beta=6.0, alpha=1.0, gamma=1.0, dataset_size=None):
        super().__init__()
        self.beta = real("beta", beta, least=0)
        self.alpha = real("alpha", alpha, least=0)
        self.gamma = real("gamma", gamma, least=0)
        self.dataset_size = None if dataset_size is None else whole("dataset_size", dataset_size)

    def check(self, model):
        if not latents.is_one_by_one(latents.of_nothing(model)):
            raise ValueError(
                "BetaTC needs the density of each latent by itself, q(z_d|x), which "
                f"{type(model.posterior_family).__name__} does not have: choose "
                f"{latents.ONE_BY_ONE}."
            )
        latents.check_standard_normal(
            self, model, "its last part compares each latent with a prior of its own"
        )

    def parts(self, terms):
        """(information, total correlation, dimension-wise KL) at the first draw, (B,) nats each."""
        z, posterior = terms.z[0], terms.posterior
        among = posterior.distribution.log_prob(z[:, None])  # (B, B, D), log q(z_i,d | x_j)
        weight = self._log_weights(tf.shape(z)[0])
        joint = tf.reduce_logsumexp(weight + tf.reduce_sum(among, axis=-1), axis=1)
        single = tf.reduce_sum(tf.reduce_logsumexp(weight[..., None] + among, axis=1), axis=-1)
        own, prior = posterior.log_prob(z), terms.prior.log_prob(z)
        return own - joint, joint - single, single - prior

    def _log_weights(self, count):
        """(B, B), log of the weight of q(z|x_j) in q(z) at the draw of image i."""
        images = tf.cast(count, tf.float32)
        size = images if self.dataset_size is None else float(self.dataset_size)
        size = tf.where(images > 1, size, 1.0)
        others = (size - 1.0) / (size * tf.maximum(images - 1.0, 1.0))
        weights = tf.fill((count, count), tf.maximum(others, 1e-30))
        return tf.math.log(tf.linalg.set_diag(weights, tf.fill((count,), 1.0 / size)))

    def loss(self, terms, warmup=1.0):
        information, correlation, single = self.parts(terms)
        rate = self.alpha * information + self.beta * correlation + self.gamma * single
        return tf.reduce_mean(terms.distortion, axis=0) + warmup * rate

    def get_config(self):
        weights = {"beta": self.beta, "alpha": self.alpha, "gamma": self.gamma}
        return {**weights, "dataset_size": self.dataset_size}
