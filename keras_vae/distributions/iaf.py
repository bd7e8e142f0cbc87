"""A posterior whose latents depend on each other: inverse autoregressive flow."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae.choice import whole
from keras_vae.distributions.posterior import Posterior
from keras_vae.distributions.stable import softplus

KEEP = 1.5  # a new step keeps sigmoid(1.5) = 0.82 of what it gets


class MaskedDense(layers.Dense):
    """A dense layer of which some weights are 0 (MADE, Germain et al., arXiv 1502.03509).

    Args:
        mask: (inputs, units) of 0 and 1.
    """

    def __init__(self, mask, activation=None, **kwargs):
        super().__init__(mask.shape[1], activation=activation, dtype="float32", **kwargs)
        self.mask = tf.constant(mask, tf.float32)
        self.build((None, mask.shape[0]))

    def call(self, x):
        return self.activation(tf.matmul(x, self.kernel * self.mask) + self.bias)


class Step(layers.Layer):
    """z' = s * z + (1 - s) * m, where m and s of a latent come from those before it and a context.

    Args:
        latent_dim: D.
        units: width of the hidden layer.
    """

    def __init__(self, latent_dim, units, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        place = np.arange(latent_dim)
        hidden = np.arange(units) % max(1, latent_dim - 1)
        self.hidden = MaskedDense(place[:, None] <= hidden[None], name="hidden")
        self.context = layers.Dense(units, use_bias=False, dtype="float32", name="context")
        self.context.build((None, latent_dim))
        self.out = MaskedDense(np.tile(hidden[:, None] < place[None], 2), name="out")
        self.built = True

    def call(self, z, context):
        """(N, D) and (N, D) -> z' (N, D) and log s (N, D)."""
        mean, log_scale = self.told(z, context)
        return tf.exp(log_scale) * z - tf.math.expm1(log_scale) * mean, log_scale

    def told(self, z, context):
        """m and log s, (N, D) each."""
        x = tf.nn.elu(self.hidden(z) + self.context(context))
        mean, raw = tf.split(self.out(x), 2, axis=-1)
        return mean, -softplus(-raw - KEEP)

    def inverse(self, z, context):
        """z' (N, D) -> z (N, D), a latent after the other, and log s (N, D)."""
        found = tf.zeros_like(z)
        for place in range(z.shape[-1]):
            mean, log_scale = self.told(found, context)
            value = (z + tf.math.expm1(log_scale) * mean) * tf.exp(-log_scale)
            found = tf.concat([found[:, :place], value[:, place : place + 1]], -1)
            found = tf.pad(found, [[0, 0], [0, z.shape[-1] - place - 1]])
        return found, self.told(found, context)[1]


@keras.saving.register_keras_serializable(package="keras_vae")
class InverseAutoregressive(Posterior):
    """Inverse autoregressive flow (Kingma et al., arXiv 1606.04934) on a diagonal normal.

    Draws and their densities cost `steps` masked networks; the density of any other code costs
    latent_dim times as much. It has no closed mean: a code is what the flow makes of the normal's.

    Raw parameters: D means, D scales before a softplus, D numbers of context for the flow.

    Args:
        steps: of the flow; each reads the latents in the reverse order of the one before.
        units: width of the hidden layer of each step.
    """

    factorised = False

    def __init__(self, steps=2, units=320, **kwargs):
        super().__init__(**kwargs)
        self.steps, self.units = whole("steps", steps), whole("units", units)

    def parameters(self, latent_dim):
        return 3 * latent_dim

    def build_for(self, latent_dim):
        self.latent_dim = int(latent_dim)
        self.flow = [Step(latent_dim, self.units, name=f"step_{k}") for k in range(self.steps)]

    def distribution(self, parameters):
        from keras_vae.distributions.flowed_normal import FlowedNormal

        loc, scale, context = tf.split(tf.cast(parameters, tf.float32), 3, axis=-1)
        return FlowedNormal(loc, tf.nn.softplus(scale) + 1e-4, context, self.forward, self.inverse)

    def mean(self, parameters):
        size = parameters.shape[-1] // 3
        parameters = tf.cast(parameters, tf.float32)
        return self.forward(parameters[..., :size], parameters[..., 2 * size :])[0]

    def forward(self, z, context):
        """(N, D) of the normal -> (N, D) codes, and (N,) log |det| of the Jacobian."""
        total = 0.0
        for step in self.flow:
            z, log_scale = step(tf.reverse(z, [-1]), context)
            total += tf.reduce_sum(log_scale, -1)
        return z, total

    def inverse(self, z, context):
        """(N, D) codes -> (N, D) of the normal, and (N,) log |det| of the Jacobian of `forward`."""
        total = 0.0
        for step in self.flow[::-1]:
            z, log_scale = step.inverse(z, context)
            z = tf.reverse(z, [-1])
            total += tf.reduce_sum(log_scale, -1)
        return z, total

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "units": self.units}
