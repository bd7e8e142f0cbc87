"""A model with a code: an encoder, a decoder, and the prior that codes are drawn from."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae import collapse
from keras_vae.choice import build, copied, whole, whole_seed
from keras_vae.distributions import priors
from keras_vae.models import checks
from keras_vae.models.image_model import ImageModel

FITTED_IMAGES = 20_000  # of the training images, whose codes a prior is fitted to
SSIM_WINDOW = 11  # pixels, of the paper


class CodeModel(ImageModel):
    """An encoder, a decoder, a likelihood and a prior; the decoder is what export serves.

    A subclass gives `terms`, `code` (what the encoder's output means) and `choices`, and calls
    `finish` at the end of its constructor.

    Args:
        encoder: functional keras.Model, (B, H, W, C) -> (B, P) raw parameters.
        decoder: functional keras.Model, (B, latent_dim) -> (B, H, W, R) raw parameters.
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
        prior: name in `priors.FAMILIES`, or a Prior.

    Attributes:
        posterior_family: Posterior, or None where a code is a number and no distribution.
        served: what an exported file of it carries unasked, names of `export.SIGNATURES`.
    """

    tracked = ("loss", "distortion")
    golden_names = ("z", "pixels")
    posterior_family = None
    served = ("decode",)

    def __init__(self, encoder, decoder, *, likelihood, prior, **kwargs):
        super().__init__(
            _static_shape(encoder, "input_shape", "encoder", 3), likelihood=likelihood, **kwargs
        )
        (self.latent_dim,) = _static_shape(decoder, "input_shape", "decoder", 1)
        raw = _static_shape(decoder, "output_shape", "decoder", 3)
        channels = self.likelihood_family.parameters(self.image_shape[2])
        if raw != (*self.image_shape[:2], channels):
            raise ValueError(
                f"The decoder gives {raw} for images of {self.image_shape}; the "
                f"{type(self.likelihood_family).__name__} likelihood needs "
                f"{(*self.image_shape[:2], channels)}."
            )
        self.encoder, self.decoder = encoder, decoder
        self.prior_family = priors.get(prior)

    def finish(self, outputs, reader):
        """Closes the constructor: from here on the model is built and its weights are fixed.

        Raises:
            ValueError: the encoder does not give the `outputs` numbers that `reader` needs, or the
                prior is that of another code.
        """
        (given,) = _static_shape(self.encoder, "output_shape", "encoder", 1)
        if given != outputs:
            raise ValueError(
                f"The encoder gives {given} numbers for an image; {reader} over a code of "
                f"{self.latent_dim} needs {outputs}."
            )
        self.prior_family.check_beside(self.posterior_family)
        posterior = None
        if self.posterior_family is not None:
            posterior = self.posterior
            build(self.posterior_family, self.latent_dim)
        priors.build(self.prior_family, self.latent_dim, posterior, self.image_shape)
        image, code = (None, *self.image_shape), (None, self.latent_dim)
        encode = lambda images: self.code(self.encoder(images, training=False))
        decode = lambda z: self.likelihood_family.mean(self.decoder(z, training=False))
        self._encode_graph = traced_once(encode, tf.TensorSpec(image))
        self._decode_graph = traced_once(decode, tf.TensorSpec(code))
        self.build((None, *self.image_shape))

    # ---- what a subclass says -------------------------------------------------------------------

    def code(self, parameters):
        """(B, P) raw encoder output -> (B, latent_dim)."""
        raise NotImplementedError

    def sample_codes(self, images, seed=0):
        """A code of each image, (N, latent_dim) float32: drawn, where it is a distribution."""
        return self.encode(images)

    def choices(self):
        """What the constructor takes beside the networks: dict of argument -> instance."""
        return {"likelihood": self.likelihood_family, "prior": self.prior_family}

    def draw_key(self, training):
        """(2,) int32: `noise_key` in training, and the same one always elsewhere."""
        key = self.noise_key() if training else None
        return tf.constant([0, 0]) if key is None else key

    # ---- what a model is used for ---------------------------------------------------------------

    def call(self, images, training=False):
        """(B, H, W, C) or (B, H, W) images -> (B, H, W, C) reconstructions, pixel means."""
        images = checks.as_images(images, self.image_shape, "images")
        code = self.code(self.encoder(images, training=training))
        return self.likelihood_family.mean(self.decoder(code, training=training))

    def encode(self, images, batch_size=256):
        """(N, H, W, C) or (N, H, W) images in [0, 1] -> (N, latent_dim) codes (posterior means)."""
        images = checks.encodable(images, self.image_shape, self.likelihood_family)
        return _in_batches(self._encode_graph, images, batch_size)

    def decode(self, z, batch_size=256):
        """(N, latent_dim) codes -> (N, H, W, C) pixel means in [0, 1]."""
        z = np.asarray(z, "float32")
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must have shape (N, {self.latent_dim}); received {z.shape}.")
        return _in_batches(self._decode_graph, z, batch_size)

    def reconstruct(self, images, batch_size=256):
        """(N, H, W, C) or (N, H, W) images -> (N, H, W, C) pixel means in [0, 1]."""
        return self.decode(self.encode(images, batch_size), batch_size)

    def likelihood(self, z):
        """p(x given z): tfd.Distribution of batch shape (B,) for (B, latent_dim) codes."""
        return self.likelihood_family.distribution(self.decoder(z, training=False))

    @property
    def prior(self):
        """p(z): tfd.Distribution of batch shape ()."""
        return self.prior_family.distribution()

    def draw_codes(self, count, seed=None):
        """(count, latent_dim) float32 draws from the prior; the same ones for the same seed."""
        count, seed = whole("count", count), whole_seed(seed)
        stateless = None if seed is None else tf.constant([0, seed], tf.int32)
        return np.asarray(self.prior.sample(count, seed=stateless), "float32")

    def sample(self, count, seed=None, batch_size=256):
        """Draws images: codes from the prior, then their pixel means.

        Args:
            count: number of images.
            seed: integer for the same images again, or None for new ones.
            batch_size: codes decoded at a time.

        Returns:
            (count, H, W, C) float32 in [0, 1].
        """
        return self.decode(self.draw_codes(count, seed), batch_size)

    def fit_prior(self, images):
        """Fits the prior to the codes of images, the networks untouched (arXiv 1903.12436).

        Args:
            images: (N, H, W, C) or (N, H, W) in [0, 1]; at most 20,000, the first, are used.

        Returns:
            The Prior.
        """
        return self.prior_family.fit(self.sample_codes(images[:FITTED_IMAGES]))

    # ---- what it answers for itself -------------------------------------------------------------

    def numbers(self, images, importance_samples=100, seed=0, progress=True, kept=None):
        """What `evaluate.report` says of the codes and of what they decode to."""
        codes = self.encode(images)
        decoded = self.decode(codes)
        error = np.mean(np.square(decoded - images), dtype="float64")
        similarity = _ssim(decoded, images)
        return {
            "images": len(images),
            "mse": float(error),
            "psnr_db": float(-10 * np.log10(max(error, 1e-20))),  # JSON has no infinity
            **({} if similarity is None else {"ssim": similarity}),
            "active_units": collapse.active_units(codes),
        }

    def golden_inputs(self, count, seed):
        return self.draw_codes(count, seed)

    def golden_outputs(self, inputs):
        return self.decode(inputs)

    def with_networks(self, encoder, decoder):
        """A model of the same choices, copied, with other networks; not compiled."""
        families = {name: copied(family) for name, family in self.choices().items()}
        return type(self)(encoder, decoder, **families)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            **{name: serialize(family) for name, family in self.choices().items()},
        }


def traced_once(function, *specs):
    """The function as a graph for tensors of these specs, traced at its first call.

    TensorFlow counts the traces of a lambda, not of a model, and warns where ten models are traced
    once each; a concrete function is not counted.
    """
    graphs = []

    def call(*values):
        if not graphs:
            graphs.append(tf.function(function, specs).get_concrete_function())
        return graphs[0](*values)

    return call


def _ssim(decoded, images):
    """Structural similarity (Wang et al., 2004) of (N, H, W, C) images in [0, 1], their mean.

    Gaussian windows of 11x11 pixels; in smaller images of the largest odd size that fits. None for
    images of less than 3 pixels, whose windows have no structure.
    """
    window = min(SSIM_WINDOW, *images.shape[1:3])
    window -= 1 - window % 2
    if window < 3:
        return None
    parts = [
        tf.image.ssim(decoded[i : i + 500], images[i : i + 500], 1.0, filter_size=window).numpy()
        for i in range(0, len(images), 500)
    ]
    return float(np.mean(np.concatenate(parts), dtype="float64"))


def _in_batches(function, values, batch_size):
    batch_size = whole("batch_size", batch_size)
    parts = [
        function(tf.convert_to_tensor(values[start : start + batch_size])).numpy()
        for start in range(0, len(values), batch_size)
    ]
    if not parts:
        raise ValueError("Received no rows: there is nothing to encode or decode.")
    return np.concatenate(parts)


def _static_shape(network, attribute, name, rank):
    """The shape of a network's input or output without its batch axis."""
    shape = getattr(network, attribute, None)
    if not isinstance(shape, tuple) or len(shape) != rank + 1 or None in shape[1:]:
        raise ValueError(
            f"The {name} must be a functional or built Sequential keras.Model with one tensor of "
            f"{rank} fixed axes beside the batch as its {attribute}; received {shape!r} from "
            f"{network!r}."
        )
    return tuple(int(size) for size in shape[1:])
