"""Importance samples of a VAE: distortion, rate and the bound on log p(x), image by image."""

import hashlib
import io
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vae import atomic
from keras_vae.progress import Bar

COMPARED = 1000  # draws behind most published bounds: theirs is told beside that of more
POSITIONS_PER_STEP = 2_000_000  # raw numbers decoded at a time, whatever K is: some hundred MB


def terms_graph(model):
    """The step of `importance_terms` as a graph, that the model keeps: it is traced once.

    Returns:
        function, (B, H, W, C) images, K and (2,) int32 key -> dict of what `_Sums.add` takes.
    """

    def terms_of(x, count, key):
        terms = model.sample_terms(x, x, count, seed=key)
        return {name: getattr(terms, name) for name in ("distortion", "rate", "sampled_rate")}

    graph = tf.function(terms_of, reduce_retracing=True)
    return lambda *given: graph(*given)  # a tf.function would be saved with the model


def importance_terms(model, images, importance_samples, seed=0, progress=False, kept=None):
    """The terms of each image, from `importance_samples` draws of its posterior.

    Args:
        model: VAE.
        images: (N, H, W, C) float32 in the support of the likelihood.
        importance_samples: draws of z for each image.
        seed: of the draws.
        progress: show a progress bar.
        kept: folder where what was measured of each batch is kept, so that the same call, on the
            same weights, goes on after an interruption; or None.

    Returns:
        dict of (N,) float64, nats per image: "distortion" (mean over the draws), "rate" (closed
        form where there is one), "nll" (the importance-sampled bound), and of more than COMPARED
        draws "nll_compared", the bound of the first COMPARED of them.
    """
    height, width, channels = model.image_shape
    pixels = height * width * model.likelihood_family.parameters(channels)
    draws = int(np.clip(POSITIONS_PER_STEP // pixels, 1, importance_samples))
    batch = int(np.clip(POSITIONS_PER_STEP // (pixels * draws), 1, len(images)))
    bar = Bar(-(-len(images) // batch), "measuring", silent=not progress)
    states = kept and Path(kept) / _key(model, images, importance_samples, seed)
    if states:
        atomic.check(states / "0.npz")
    parts = []
    for start in range(0, len(images), batch):
        file = states and states / f"{start}.npz"
        if file and file.is_file():
            with np.load(file) as done:
                parts.append(dict(done))
            bar.add(1)
            continue
        x = tf.convert_to_tensor(images[start : start + batch])
        sums, compared = _Sums(len(x)), {}
        first = 0
        for end in _ends(importance_samples, draws):
            key = tf.constant([(seed * 1_000_003 + start) % 2**31, first], tf.int32)
            terms = model.importance_step(x, end - first, key)
            sums.add(**{name: value.numpy().astype("float64") for name, value in terms.items()})
            if end == COMPARED < importance_samples:
                compared = {"nll_compared": sums.terms()["nll"]}
            first = end
        parts.append({**sums.terms(), **compared})
        if file:
            _write(file, parts[-1])
        bar.add(1)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ends(total, draws):
    """Where the draws of a step end: after each `draws` of them, at COMPARED, and at the last."""
    return sorted({*range(draws, total, draws), *([COMPARED] if total > COMPARED else []), total})


def _key(model, images, importance_samples, seed):
    """Tells what is measured from everything else: weights, images, number and seed of draws."""
    told = hashlib.sha256(repr((importance_samples, seed, images.shape)).encode())
    for array in (*model.get_weights(), images):
        told.update(np.ascontiguousarray(array))
    return told.hexdigest()[:16]


def _write(file, arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(file, content.getvalue())


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
