"""Posteriors that are a normal bent by an encoder's own few steps: planar and radial flows."""

import math

import keras
import tensorflow as tf

from keras_vae.choice import whole
from keras_vae.distributions.posterior import Posterior
from keras_vae.distributions.stable import softplus

AT_ZERO = math.log(math.e - 1)  # softplus(AT_ZERO) = 1
LEAST = 1e-3  # how near a step may come to one that cannot be undone
HALVINGS, NEWTON_STEPS = 24, 2  # of the interval that holds the root, and after that
REGISTER = keras.saving.register_keras_serializable(package="keras_vae")


class AmortisedFlow(Posterior):
    """Base: `steps` steps on a diagonal normal, their numbers given by the encoder for each image.

    It has no closed mean: a code is what the flow makes of the normal's. Where the encoder gives
    zeros, a step is the identity.

    Raw parameters: D means, D scales before a softplus, then the numbers of each step in turn.

    Args:
        steps: K.
    """

    factorised = False

    def __init__(self, steps=4, **kwargs):
        super().__init__(**kwargs)
        self.steps = whole("steps", steps)

    # ---- what a subclass says -------------------------------------------------------------------

    def step_numbers(self, latent_dim):
        """S, raw numbers that a step takes."""
        raise NotImplementedError

    def step(self, z, told):
        """(N, D) and (N, S) raw numbers -> z' (N, D), and (N,) log |det| of the Jacobian."""
        raise NotImplementedError

    def step_back(self, z, told):
        """z' (N, D) and (N, S) -> z (N, D), and (N,) log |det| of the Jacobian of `step`."""
        raise NotImplementedError

    # ---- the posterior --------------------------------------------------------------------------

    def parameters(self, latent_dim):
        return 2 * latent_dim + self.steps * self.step_numbers(latent_dim)

    def build_for(self, latent_dim):
        self.latent_dim = int(latent_dim)

    def distribution(self, parameters):
        from keras_vae.distributions.flowed_normal import FlowedNormal

        parameters, size = tf.cast(parameters, tf.float32), self.latent_dim
        scale = tf.nn.softplus(parameters[..., size : 2 * size]) + 1e-4
        context = parameters[..., 2 * size :]
        return FlowedNormal(parameters[..., :size], scale, context, self.forward, self.inverse)

    def mean(self, parameters):
        parameters, size = tf.cast(parameters, tf.float32), self.latent_dim
        return self.forward(parameters[..., :size], parameters[..., 2 * size :])[0]

    def forward(self, z, context):
        """(N, D) of the normal -> (N, D) codes, and (N,) log |det| of the Jacobian."""
        total = 0.0
        for told in self._of_each_step(context):
            z, log_det = self.step(z, told)
            total += log_det
        return z, total

    def inverse(self, z, context):
        """(N, D) codes -> (N, D) of the normal, and (N,) log |det| of the Jacobian of `forward`."""
        total = 0.0
        for told in self._of_each_step(context)[::-1]:
            z, log_det = self.step_back(z, told)
            total += log_det
        return z, total

    def _of_each_step(self, context):
        size = self.step_numbers(self.latent_dim)
        return [context[..., k * size : (k + 1) * size] for k in range(self.steps)]

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


@REGISTER
class PlanarFlow(AmortisedFlow):
    """Planar flow (Rezende & Mohamed, arXiv 1505.05770): z' = z + u tanh(w z + b).

    The part of u along w is bounded so that w u > -1, and each step can be undone: the inverse is
    the root of an increasing function of one number, found by halving an interval.

    Args:
        steps: K; each takes 2 D + 1 numbers: u, w, b.
    """

    def step_numbers(self, latent_dim):
        return 2 * latent_dim + 1

    def step(self, z, told):
        u, w, b, along = self._plane(told)
        bent = tf.tanh(tf.reduce_sum(w * z, -1, keepdims=True) + b)  # (N, 1)
        return z + u * bent, self._log_det(along, bent)

    def step_back(self, z, told):
        u, w, b, along = self._plane(told)
        bent = tf.tanh(_root(along, tf.reduce_sum(w * z, -1, keepdims=True) + b))
        return z - u * bent, self._log_det(along, bent)

    def _plane(self, told):
        """(N, S) -> u and w (N, D), b (N, 1), and w u (N, 1), above -1."""
        size = self.latent_dim
        u, w, b = told[..., :size], told[..., size : 2 * size], told[..., 2 * size :]
        free = tf.reduce_sum(w * u, -1, keepdims=True)
        along = (1 - LEAST) * (softplus(free + AT_ZERO) - 1)
        length = tf.maximum(tf.reduce_sum(w * w, -1, keepdims=True), 1e-12)
        return u + (along - free) / length * w, w, b, along

    def _log_det(self, along, bent):
        return tf.math.log1p(along * (1 - bent * bent))[..., 0]


@REGISTER
class RadialFlow(AmortisedFlow):
    """Radial flow (Rezende & Mohamed, arXiv 1505.05770): z' = z + b (z - c) / (a + |z - c|).

    a > 0 and b > -a, so that distances from c grow with those before the step; the distance before
    it is the root of a quadratic equation.

    Args:
        steps: K; each takes D + 2 numbers: c, a, b.
    """

    def step_numbers(self, latent_dim):
        return latent_dim + 2

    def step(self, z, told):
        centre, a, b = self._ball(told)
        away, radius = _from(centre, z)
        return z + b / (a + radius) * away, self._log_det(a, b, radius)

    def step_back(self, z, told):
        centre, a, b = self._ball(told)
        away, after = _from(centre, z)
        # radius^2 + p radius - a after = 0, each form where it does not cancel
        p = a + b - after
        root = tf.sqrt(p * p + 4 * a * after)
        radius = tf.where(p > 0, 2 * a * after / (root + tf.maximum(p, 0.0)), 0.5 * (root - p))
        return centre + away / (1 + b / (a + radius)), self._log_det(a, b, radius)

    def _ball(self, told):
        """(N, S) -> centre (N, D), a and b (N, 1)."""
        size = self.latent_dim
        a = softplus(told[..., size : size + 1]) + LEAST
        b = (1 - LEAST) * a * (softplus(told[..., size + 1 :] + AT_ZERO) - 1)
        return told[..., :size], a, b

    def _log_det(self, a, b, radius):
        around = tf.math.log1p(b / (a + radius))
        along = tf.math.log1p(a * b / tf.square(a + radius))
        return ((self.latent_dim - 1) * around + along)[..., 0]


def _from(centre, z):
    """z - centre (N, D), and its length (N, 1), whose gradient is finite at 0."""
    away = z - centre
    return away, tf.sqrt(tf.reduce_sum(away * away, -1, keepdims=True) + 1e-12)


def _root(slope, value):
    """x of x + slope * tanh(x) = value, slope above -1; all (N, 1).

    The last step of Newton's carries the gradient, which is exact where the root is.
    """
    low, high = value - tf.abs(slope), value + tf.abs(slope)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = middle + slope * tf.tanh(middle) > value
        low, high = tf.where(above, low, middle), tf.where(above, middle, high)
    x = 0.5 * (low + high)
    for _ in range(NEWTON_STEPS):
        x = tf.stop_gradient(x)
        bent = tf.tanh(x)
        x -= (x + slope * bent - value) / tf.stop_gradient(1 + slope * (1 - bent * bent))
    return x
