"""What a better prior could save: the distance of the codes of all images from the prior."""

import warnings

import numpy as np

IMAGES_PER_COMPONENT = 500  # of the mixture, in each half of the images
MOST_COMPONENTS = 40
DRAWS = 8  # codes of each image that the mixture is fitted to: one alone is fitted too closely
IMAGES_PER_LATENT = 10  # fewer images do not tell a covariance


def marginal_kl(model, images, seed=0):
    """KL(q(z) || p(z)) of the aggregated posterior q(z), the mean of q(z given x) over the images.

    It is a part of the rate (Hoffman & Johnson, "ELBO surgery", 2016), the one that vanishes where
    the prior fits the codes. What is given is a lower bound of it, E_q [log r(z) - log p(z)] for a
    density r (Barber & Agakov, 2003): a mixture of normals of full covariance, fitted to drawn
    codes of one half of the images and measured on those of the other, and the other way round. So
    far a mixture would do better than the prior; below 0 the prior does better than the mixture.

    Args:
        model: VAE.
        images: (N, H, W, C) float32 in the support of the likelihood.
        seed: of the drawn codes.

    Returns:
        The bound and its standard error over the images, nats; None where images are too few.
    """
    if len(images) < IMAGES_PER_LATENT * model.latent_dim:
        return None
    codes = np.stack([model.sample_codes(images, seed + draw) for draw in range(DRAWS)])
    order = np.random.default_rng(seed).permutation(len(images))
    halves = np.array_split(codes[:, order], 2, axis=1)
    gain = np.concatenate([_gain(model, *halves), _gain(model, *halves[::-1])])
    return float(gain.mean()), float(gain.std() / np.sqrt(len(gain)))


def _gain(model, fitted, measured):
    """log r(z) - log p(z) of each measured image, (M,).

    Args:
        model: VAE.
        fitted: (DRAWS, N, latent_dim) codes that r is fitted to.
        measured: (DRAWS, M, latent_dim).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    components = int(np.clip(fitted.shape[1] // IMAGES_PER_COMPONENT, 1, MOST_COMPONENTS))
    mixture = GaussianMixture(components, reg_covar=1e-3, max_iter=30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # r may be any density
        mixture.fit(fitted.reshape(-1, fitted.shape[-1]).astype("float64"))
    codes = measured[0]
    log_prior = [model.prior.log_prob(codes[i : i + 1000]) for i in range(0, len(codes), 1000)]
    return mixture.score_samples(codes.astype("float64")) - np.concatenate(log_prior)
