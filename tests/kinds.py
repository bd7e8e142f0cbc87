"""Four kinds of models that the library does not have, each written against its seams alone.

A prior with weights, two levels of latents, a density without a code, and labels as a condition.
test_new_kinds.py takes each through the life of a model.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae import models, networks, objectives
from keras_vae.distributions import priors, tfd

LABELS = 10
KEEP = keras.saving.register_keras_serializable(package="tests")


@KEEP
class Mixture(priors.Prior):
    """A mixture of K diagonal normals with learned weights, means and scales."""

    def __init__(self, components=3, **kwargs):
        super().__init__(**kwargs)
        self.components = components

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        shape = (self.components, latent_dim)
        self.logits = self.add_weight(shape=shape[:1], initializer="zeros", name="logits")
        self.loc = self.add_weight(shape=shape, initializer="random_normal", name="loc")
        self.raw = self.add_weight(shape=shape, initializer="zeros", name="raw")

    def distribution(self):
        parts = tfd.Normal(tf.convert_to_tensor(self.loc), tf.nn.softplus(self.raw) + 1e-3)
        which = tfd.Categorical(logits=tf.convert_to_tensor(self.logits))
        return tfd.MixtureSameFamily(which, tfd.Independent(parts, 1))

    @property
    def noise_dim(self):
        return self.latent_dim + 1  # the last number chooses the component

    def from_noise(self, noise):
        shares = tf.cumsum(tf.nn.softmax(tf.convert_to_tensor(self.logits)))
        ends = tfd.Normal(0.0, 1.0).quantile(tf.clip_by_value(shares[:-1], 1e-6, 1 - 1e-6))
        above = tf.cast(noise[:, -1:] > ends, tf.float32)  # (B, K - 1)
        chosen = tf.pad(above, [[0, 0], [1, 0]], constant_values=1.0) - tf.pad(
            above, [[0, 0], [0, 1]]
        )
        scale = tf.nn.softplus(self.raw) + 1e-3
        return tf.matmul(chosen, self.loc) + tf.matmul(chosen, scale) * noise[:, :-1]

    def fit(self, codes):
        self.loc.assign(codes[:: len(codes) // self.components][: self.components])
        return self

    def get_config(self):
        return {**super().get_config(), "components": self.components}


@KEEP
class TwoLevels(models.VAE):
    """p(z2) p(z1 | z2) p(x | z1); a code is the noise of both, so the decoder is one network.

    The decoder's first part gives mean and scale of z1 from z2; e1 = (z1 - mean) / scale.
    """

    def posterior(self, images):
        raise ValueError("The posterior of the noise is no simple distribution; see sample_codes.")

    def _levels(self, parameters):
        """(B, 4 D) -> q(z2 | x) and q(z1 | x), batch (B,) each, event (D,)."""
        one, two = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return [self.posterior_family.distribution(part) for part in (two, one)]

    def _noise(self, z2, z1):
        mean, scale = self._level_one(z2)
        return tf.concat([z2, (z1 - mean) / scale], axis=-1)

    def _level_one(self, z2):
        mean, raw = tf.split(self.decoder.get_layer("level_one")(z2), 2, axis=-1)
        return mean, tf.nn.softplus(raw) + 1e-2

    def code(self, parameters):
        two, one = self._levels(parameters)
        return self._noise(two.mean(), one.mean())

    def sample_codes(self, images, seed=0):
        two, one = self._levels(self.encoder(images, training=False))
        drawn = (q.sample(seed=tf.constant([seed, i])) for i, q in enumerate((two, one)))
        return np.asarray(self._noise(*drawn))

    def sample_terms(self, x, y, samples, training=False, seed=None):
        two, one = self._levels(self.encoder(x, training=training))
        z2, z1 = (
            q.sample(samples, seed=None if seed is None else tf.stack([seed[0] + i, seed[1]]))
            for i, q in enumerate((two, one))
        )  # (K, B, D)
        flat = lambda z: tf.reshape(z, (-1, z.shape[-1]))
        mean, scale = self._level_one(flat(z2))
        as_drawn = lambda t: tf.reshape(t, tf.shape(z1))
        above = tfd.Independent(tfd.Normal(as_drawn(mean), as_drawn(scale)), 1)
        raw = self.decoder(self._noise(flat(z2), flat(z1)), training=training)
        raw = tf.reshape(raw, (samples, -1, *raw.shape[1:]))
        top = tfd.Independent(tfd.Normal(tf.zeros_like(z2), 1.0), 1)
        sampled = two.log_prob(z2) + one.log_prob(z1) - top.log_prob(z2) - above.log_prob(z1)
        distortion = -self.likelihood_family.log_prob(raw, y, training)
        return objectives.Terms(distortion, tf.reduce_mean(sampled, axis=0), sampled)


def two_levels(image_shape, latent_dim=3):
    """TwoLevels over dense networks, latent_dim numbers a level."""
    noise = keras.Input((2 * latent_dim,))
    z2, e1 = noise[:, :latent_dim], noise[:, latent_dim:]
    both = layers.Dense(2 * latent_dim, name="level_one")(z2)
    scale = layers.Activation("softplus")(both[:, latent_dim:])
    z1 = both[:, :latent_dim] + (scale + 1e-2) * e1
    raw = networks.dense_decoder(latent_dim, image_shape, image_shape[2], hidden_units=(32,))(z1)
    encoder = networks.dense_encoder(image_shape, 4 * latent_dim, hidden_units=(32,))
    return TwoLevels(encoder, keras.Model(noise, raw))


@KEEP
class CausalRows(layers.Layer):
    """(B, H, W, 1) -> (B, H, W, 1) logits, each from the pixels before it: a masked matrix."""

    def build(self, shape):
        self.pixels = shape[1] * shape[2]
        self.kernel = self.add_weight(shape=(self.pixels, self.pixels), name="kernel")
        self.bias = self.add_weight(shape=(self.pixels,), initializer="zeros", name="bias")

    def call(self, x):
        before = tf.linalg.band_part(tf.ones_like(self.kernel), 0, -1) - tf.eye(self.pixels)
        flat = tf.reshape(x, (-1, self.pixels))
        return tf.reshape(tf.matmul(flat, self.kernel * before) + self.bias, tf.shape(x))


@KEEP
class Autoregressive(models.ImageModel):
    """A fully visible sigmoid belief network: p(x) = prod_i p(x_i | x_1 ... x_i-1), exact."""

    tracked = ("loss", "nll")
    purpose = "An autoregressive density: exact, slow to draw from, without a code."

    def __init__(self, image_shape, *, likelihood="bernoulli", **kwargs):
        super().__init__(image_shape, likelihood=likelihood, **kwargs)
        self.network = keras.Sequential([keras.Input(self.image_shape), CausalRows()])
        self.build((None, *self.image_shape))

    def call(self, images, training=False):
        return self.network(images, training=training)

    def terms(self, x, y, training):
        nll = -self.likelihood_family.log_prob(self.network(x), y, training)
        return {"loss": nll, "nll": nll}

    def log_prob(self, images):
        return self.likelihood_family.log_prob(self.network(images), images).numpy()

    def sample(self, count, seed=None):
        flat = np.zeros((count, int(np.prod(self.image_shape))), "float32")
        uniform = np.random.default_rng(seed).random(flat.shape)
        for i in range(flat.shape[1]):
            logits = self.network(flat.reshape(count, *self.image_shape)).numpy()
            flat[:, i] = uniform[:, i] < 1 / (1 + np.exp(-logits.reshape(flat.shape)[:, i]))
        return flat.reshape(count, *self.image_shape)


def autoregressive(image_shape):
    """Autoregressive over images of one channel."""
    return Autoregressive(image_shape)


@KEEP
class WithLabels(models.VAE):
    """p(x | z, label): a code is z and the label, one-hot, which the encoder guesses."""

    takes_labels = True

    def _parts(self, parameters):
        loc, raw = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        scale = tf.nn.softplus(raw[:, :-LABELS]) + 1e-4
        return tfd.Independent(tfd.Normal(loc[:, :-LABELS], scale), 1), loc[:, -LABELS:]

    def code(self, parameters):
        z, guess = self._parts(parameters)
        return tf.concat([z.mean(), tf.nn.softmax(guess)], axis=-1)

    def sample_codes(self, images, seed=0):
        z, guess = self._parts(self.encoder(images, training=False))
        label = tf.one_hot(tf.argmax(guess, axis=-1), LABELS)
        return np.asarray(tf.concat([z.sample(seed=tf.constant([seed, 0])), label], axis=-1))

    def terms(self, x, y, labels, training):
        z, guess = self._parts(self.encoder(x, training=training))
        drawn, one_hot = z.sample(), tf.one_hot(tf.reshape(labels, [-1]), LABELS)
        raw = self.decoder(tf.concat([drawn, one_hot], axis=-1), training=training)
        distortion = -self.likelihood_family.log_prob(raw, y, training)
        rate = tfd.kl_divergence(z, tfd.Independent(tfd.Normal(tf.zeros_like(drawn), 1.0), 1))
        unread = tf.nn.softmax_cross_entropy_with_logits(one_hot, guess)
        loss, elbo = distortion + rate + unread, -(distortion + rate)
        return {"loss": loss, "distortion": distortion, "rate": rate, "elbo": elbo}

    def numbers(
        self, images, importance_samples=100, seed=0, progress=True, kept=None, *, labels=None
    ):
        keras.utils.set_random_seed(seed)
        terms = self.terms(images, images, tf.constant(labels), training=False)
        told = {f"{name}_nats": float(np.mean(terms[name])) for name in self.tracked[1:]}
        return {**told, **models.CodeModel.numbers(self, images)}


@KEEP
class AndLabel(priors.Prior):
    """p(z, label) = N(z; 0, I) / LABELS: the label is the largest of as many normal numbers."""

    def distribution(self):
        z = tfd.Sample(tfd.Normal(0.0, 1.0), self.latent_dim - LABELS)
        label = tfd.OneHotCategorical(logits=tf.zeros(LABELS), dtype=tf.float32)
        return tfd.Blockwise([z, label])

    def from_noise(self, noise):
        numbers = noise[:, -LABELS:]
        label = tf.cast(numbers >= tf.reduce_max(numbers, -1, keepdims=True), tf.float32)
        return tf.concat([noise[:, :-LABELS], label], axis=-1)


def with_labels(image_shape, latent_dim=3):
    """WithLabels over dense networks, latent_dim numbers beside the label."""
    size, hidden = latent_dim + LABELS, {"hidden_units": (32,)}
    encoder = networks.dense_encoder(image_shape, 2 * size, **hidden)
    decoder = networks.dense_decoder(size, image_shape, image_shape[2], **hidden)
    return WithLabels(encoder, decoder, prior=AndLabel())


def with_mixture(image_shape, latent_dim=3, prior=None):
    """A dense VAE with a mixture prior."""
    prior = Mixture() if prior is None else prior
    return models.dense_vae(image_shape, latent_dim, hidden_units=(32,), prior=prior)


BUILDERS = {
    builder.__name__: builder for builder in (with_mixture, two_levels, autoregressive, with_labels)
}
