"""Priors that are mixtures of normals: of free components, and of the posteriors of images."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.choice import whole
from keras_vae.distributions import tfd
from keras_vae.distributions.prior import LearnedPrior

LEAST_SCALE = 1e-3  # of a component
REGISTER = keras.saving.register_keras_serializable(package="keras_vae")


class MixtureOfNormals(LearnedPrior):
    """Base: a mixture of K diagonal normals.

    Args:
        components: K.
    """

    def __init__(self, components, **kwargs):
        super().__init__(**kwargs)
        self.components = whole("components", components)

    def parts(self):
        """(K,) logits of the shares, and (K, latent_dim) means and scales."""
        raise NotImplementedError

    def distribution(self):
        from keras_vae.distributions.normal_mixture import NormalMixture

        logits, loc, scale = self.parts()
        parts = tfd.Independent(tfd.Normal(loc, scale), 1)
        return NormalMixture(tfd.Categorical(logits=logits), parts)

    @property
    def noise_dim(self):
        return self.latent_dim + 1  # the last number chooses the component

    def from_noise(self, noise):
        with tf.init_scope():  # numbers, in a graph for a device too
            logits, loc, scale = self.parts()
            ends = tfd.Normal(0.0, 1.0).quantile(tf.cumsum(tf.nn.softmax(logits))[:-1])
        above = tf.cast(noise[:, -1:] > ends, tf.float32)  # (B, K - 1), 1 up to the chosen one
        first = tf.pad(above, [[0, 0], [1, 0]], constant_values=1.0)
        chosen = first - tf.pad(above, [[0, 0], [0, 1]])
        return tf.matmul(chosen, loc) + tf.matmul(chosen, scale) * noise[:, :-1]

    def get_config(self):
        return {**super().get_config(), "components": self.components}


@REGISTER
class Mixture(MixtureOfNormals):
    """A mixture of K diagonal normals with learned shares, means and scales.

    Args:
        components: K.
    """

    def __init__(self, components=100, **kwargs):
        super().__init__(components, **kwargs)

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        shape, one = (self.components, latent_dim), keras.initializers.Constant(np.log(np.e - 1))
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.logits = self.add_weight(shape=shape[:1], initializer="zeros", name="logits")
        self.loc = self.add_weight(shape=shape, initializer=normal, name="loc")
        self.raw_scale = self.add_weight(shape=shape, initializer=one, name="raw_scale")
        self.mark()

    def parts(self):
        scale = tf.nn.softplus(self.raw_scale) + LEAST_SCALE
        return tf.convert_to_tensor(self.logits), tf.convert_to_tensor(self.loc), scale

    def fit(self, codes):
        """Expectation maximisation over the codes, started by k-means (scikit-learn's)."""
        from sklearn.mixture import GaussianMixture

        codes = self.checked(codes, least=self.components)
        floor = LEAST_SCALE**2 + 1e-6 * codes.var()
        found = GaussianMixture(
            self.components, covariance_type="diag", reg_covar=floor, random_state=0
        ).fit(codes)
        scale = np.sqrt(found.covariances_) - LEAST_SCALE
        raw = scale + np.log(-np.expm1(-scale))  # the inverse of the softplus
        self.set_weights([np.log(found.weights_), found.means_, raw, np.ones(())])
        return self

    def of_latents(self, indices):
        smaller = type(self)(self.components)
        smaller.build_for(len(indices))
        logits, loc, raw_scale, fitted = self.get_weights()
        smaller.set_weights([logits, loc[:, indices], raw_scale[:, indices], fitted])
        return smaller


@REGISTER
class VampPrior(MixtureOfNormals):
    """The mean posterior of K learned images (Tomczak & Welling, arXiv 1705.07120).

    Each training step encodes the K pseudo-inputs beside its batch. It needs a VAE whose posterior
    is a normal; `fit` does not apply, for the encoder would have to learn with it.

    Args:
        components: K, pseudo-inputs.
    """

    def __init__(self, components=128, **kwargs):
        super().__init__(components, **kwargs)

    def check_beside(self, posterior):
        super().check_beside(posterior)
        if posterior is not None and not posterior.factorised:
            raise ValueError(
                f"A VampPrior is a mixture of normals; the {type(posterior).__name__} posterior is "
                "not made of independent ones. Choose posterior='diagonal_normal' or another prior."
            )

    def build_for(self, latent_dim):
        posterior, image_shape = self.beside()
        if posterior is None:
            raise ValueError(
                "A VampPrior is made of the posteriors of a VAE; an autoencoder has none. Choose "
                "prior='mixture' or 'flow'."
            )
        super().build_for(latent_dim)
        self.pseudo_inputs = self.add_weight(
            shape=(self.components, *image_shape),
            initializer=keras.initializers.RandomUniform(0.0, 1.0),
            name="pseudo_inputs",
        )

    @property
    def ready(self):
        return True

    def parts(self):
        posterior, _ = self.beside()
        q = posterior(tf.clip_by_value(tf.convert_to_tensor(self.pseudo_inputs), 0.0, 1.0))
        return tf.zeros(self.components), q.mean(), q.stddev()
