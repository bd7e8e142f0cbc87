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
        dict. Of a model with a code: images, mse (per pixel and channel), psnr_db, active_units
        (latent dimensions whose code varies over the images by more than 0.01), distortion_nats.
        A VAE also: rate_nats, elbo_nats, nll_nats, importance_samples, bits_per_dim (of nll_nats;
        for a density on [0, 1] per 8-bit level, that is plus 8), where K is above 1,000
        nll_1000_samples_nats (the bound of the first 1,000 samples), and, of 10 images a latent or
        more, marginal_kl_nats with its marginal_kl_error_nats: what a better prior would save of
        the rate, see `models.marginal.marginal_kl`. Of a model whose likelihood is exact: images,
        nll_nats, bits_per_dim.

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
