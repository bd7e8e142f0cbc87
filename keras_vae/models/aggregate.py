"""What the codes of all images say together: how far from the prior, of the images, of each other.

q(z) is the aggregated posterior, the mean of q(z given x) over the images. The rate falls into two
parts (Hoffman & Johnson, "ELBO surgery", 2016), and the first of q(z)'s own (arXiv 1802.04942):

    E_x KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || p(z))
    total correlation      = KL(q(z) || prod_j q(z_j))

No sum over images gives them for a code of 20 nats: log N bounds what N images can tell of I(x; z).
So a density r stands for q(z), a mixture of normals of full covariance, fitted to drawn codes of
one half of the images and measured on those of the other, and the other way round. As
E_q log r <= E_q log q, each number has a side on which it errs.
"""

import warnings

import numpy as np

IMAGES_PER_COMPONENT = 500  # of the mixture, in each half of the images
MOST_COMPONENTS = 40
DRAWS = 8  # codes of each image that the mixture is fitted to: one alone is fitted too closely
IMAGES_PER_LATENT = 10  # fewer images do not tell a covariance


def aggregate(model, images, rate, seed=0):
    """The parts of the rate that are of all images together, and the total correlation.

    Args:
        model: VAE.
        images: (N, H, W, C) float32 in the support of the likelihood.
        rate: of the images, nats per image.
        seed: of the drawn codes.

    Returns:
        dict, of nats; empty where images are fewer than 10 a latent, and where codes lie on a
        sphere, on which a mixture of normals is no density:

        marginal_kl_nats: E_q [log r(z) - log p(z)], a lower bound of KL(q(z) || p(z)) (Barber &
            Agakov, 2003): so far a mixture would do better than the prior; below 0 the prior does
            better than the mixture.
        marginal_kl_error_nats: its standard error over the images, and that of what follows.
        mutual_information_nats: the rest of the rate, therefore an upper bound of I(x; z); the rate
            itself where the bound before it is below 0, as beside a prior that fits better than r.
        total_correlation_nats: E_q [log r(z) - sum_j log r(z_j)], r's own marginals. Too small by
            KL(q || r), too large by the sum of KL(q(z_j) || r(z_j)); the joint density is the
            harder to fit, so the number is too small as a rule.
    """
    few = len(images) < IMAGES_PER_LATENT * model.latent_dim
    if few or model.prior_family.support != "reals":
        return {}
    codes = np.stack([model.sample_codes(images, seed + draw) for draw in range(DRAWS)])
    order = np.random.default_rng(seed).permutation(len(images))
    halves = np.array_split(codes[:, order], 2, axis=1)
    parts = [_held_out(model, *pair) for pair in (halves, halves[::-1])]
    gain, correlation = (np.concatenate(part) for part in zip(*parts))
    return {
        "marginal_kl_nats": float(gain.mean()),
        "marginal_kl_error_nats": float(gain.std() / np.sqrt(len(gain))),
        "mutual_information_nats": float(rate - max(gain.mean(), 0.0)),
        "total_correlation_nats": float(correlation.mean()),
    }


def _held_out(model, fitted, measured):
    """log r(z) - log p(z) and log r(z) - sum_j log r(z_j) of each measured image, (M,) each.

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
    codes = codes.astype("float64")
    log_r = mixture.score_samples(codes)
    return log_r - np.concatenate(log_prior), log_r - _log_marginals(mixture, codes).sum(axis=1)


def _log_marginals(mixture, codes):
    """log r(z_j) of each latent: (M, D) for (M, D) codes and a mixture of full covariances."""
    variances = np.diagonal(mixture.covariances_, axis1=1, axis2=2)  # (components, D)
    deviations = np.square(codes[:, None] - mixture.means_) / variances  # (M, components, D)
    log_normals = -0.5 * (deviations + np.log(2 * np.pi * variances))
    return np.logaddexp.reduce(log_normals + np.log(mixture.weights_)[:, None], axis=1)
