"""Densities without a code: each pixel is predicted from those before it, and p(x) is exact."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae import causal
from keras_vae.choice import whole
from keras_vae.models import checks
from keras_vae.models.image_model import ImageModel

IMAGES_PER_STEP = 250  # that are measured or drawn at a time


@keras.saving.register_keras_serializable(package="keras_vae")
class Autoregressive(ImageModel):
    """p(x) = prod_i p(x_i given x_1 ... x_i-1) in raster order: PixelCNN, PixelRNN.

    Trackers, in nats per image: `nll` = -log p(x), exact, and its twin `loss`.

    Args:
        network: functional keras.Model, (B, H, W, C) -> (B, H, W, R) raw parameters,
            of which none depends on its own pixel or on a later one; see `causal`.
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
    """

    tracked = ("loss", "nll")
    purpose = (
        "An autoregressive density: it knows the probability of each image exactly, has no code, "
        "and draws an image pixel by pixel."
    )

    def __init__(self, network, *, likelihood="bernoulli", **kwargs):
        super().__init__(network.input_shape[1:], likelihood=likelihood, **kwargs)
        channels = self.likelihood_family.parameters(self.image_shape[2])
        if network.output_shape[1:] != (*self.image_shape[:2], channels):
            raise ValueError(
                f"The network gives {network.output_shape[1:]} for images of {self.image_shape}; "
                f"the {type(self.likelihood_family).__name__} likelihood needs "
                f"{(*self.image_shape[:2], channels)}."
            )
        self.network = network
        self._drawer = self._log_prob_graph = None
        self.build((None, *self.image_shape))

    def call(self, images, training=False):
        """(B, H, W, C) images -> (B, H, W, C) means of each pixel given the pixels before it."""
        images = checks.as_images(images, self.image_shape, "images")
        return self.likelihood_family.mean(self.network(images, training=training))

    def terms(self, x, y, training):
        raw = self.network(x, training=training)
        nll = -self.likelihood_family.log_prob(raw, y, training)
        return {"loss": nll, "nll": nll}

    def log_prob(self, images):
        """(N, H, W, C) or (N, H, W) images in the likelihood's support -> (N,) nats, exact."""
        images, _ = checks.prepare_inputs(images, None, self.image_shape, self.likelihood_family)
        if self._log_prob_graph is None:
            spec = tf.TensorSpec((None, *self.image_shape))
            exact = lambda x: -self.terms(x, x, training=False)["nll"]
            self._log_prob_graph = tf.function(exact, [spec])
        parts = [
            self._log_prob_graph(tf.convert_to_tensor(images[start : start + IMAGES_PER_STEP]))
            for start in range(0, len(images), IMAGES_PER_STEP)
        ]
        return np.concatenate([part.numpy() for part in parts])

    def sample(self, count, seed=None):
        """Draws images, each pixel from its distribution given those before it.

        Args:
            count: number of images.
            seed: integer for the same images again, or None for new ones.

        Returns:
            (count, H, W, C) float32 in the likelihood's support.
        """
        count = whole("count", count)
        seed = None if seed is None else whole("seed", seed, 0)  # of any length
        if self._drawer is None:
            self._drawer = causal.drawer(self.network, self.likelihood_family, self.image_shape)
        seed = int(np.random.default_rng(seed).integers(2**31))
        parts = [
            self._drawer(min(IMAGES_PER_STEP, count - start), (seed + start) % 2**31)
            for start in range(0, count, IMAGES_PER_STEP)
        ]
        return np.concatenate([part.numpy() for part in parts])

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "network": serialize(self.network),
            "likelihood": serialize(self.likelihood_family),
        }
