"""What a model is worth on images it has not seen: nats, bits, active units, pixel errors."""

import numpy as np

from keras_vae.choice import LARGEST_SEED, whole
from keras_vae.models import checks


def report(model, images, importance_samples=100, seed=0, progress=True, *, labels=None, kept=None):
    """Measures a model on images.

    Args:
        model: any `models.ImageModel`: it says by `numbers` what is measured.
        images: (N, H, W, C) or (N, H, W) array in the support of the likelihood.
        importance_samples: K of the importance-sampled bound on log p(x) (Burda et al., arXiv
            1509.00519): nll_nats is the mean over images of -log(1/K sum_k p(x,z_k)/q(z_k|x)),
            which falls towards -log p(x) as K grows. Memory does not grow with K.
        seed: of the posterior samples.
        progress: show a progress bar.
        labels: (N,) integers, for a model with `takes_labels`.
        kept: folder where what was measured of each part of the images is kept, so that the same
            call, on the same weights, goes on after an interruption; or None. Of VAEs.

    Returns:
        dict. Of a model with a code: images, mse (per pixel and channel), psnr_db, ssim (structural
        similarity, the mean over images; in windows of 11x11 pixels or, of smaller images, of the
        largest odd size that fits), active_units (latent dimensions whose code varies over the
        images by more than 0.01), distortion_nats. A VAE also: rate_nats, elbo_nats, nll_nats,
        importance_samples, bits_per_dim (of nll_nats; for a density on [0, 1] per 8-bit level, that
        is plus 8); where K is above 1,000 nll_1000_samples_nats (the bound of the first 1,000
        samples); where posterior and prior are products over the latents rate_nats_by_latent, a
        list; and of 10 images a latent or more marginal_kl_nats (what a better prior would save of
        the rate) with its marginal_kl_error_nats, mutual_information_nats of images and codes, and
        total_correlation_nats of the latents, see `models.aggregate` for how they err. Of a model
        whose likelihood is exact: images, nll_nats, bits_per_dim.

    Raises:
        ValueError: images that the model cannot explain, a K below 1, or missing labels.
    """
    images, _ = checks.prepare_inputs(images, None, model.image_shape, model.likelihood_family)
    importance_samples = whole("importance_samples", importance_samples)
    seed = whole("seed", seed, 0, LARGEST_SEED)
    more = {} if kept is None else {"kept": kept}
    if model.takes_labels:
        if labels is None or len(labels) != len(images):
            raise ValueError(f"{type(model).__name__} is measured with labels=(N,), one an image.")
        more["labels"] = np.asarray(labels)
    return model.numbers(images, importance_samples, seed, progress, **more)
