"""What a model is worth on images it has not seen: nats, bits, active units, pixel errors."""

import numpy as np
import tensorflow as tf

from keras_vae import collapse
from keras_vae.models import checks
from keras_vae.progress import Bar

POSITIONS_PER_STEP = 2_000_000  # pixels decoded at a time, whatever K is: some hundred MB


def report(model, images, importance_samples=100, seed=0, progress=True):
    """Measures a model on images.

    Args:
        model: VAE or Autoencoder.
        images: (N, H, W, C) or (N, H, W) array in the support of the likelihood.
        importance_samples: K of the importance-sampled bound on log p(x) (Burda et al., arXiv
            1509.00519): nll_nats is the mean over images of -log(1/K sum_k p(x,z_k)/q(z_k|x)),
            which falls towards -log p(x) as K grows. Memory does not grow with K.
        seed: of the posterior samples.
        progress: show a progress bar.

    Returns:
        dict. Both kinds of model: images, mse (per pixel and channel), psnr_db, active_units
        (latent dimensions whose code varies over the images by more than 0.01), distortion_nats.
        A VAE also: rate_nats, elbo_nats, nll_nats, importance_samples, and bits_per_dim (of
        nll_nats; for a density on [0, 1] per 8-bit level, that is plus 8).

    Raises:
        ValueError: images that the model cannot explain, or a K below 1.
    """
    images, _ = checks.prepare_inputs(images, None, model.image_shape, model.likelihood_family)
    if importance_samples < 1:
        raise ValueError(f"importance_samples must be at least 1; received {importance_samples}.")
    codes = model.encode(images)
    error = np.mean(np.square(model.decode(codes) - images), dtype="float64")
    numbers = {
        "images": len(images),
        "mse": float(error),
        "psnr_db": float(-10 * np.log10(error)),
        "active_units": collapse.active_units(codes),
    }
    if not hasattr(model, "posterior"):
        return {"distortion_nats": _code_distortion(model, images, codes), **numbers}
    terms = importance_terms(model, images, importance_samples, seed, progress)
    distortion, rate, nll = (float(np.mean(terms[k])) for k in ("distortion", "rate", "nll"))
    bits = nll / (np.prod(model.image_shape) * np.log(2))
    return {
        "distortion_nats": distortion,
        "rate_nats": rate,
        "elbo_nats": -(distortion + rate),
        "nll_nats": nll,
        "importance_samples": importance_samples,
        "bits_per_dim": float(bits + (0 if model.likelihood_family.discrete else 8)),
        **numbers,
    }


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
    step = tf.function(
        lambda x, count, key: vars(model.draw(x, x, count, seed=key)), reduce_retracing=True
    )
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


def _code_distortion(model, images, codes):
    """-log p(x | z) at the codes of an autoencoder, the mean over the images, in nats."""
    total = 0.0
    for start in range(0, len(images), 256):
        part = slice(start, start + 256)
        raw = model.decoder(codes[part], training=False)
        distribution = model.likelihood_family.distribution(raw)
        total -= float(tf.reduce_sum(distribution.log_prob(images[part])))
    return total / len(images)


def pca_mse(train_images, test_images, latent_dim):
    """What linear codes of the same size reach: PCA fitted on train, its error on test.

    Args:
        train_images: (N, H, W, C) in [0, 1].
        test_images: (M, H, W, C) in [0, 1].
        latent_dim: number of components.

    Returns:
        Mean squared error per pixel and channel.
    """
    from sklearn.decomposition import PCA

    flat = test_images.reshape(len(test_images), -1)
    pca = PCA(latent_dim, random_state=0).fit(train_images.reshape(len(train_images), -1))
    rebuilt = pca.inverse_transform(pca.transform(flat))
    return float(np.mean(np.square(flat - rebuilt), dtype="float64"))
