"""The seam that every prior fills: p(z), what codes are drawn from."""

import keras
import numpy as np
import tensorflow as tf


class Prior(keras.layers.Layer):
    """Base of the prior families.

    The first model that takes an instance calls `build_for`; models that share it find it built.
    A prior draws by `distribution`, and on a device by `from_noise`.

    Attributes:
        latent_dim: size of the codes, or None until there is a model.
        ready: whether it may be drawn from; False where it waits for `fit`.
        beside: function () -> (posterior, image_shape), what `look_at` was told.
        support: where its codes lie, "reals" or "sphere".
        invertible: whether each code is made of one noise, which `to_noise` finds.
    """

    latent_dim = None
    ready = True
    support = "reals"
    invertible = False
    beside = staticmethod(lambda: (None, None))

    def __init__(self, **kwargs):
        super().__init__(**{"name": type(self).__name__, **kwargs})  # two alike are described alike

    def build_for(self, latent_dim):
        """Fixes the size of the code; a prior with weights makes them here. Called once."""
        self.latent_dim = int(latent_dim)
        self.built = True

    def check_beside(self, posterior):
        """Raises ValueError where it makes no sense beside a Posterior, None of an autoencoder."""
        others = "reals" if posterior is None else posterior.support
        if others != self.support:
            kind = "an autoencoder's code" if posterior is None else type(posterior).__name__
            raise ValueError(
                f"{type(self).__name__} is a prior on the {self.support}, {kind} lies on the "
                f"{others}: KL(q || p) is infinite. Of a VAE, posterior='power_spherical' and "
                "prior='hyperspherical_uniform' go together, and with no other."
            )

    def look_at(self, posterior, image_shape):
        """Tells a prior the encoder that it stands beside, before `build_for`; most do not care.

        Args:
            posterior: function, (K, H, W, C) images -> tfd.Distribution q(z given x), batch (K,);
                or None beside an autoencoder.
            image_shape: (H, W, C).
        """
        self.beside = lambda: (posterior, image_shape)  # hidden from Keras: no weights of the prior

    def build_like(self, other):
        """Builds it for what another prior was built for."""
        self.look_at(*other.beside())
        self.build_for(other.latent_dim)

    def distribution(self):
        """tfd.Distribution, batch shape (), event shape (latent_dim,)."""
        raise NotImplementedError

    @property
    def makes_codes(self):
        """Whether a draw is more than its noise, so that a device needs `from_noise`."""
        return type(self).from_noise is not Prior.from_noise

    @property
    def noise_dim(self):
        """Standard normal numbers that one draw is made of."""
        return self.latent_dim

    def from_noise(self, noise):
        """(B, noise_dim) standard normal numbers -> (B, latent_dim) draws: how a device samples."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say how it is drawn from normal numbers; give it a "
            "from_noise(noise), or export without the signatures that draw: 'draw', 'from_noise' "
            "and 'generate'."
        )

    def to_noise(self, z):
        """The inverse of `from_noise`, of an `invertible` prior.

        Args:
            z: (B, latent_dim).

        Returns:
            (B, latent_dim) noise, and (B,) log |det| of the Jacobian.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot tell the noise of a code.")

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


class LearnedPrior(Prior):
    """Base of the priors with weights: they learn with a VAE, or are fitted to codes by `fit`."""

    fitted = None

    def mark(self):
        """Makes the weight that says whether `fit` was here: called last in `build_for`."""
        self.fitted = self.add_weight(shape=(), initializer="zeros", trainable=False, name="fitted")

    @property
    def ready(self):
        return bool(self.fitted.numpy() > 0)

    def checked(self, codes, least=2):
        """(N, latent_dim) codes in float64.

        Raises:
            ValueError: codes of another size, or fewer than `least`.
        """
        codes = np.asarray(codes, "float64")
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim or len(codes) < least:
            raise ValueError(
                f"codes must have shape (N, {self.latent_dim}), N at least {least}; received "
                f"{codes.shape}."
            )
        return codes


def between_normals(start, end, position):
    """(B, D) on the way between two standard normal draws, themselves such draws; (B, 1) positions.

    Half way between two draws a straight line is too near to 0: its variance is 1/2 there.
    """
    rest = 1.0 - position
    return (rest * start + position * end) / tf.sqrt(rest * rest + position * position)
