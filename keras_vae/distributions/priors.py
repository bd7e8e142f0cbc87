"""p(z): what codes are drawn from. A prior may own weights; it then learns with the model."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.choice import choose
from keras_vae.distributions import tfd

JITTER = 1e-6  # added to a fitted variance, as a part of the mean variance: no direction is flat


class Prior(keras.layers.Layer):
    """Base of the prior families.

    The first model that takes an instance calls `build_for`; models that share it find it built.
    A prior draws by `distribution`, and on a device by `from_noise`.

    Attributes:
        latent_dim: size of the codes, or None until there is a model.
        ready: whether it may be drawn from; False where it waits for `fit`.
        beside: function () -> (posterior, image_shape), what `look_at` was told.
    """

    latent_dim = None
    ready = True
    beside = staticmethod(lambda: (None, None))

    def build_for(self, latent_dim):
        """Fixes the size of the code; a prior with weights makes them here. Called once."""
        self.latent_dim = int(latent_dim)
        self.built = True

    def look_at(self, posterior, image_shape):
        """Tells a prior the encoder that it stands beside, before `build_for`; most do not care.

        Args:
            posterior: function, (K, H, W, C) images -> tfd.Distribution q(z given x), batch (K,);
                or None beside an autoencoder.
            image_shape: (H, W, C).
        """
        self.beside = lambda: (posterior, image_shape)  # hidden from Keras: no weights of the prior

    def distribution(self):
        """tfd.Distribution, batch shape (), event shape (latent_dim,)."""
        raise NotImplementedError

    @property
    def noise_dim(self):
        """Standard normal numbers that one draw is made of."""
        return self.latent_dim

    def from_noise(self, noise):
        """(B, noise_dim) standard normal numbers -> (B, latent_dim) draws: how a device samples."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say how it is drawn from normal numbers; give it a "
            "from_noise(noise), or export without the signature 'generate'."
        )

    def fit(self, codes):
        """Fits the prior to the codes of a model that is trained already, its networks untouched.

        Args:
            codes: (N, latent_dim) float32.

        Returns:
            The prior itself.
        """
        raise NotImplementedError(
            f"{type(self).__name__} cannot be fitted to codes; choose prior='full_normal', or give "
            "your prior a fit(codes)."
        )

    def of_latents(self, indices):
        """The prior of some of the latents: a new Prior of latent_dim len(indices), built."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say what it is of fewer latents; give it an "
            "of_latents(indices)."
        )

    def between(self, start, end, position):
        """(B, latent_dim) codes on the way from `start` to `end`, (B, 1) positions in [0, 1]."""
        return start + position * (end - start)


@keras.saving.register_keras_serializable(package="keras_vae")
class StandardNormal(Prior):
    """Independent normals of mean 0 and scale 1."""

    def distribution(self):
        zeros = tf.zeros((self.latent_dim,))
        return tfd.Independent(tfd.Normal(zeros, tf.ones_like(zeros)), 1)

    def from_noise(self, noise):
        return noise

    def of_latents(self, indices):
        smaller = type(self)()
        smaller.build_for(len(indices))
        return smaller

    def between(self, start, end, position):
        # Half way between two draws a straight line is too near to 0: its variance is 1/2 there.
        rest = 1.0 - position
        return (rest * start + position * end) / tf.sqrt(rest * rest + position * position)


@keras.saving.register_keras_serializable(package="keras_vae")
class FullNormal(Prior):
    """A normal of any mean and covariance: what an autoencoder's codes are taken to be.

    Its scale is the Cholesky factor of the covariance; its diagonal passes through a softplus, so
    that the prior can also learn with a VAE.
    """

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        size = self.latent_dim
        self.loc = self.add_weight(shape=(size,), initializer="zeros", name="loc")
        identity = lambda shape, dtype=None: np.log(np.expm1(1.0)) * np.eye(size, dtype="float32")
        self.raw_scale = self.add_weight(shape=(size, size), initializer=identity, name="raw_scale")
        self.fitted = self.add_weight(shape=(), initializer="zeros", trainable=False, name="fitted")

    @property
    def ready(self):
        return bool(self.fitted.numpy() > 0)

    def _scale(self):
        raw = tf.convert_to_tensor(self.raw_scale)
        diagonal = tf.nn.softplus(tf.linalg.diag_part(raw))
        return tf.linalg.set_diag(tf.linalg.band_part(raw, -1, 0), diagonal)

    def distribution(self):
        return tfd.MultivariateNormalTriL(tf.convert_to_tensor(self.loc), self._scale())

    def from_noise(self, noise):
        return tf.convert_to_tensor(self.loc) + tf.matmul(noise, self._scale(), transpose_b=True)

    def fit(self, codes):
        """The mean and the covariance of the codes: the maximum of their likelihood."""
        codes = np.asarray(codes, "float64")
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim or len(codes) < 2:
            raise ValueError(
                f"codes must have shape (N, {self.latent_dim}), N at least 2; received "
                f"{codes.shape}."
            )
        covariance = np.atleast_2d(np.cov(codes, rowvar=False, bias=True))
        floor = JITTER * max(np.trace(covariance) / len(covariance), np.finfo("float32").tiny)
        scale = np.linalg.cholesky(covariance + floor * np.eye(len(covariance)))
        diagonal = np.diag(scale)
        inverse = diagonal + np.log(-np.expm1(-diagonal))  # of the softplus
        raw = scale - np.diag(diagonal) + np.diag(inverse)
        self.set_weights([codes.mean(axis=0), raw, np.ones(())])
        return self


FAMILIES = {"standard_normal": StandardNormal, "full_normal": FullNormal}


def get(prior):
    """A name of `FAMILIES`, or a Prior, to a Prior."""
    return choose("prior", prior, FAMILIES, Prior)


def build(prior, latent_dim, posterior=None, image_shape=None):
    """Makes the weights of a prior for codes of `latent_dim`, unless they are there.

    Args:
        prior: Prior.
        latent_dim: size of the codes.
        posterior, image_shape: see `Prior.look_at`.

    Raises:
        ValueError: it is the prior of codes of another size.
    """
    prior.look_at(posterior, image_shape)
    if prior.latent_dim is None:
        prior.build_for(latent_dim)
        prior.latent_dim = int(latent_dim)
    elif prior.latent_dim != latent_dim:
        raise ValueError(
            f"This {type(prior).__name__} is the prior of codes of {prior.latent_dim} numbers "
            f"already; a code here has {latent_dim}. Make a new {type(prior).__name__}()."
        )


def rate(posterior, prior, sampled):
    """KL(q || p) of each image, in closed form where tfp knows one, else its sampled mean.

    Args:
        posterior: tfd.Distribution q(z given x), batch (B,).
        prior: tfd.Distribution p(z).
        sampled: (K, B) log q(z_k given x) - log p(z_k) of draws z_k of q.

    Returns:
        (B,) nats per image.
    """
    try:
        return tfd.kl_divergence(posterior, prior)
    except NotImplementedError:
        return tf.reduce_mean(sampled, axis=0)
