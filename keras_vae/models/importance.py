"""Importance samples of a VAE: distortion, rate and the bound on log p(x), image by image."""

import numpy as np
import tensorflow as tf

from keras_vae.progress import Bar

POSITIONS_PER_STEP = 2_000_000  # pixels decoded at a time, whatever K is: some hundred MB


def importance_terms(model, images, importance_samples, seed=0, progress=False):
    """The terms of each image, from `importance_samples` draws of its posterior.

    Args:
        model: VAE.
        images: (N, H, W, C) float32 in the support of the likelihood.
        importance_samples: draws of z for each image.
        seed: of the draws.
        progress: show a progress bar.

    Returns:
        dict of (N,) float64, nats per image: "distortion" (mean over the draws), "rate" (closed
        form where there is one), "nll" (the importance-sampled bound).
    """
    pixels = int(np.prod(model.image_shape))
    draws = int(np.clip(POSITIONS_PER_STEP // pixels, 1, importance_samples))
    batch = int(np.clip(POSITIONS_PER_STEP // (pixels * draws), 1, len(images)))
    terms_of = lambda x, count, key: vars(model.sample_terms(x, x, count, seed=key))
    step = tf.function(terms_of, reduce_retracing=True)
    bar = Bar(-(-len(images) // batch), "measuring", silent=not progress)
    parts = []
    for start in range(0, len(images), batch):
        x = tf.convert_to_tensor(images[start : start + batch])
        sums = _Sums(len(x))
        for first in range(0, importance_samples, draws):
            count = min(draws, importance_samples - first)
            key = tf.constant([(seed * 1_000_003 + start) % 2**31, first], tf.int32)
            terms = step(x, count, key)
            sums.add(**{name: value.numpy().astype("float64") for name, value in terms.items()})
        parts.append(sums.terms())
        bar.add(1)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class _Sums:
    """Running sums over the draws of one batch, in float64; logsumexp without storing weights."""

    def __init__(self, images):
        self.top = np.full(images, -np.inf)
        self.total = np.zeros(images)
        self.distortion = np.zeros(images)
        self.rate = np.zeros(images)
        self.draws = 0

    def add(self, distortion, rate, sampled_rate):
        """(K, B), (B,) and (K, B), see `objectives.Terms`."""
        log_weight = -(distortion + sampled_rate)
        top = np.maximum(self.top, log_weight.max(axis=0))
        self.total = self.total * np.exp(self.top - top) + np.exp(log_weight - top).sum(axis=0)
        self.top = top
        self.distortion += distortion.sum(axis=0)
        self.rate += rate * len(distortion)
        self.draws += len(distortion)

    def terms(self):
        return {
            "distortion": self.distortion / self.draws,
            "rate": self.rate / self.draws,
            "nll": -(self.top + np.log(self.total) - np.log(self.draws)),
        }
