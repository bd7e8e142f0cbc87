"""The seam that every posterior fills: raw encoder outputs -> a distribution over the code."""

import keras


class Posterior(keras.layers.Layer):
    """Base of the posterior families.

    Attributes:
        support: where its codes lie, "reals" or "sphere"; a prior beside it has the same.
        factorised: whether the latents are independent given the image.
        latent_dim: size of the codes; None where any will do, or until there is a model.
    """

    support = "reals"
    factorised = True
    latent_dim = None

    def __init__(self, **kwargs):
        super().__init__(**{"name": type(self).__name__, **kwargs})  # two alike are described alike
        self.built = True

    def build_for(self, latent_dim):
        """A posterior with weights makes them here, and says its latent_dim. Called once."""

    def build_like(self, other):
        """Builds it for what another posterior was built for."""
        self.build_for(other.latent_dim)

    def parameters(self, latent_dim):
        """P, how many raw numbers the encoder gives for a code of `latent_dim`."""
        raise NotImplementedError

    def distribution(self, parameters):
        """(B, P) -> tfd.Distribution over (latent_dim,)."""
        raise NotImplementedError

    def mean(self, parameters):
        """(B, P) -> (B, latent_dim) posterior means."""
        raise NotImplementedError
