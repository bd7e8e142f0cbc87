"""The seam that every likelihood fills: raw decoder outputs -> a distribution over the image."""

import keras
import numpy as np


class Likelihood(keras.layers.Layer):
    """Base of the likelihood families; `log_prob` and `mean` are what a model calls.

    Attributes:
        discrete: log-probabilities are of pixel values (True) or densities on [0, 1] (False).
    """

    discrete = False

    def __init__(self, **kwargs):
        super().__init__(**{"name": type(self).__name__, **kwargs})  # two alike are described alike
        self.built = True

    def parameters(self, channels):
        """R, how many raw numbers the decoder gives for a pixel of so many channels."""
        return channels

    def distribution(self, parameters):
        """(B, H, W, R) -> tfd.Distribution of batch shape (B,), event shape (H, W, C)."""
        raise NotImplementedError

    def log_prob(self, parameters, images, training=False):
        """log p(x given z), what a model's distortion is made of.

        Args:
            parameters: (..., B, H, W, R) raw decoder outputs.
            images: (B, H, W, C) in the support.
            training: whether it is a step of a training, of which a family may learn.

        Returns:
            (..., B) float32, nats per image.
        """
        return self.distribution(parameters).log_prob(images)

    def mean(self, parameters):
        """(B, H, W, R) -> (B, H, W, C) pixel means in [0, 1]."""
        raise NotImplementedError

    def from_mean(self, mean):
        """(B, H, W, C) pixel means, all that an exported decoder gives -> p(x|z) with these means.

        Raises:
            ValueError: the means do not determine the distribution.
        """
        raise ValueError(
            f"Pixel means do not determine the {type(self).__name__} likelihood; its nats need the "
            "raw parameters: export with output='logits'."
        )

    def check(self, images):
        """Raises ValueError where (N, H, W, C) images lie outside the support."""
        low, high = float(np.min(images)), float(np.max(images))
        if low < 0 or high > 1:
            remedy = " Divide 8-bit images by 255." if high > 1 else ""
            raise ValueError(
                f"The {type(self).__name__} likelihood needs pixels in [0, 1]; received values in "
                f"[{low:g}, {high:g}].{remedy}"
            )
