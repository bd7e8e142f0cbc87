"""Bounds on log p(x) by several draws, log w_k = log p(x, z_k) - log q(z_k|x): the IWAE family."""

import math

import keras
import tensorflow as tf

from keras_vae.choice import real, whole
from keras_vae.objectives.objective import Objective

REGISTER = keras.saving.register_keras_serializable(package="keras_vae")


class ImportanceWeighted(Objective):
    """Base: minus a bound of the log weights, with plain or doubly reparameterised gradients.

    Args:
        samples: K; the decoder costs K times as much.
        dreg: doubly reparameterised gradients (DReG, Tucker et al., arXiv 1810.04152): the
            encoder's gradient has the same mean, and does not drown in its noise as K grows, as
            the plain one does (arXiv 1802.04537). At K = 64 its noise was a fifth to a tenth of
            the plain one's in a small VAE after 40 epochs on digits, and more than the plain one's
            before the first. Beside `iaf` it costs the density of given codes, latent_dim times a
            draw.
    """

    def __init__(self, samples, dreg):
        super().__init__()
        self.samples, self.dreg = whole("samples", samples), bool(dreg)
        self.separate = self.dreg

    def bound(self, log_weight):
        """(K, B) log weights -> (B,), a lower bound on log p(x), in nats."""
        raise NotImplementedError

    def shares(self, log_weight):
        """(K, B) c_k: the encoder's gradient is sum_k c_k d(log w_k)/dz_k dz_k/d(encoder)."""
        raise NotImplementedError

    def loss(self, terms, warmup=1.0):
        log_weight = -(terms.distortion + warmup * terms.sampled_rate)
        loss = -self.bound(log_weight)
        if terms.slopes is None:
            return loss
        shares = tf.stop_gradient(self.shares(log_weight))
        led = tf.reduce_sum(shares * self.path(terms, warmup), axis=0)
        return loss + led - tf.stop_gradient(led)  # its value is 0, its gradient the encoder's

    def path(self, terms, warmup):
        """(K, B), whose gradient is that of -log w_k along the draw, dz_k/d(encoder)."""
        slope = tf.stop_gradient(terms.slopes[0] + warmup * terms.slopes[1])
        return tf.reduce_sum(slope * terms.z, axis=-1)


@REGISTER
class IWAE(ImportanceWeighted):
    """-log(1/K sum_k w_k), Burda et al., arXiv 1509.00519.

    A bound on -log p(x) that is never looser than the negative ELBO and falls as K grows. It
    trains p better and q as a proposal: the ELBO itself may be worse than that of `ELBO`.

    Args:
        samples: K. With 1 this is the ELBO, its rate sampled.
        dreg: see `ImportanceWeighted`.
    """

    def __init__(self, samples=5, dreg=False):
        super().__init__(samples, dreg)

    def bound(self, log_weight):
        return tf.reduce_logsumexp(log_weight, axis=0) - math.log(self.samples)

    def shares(self, log_weight):
        return tf.square(tf.nn.softmax(log_weight, axis=0))

    def get_config(self):
        return {"samples": self.samples, **({"dreg": True} if self.dreg else {})}


@REGISTER
class CIWAE(ImportanceWeighted):
    """beta * (the negative ELBO) + (1 - beta) * (the loss of IWAE), arXiv 1802.04537.

    Args:
        beta: in [0, 1]; 1 is the ELBO of K draws, 0 IWAE.
        samples: K.
        dreg: see `ImportanceWeighted`.
    """

    def __init__(self, beta=0.5, samples=5, dreg=False):
        super().__init__(samples, dreg)
        self.beta = real("beta", beta, least=0)
        if beta > 1:
            raise ValueError(
                f"beta mixes two bounds and must be in [0, 1]; received {beta!r}. To weigh the "
                "rate choose objectives.ELBO(beta=...)."
            )

    def bound(self, log_weight):
        tight = tf.reduce_logsumexp(log_weight, axis=0) - math.log(self.samples)
        return self.beta * tf.reduce_mean(log_weight, axis=0) + (1.0 - self.beta) * tight

    def shares(self, log_weight):
        tight = tf.square(tf.nn.softmax(log_weight, axis=0))
        return self.beta / self.samples + (1.0 - self.beta) * tight

    def get_config(self):
        return {"beta": self.beta, "samples": self.samples, "dreg": self.dreg}


@REGISTER
class MIWAE(ImportanceWeighted):
    """-1/m sum_i log(1/k sum_j w_ij), the mean of m bounds of k draws (arXiv 1802.04537).

    Args:
        m: bounds; their mean is less noisy. With k = 1 this is the ELBO of m draws.
        k: draws in each bound; with m = 1 this is IWAE.
        dreg: see `ImportanceWeighted`.
    """

    def __init__(self, m=4, k=4, dreg=False):
        self.m, self.k = whole("m", m), whole("k", k)
        super().__init__(self.m * self.k, dreg)

    def grouped(self, log_weight):
        """(K, B) -> (m, k, B)."""
        return tf.reshape(log_weight, (self.m, self.k, -1))

    def bound(self, log_weight):
        bounds = tf.reduce_logsumexp(self.grouped(log_weight), axis=1) - math.log(self.k)
        return tf.reduce_mean(bounds, axis=0)

    def shares(self, log_weight):
        weight = tf.nn.softmax(self.grouped(log_weight), axis=1)
        weight = tf.square(weight) if self.dreg else weight
        return tf.reshape(weight, tf.shape(log_weight)) / self.m

    def get_config(self):
        return {"m": self.m, "k": self.k, "dreg": self.dreg}


@REGISTER
class PIWAE(MIWAE):
    """The decoder follows IWAE of all m * k draws, the encoder MIWAE(m, k) (arXiv 1802.04537).

    The loss that is told is the decoder's. The prior learns with the decoder.

    Args:
        m, k, dreg: see `MIWAE`.
    """

    def __init__(self, m=4, k=4, dreg=False):
        super().__init__(m, k, dreg)
        self.separate = True

    def bound(self, log_weight):
        return tf.reduce_logsumexp(log_weight, axis=0) - math.log(self.samples)

    def path(self, terms, warmup):
        along = super().path(terms, warmup)
        if self.dreg:
            return along
        return along + warmup * terms.posterior.log_prob(tf.stop_gradient(terms.z))
