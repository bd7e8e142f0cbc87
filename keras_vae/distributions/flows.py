"""Priors that are normalising flows: an invertible network between codes and normal noise."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae.choice import real, whole
from keras_vae.distributions.prior import LearnedPrior, between_normals
from keras_vae.progress import Bar

FIT_STEPS, LOOK_EVERY = 2000, 100  # of `Flow.fit`


def coupling_network(inputs, outputs, units, activation="relu"):
    """What a coupling does to one half of a code, told by the other half.

    Starts as the identity; computes in float32 under every dtype policy.

    Args:
        inputs: size of the half that is read.
        outputs: size of the half that is changed.
        units: width of the hidden layer.
        activation: of the hidden layer.

    Returns:
        keras.Model, (B, inputs) -> two (B, outputs): shift, and log scale before its bound.
    """
    # === Functional Model ===
    half = keras.Input((inputs,), name="half", dtype="float32")
    x = layers.Dense(units, activation=activation, dtype="float32", name="hidden")(half)
    heads = {"kernel_initializer": "zeros", "dtype": "float32"}
    shift = layers.Dense(outputs, name="shift", **heads)(x)
    log_scale = layers.Dense(outputs, name="log_scale", **heads)(x)
    return keras.Model(half, [shift, log_scale], name="coupling_network")


class Coupling(layers.Layer):
    """One step of a flow: activation normalisation, a rotation, an affine coupling.

    From a code x to noise: y = ((x - loc) * exp(-log_scale)) R, then the second half of y is
    scaled and shifted by a network of the first (RealNVP, arXiv 1605.08803; the normalisation is
    Glow's, arXiv 1807.03039).

    Args:
        latent_dim: D.
        units: width of the network's hidden layer.
        bound: the second half's log scale lies in (-bound, bound).
        rng: numpy Generator that draws the rotation, which is kept as a weight and never learns.
    """

    def __init__(self, latent_dim, units, bound, rng, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.bound, self.kept = bound, latent_dim // 2
        changed = latent_dim - self.kept
        weight = lambda name: self.add_weight(shape=(latent_dim,), initializer="zeros", name=name)
        self.loc, self.log_scale = weight("loc"), weight("log_scale")
        rotation, _ = np.linalg.qr(rng.standard_normal((latent_dim, latent_dim)))
        self.rotation = self.add_weight(
            shape=rotation.shape,
            initializer=lambda shape, dtype=None: rotation.astype("float32"),
            trainable=False,
            name="rotation",
        )
        self.network = coupling_network(self.kept, changed, units)
        self.built = True

    @property
    def learned(self):
        """What `Flow.fit` changes, whether or not the layer is frozen beside an autoencoder."""
        return [weight for weight in self.weights if weight is not self.rotation]

    def normalise(self, codes):
        """Starts at the mean and the scales of (N, D) codes (Glow's data-dependent start)."""
        self.loc.assign(codes.mean(axis=0))
        self.log_scale.assign(np.log(codes.std(axis=0) + 1e-6))

    def _shift_and_turn(self, half):
        """(B, kept) -> two (B, changed): the shift, and the log scale as a part of its bound."""
        shift, raw = self.network(half)
        return shift, tf.tanh(raw / self.bound)

    def to_noise(self, x):
        """(B, D) -> (B, D) and (B,) log |det| of the Jacobian."""
        # One matrix and one bias: a dense layer.
        matrix = tf.exp(-self.log_scale)[:, None] * self.rotation
        y = tf.matmul(x - self.loc, matrix)
        first, second = y[:, : self.kept], y[:, self.kept :]
        shift, turn = self._shift_and_turn(first)
        log_scale = self.bound * turn
        log_det = tf.reduce_sum(log_scale, -1) - tf.reduce_sum(self.log_scale)
        return tf.concat([first, second * tf.exp(log_scale) + shift], -1), log_det

    def from_noise(self, y):
        """The inverse of `to_noise`: (B, D) -> (B, D)."""
        first, second = y[:, : self.kept], y[:, self.kept :]
        shift, turn = self._shift_and_turn(first)
        y = tf.concat([first, (second - shift) * tf.exp(-self.bound * turn)], -1)
        matrix = tf.transpose(self.rotation) * tf.exp(self.log_scale)
        return tf.matmul(y, matrix) + self.loc


@keras.saving.register_keras_serializable(package="keras_vae")
class Flow(LearnedPrior):
    """A RealNVP flow (Dinh et al., arXiv 1605.08803): codes are what couplings make of noise.

    As the prior of a VAE it is worth more nats than a flow in the posterior (Xu et al., arXiv
    1905.13452). Density and draws cost the same; a device draws by dense layers alone.

    Args:
        couplings: K, steps between code and noise.
        units: width of the hidden layer of each coupling's network.
        bound: each coupling scales by factors in (exp(-bound), exp(bound)).
        seed: of the rotations between the couplings.
    """

    invertible = True

    def __init__(self, couplings=20, units=250, bound=2.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.couplings, self.units = whole("couplings", couplings), whole("units", units)
        self.bound, self.seed = real("bound", bound, above=0), whole("seed", seed, 0)

    def build_for(self, latent_dim):
        if latent_dim < 2:
            raise ValueError(
                "A coupling changes one half of a code by the other: a flow needs latent_dim of at "
                f"least 2; received {latent_dim}."
            )
        super().build_for(latent_dim)
        rng = np.random.default_rng(self.seed)
        self.steps = [
            Coupling(latent_dim, self.units, self.bound, rng, name=f"coupling_{k}")
            for k in range(self.couplings)
        ]
        self.mark()

    def to_noise(self, z):
        """(B, latent_dim) codes -> (B, latent_dim) noise and (B,) log |det| of the Jacobian."""
        total = 0.0
        for step in self.steps:
            z, log_det = step.to_noise(z)
            total += log_det
        return z, total

    def from_noise(self, noise):
        for step in self.steps[::-1]:
            noise = step.from_noise(noise)
        return noise

    def between(self, start, end, position):
        ends = (self.to_noise(code)[0] for code in (start, end))
        return self.from_noise(between_normals(*ends, position))

    def distribution(self):
        from keras_vae.distributions.transformed_normal import TransformedNormal

        return TransformedNormal(self.latent_dim, self.from_noise, self.to_noise)

    def fit(self, codes):
        """Maximises the likelihood of nine tenths of the codes, by Adam; of the weights on the way
        those stay that explain the last tenth best."""
        codes = self.checked(codes, least=10).astype("float32")
        codes = codes[np.random.default_rng(0).permutation(len(codes))]
        held_out, codes = np.split(codes, [len(codes) // 10])
        self.steps[0].normalise(codes)
        variables = [weight for step in self.steps for weight in step.learned]
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, FIT_STEPS))
        optimizer.build(variables)

        @tf.function
        def learn(batch):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(self.distribution().log_prob(batch))
            optimizer.apply(tape.gradient(loss, variables), variables)

        explained = tf.function(lambda z: tf.reduce_mean(self.distribution().log_prob(z)))
        batches = tf.data.Dataset.from_tensor_slices(codes).shuffle(len(codes), seed=0).repeat()
        best, kept = -np.inf, self.get_weights()
        bar = Bar(FIT_STEPS, "fitting the flow")
        for step, batch in enumerate(batches.batch(min(256, len(codes))).take(FIT_STEPS), 1):
            learn(batch)
            bar.add(1)
            if step % LOOK_EVERY == 0 and (now := float(explained(held_out))) > best:
                best, kept = now, self.get_weights()
        self.set_weights(kept)
        self.fitted.assign(1.0)
        return self

    def get_config(self):
        own = {name: getattr(self, name) for name in ("couplings", "units", "bound", "seed")}
        return {**super().get_config(), **own}
