"""q(z given x): the families of posteriors, by name. Raw encoder outputs in, a distribution out."""

import keras
import tensorflow as tf

from keras_vae.choice import choose
from keras_vae.distributions import tfd
from keras_vae.distributions.amortised_flows import PlanarFlow, RadialFlow
from keras_vae.distributions.hyperspherical import PowerSpherical
from keras_vae.distributions.iaf import InverseAutoregressive
from keras_vae.distributions.posterior import Posterior

__all__ = [
    "FAMILIES",
    "CholeskyNormal",
    "DiagonalNormal",
    "InverseAutoregressive",
    "PlanarFlow",
    "Posterior",
    "PowerSpherical",
    "RadialFlow",
    "get",
]


@keras.saving.register_keras_serializable(package="keras_vae")
class DiagonalNormal(Posterior):
    """Independent normals (Kingma & Welling, arXiv 1312.6114).

    Raw parameters: D means, then D scales before a softplus.
    """

    def parameters(self, latent_dim):
        return 2 * latent_dim

    def distribution(self, parameters):
        loc, scale = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return tfd.Independent(tfd.Normal(loc, tf.nn.softplus(scale) + 1e-4), 1)

    def mean(self, parameters):
        # Not a split, whose second half nobody reads: LiteRT leaves that without a value.
        return tf.cast(parameters[..., : parameters.shape[-1] // 2], tf.float32)


@keras.saving.register_keras_serializable(package="keras_vae")
class CholeskyNormal(Posterior):
    """A normal of any covariance, by its Cholesky factor (section 2 of arXiv 1906.02691).

    KL(q || p) to a normal prior is in closed form.

    Raw parameters: D means, D numbers of the factor's diagonal before a softplus, and the
    D (D - 1) / 2 numbers below it, row by row.
    """

    factorised = False

    def parameters(self, latent_dim):
        return 2 * latent_dim + latent_dim * (latent_dim - 1) // 2

    def build_for(self, latent_dim):
        self.latent_dim = int(latent_dim)

    def distribution(self, parameters):
        parameters, size = tf.cast(parameters, tf.float32), self.latent_dim
        diagonal = tf.nn.softplus(parameters[..., size : 2 * size]) + 1e-4
        rows, first = [], 2 * size
        for row in range(size):
            parts = [parameters[..., first : first + row], diagonal[..., row : row + 1]]
            parts.append(tf.zeros_like(diagonal[..., row + 1 :]))
            rows.append(tf.concat(parts, axis=-1))
            first += row
        return tfd.MultivariateNormalTriL(parameters[..., :size], tf.stack(rows, axis=-2))

    def mean(self, parameters):
        return tf.cast(parameters[..., : self.latent_dim], tf.float32)


FAMILIES = {
    "diagonal_normal": DiagonalNormal,
    "full_normal": CholeskyNormal,
    "iaf": InverseAutoregressive,
    "planar_flow": PlanarFlow,
    "radial_flow": RadialFlow,
    "power_spherical": PowerSpherical,
}


def get(posterior):
    """A name of `FAMILIES`, or a Posterior, to a Posterior."""
    return choose("posterior", posterior, FAMILIES, Posterior)
