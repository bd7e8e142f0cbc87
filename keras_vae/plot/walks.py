"""What lies between the codes: grids of decoded images along ways through the latent space."""

import statistics

import numpy as np

from keras_vae.choice import unknown, whole
from keras_vae.plot.grids import grid

ROWS = 10  # latents that a traversal shows unasked
DRAWS = 1000  # of the prior, whose spread is the step of a traversal
PARALLEL = 1e-4  # sine of an angle, below which a circle is a straight line


def manifold_grid(model, size=20, latents=(0, 1), scale=1):
    """Decodes the plane of two latents, as even as the prior is (arXiv 1312.6114, figure 4).

    Args:
        model: Autoencoder or VAE whose prior makes each latent from one normal number.
        size: images in a row and in a column; the i-th stands in the middle of the i-th part when
            the prior's mass is cut into `size` equal parts.
        latents: the two that vary, to the right and upwards; the others stay in the middle.
        scale: see `plot.grid`.

    Returns:
        uint8, as of `plot.grid`.

    Raises:
        ValueError: latents that the code does not have, or a prior without such quantiles.
    """
    size = whole("size", size, 2)
    right, up = _latents(model, latents, 2)
    _check_prior(model)
    if model.prior_family.noise_dim != model.latent_dim:
        raise ValueError(
            f"manifold_grid needs a prior with quantiles, which makes a code of {model.latent_dim} "
            f"from as many normal numbers; {type(model.prior_family).__name__} takes "
            f"{model.prior_family.noise_dim}. Choose standard_normal, full_normal or flow."
        )
    normal = statistics.NormalDist()
    quantiles = np.array([normal.inv_cdf((i + 0.5) / size) for i in range(size)])
    noise = np.zeros((size, size, model.latent_dim), "float32")
    noise[..., right] = quantiles
    noise[..., up] = quantiles[::-1, None]
    codes = model.prior_family.from_noise(noise.reshape(size * size, -1))
    return grid(model.decode(codes), size, scale)


def traversals(model, images, latents=None, count=11, span=2.5, scale=1):
    """The first image, and what becomes of it when one latent after the other is moved.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) or (N, H, W) in [0, 1]. The first one is decoded from its code.
        latents: one for each row; by default the ten, or fewer, whose codes vary most over the
            images, the widest first.
        count: images in a row.
        span: how far a latent goes to both sides of the prior's mean, in its standard deviations.
        scale: see `plot.grid`.

    Returns:
        uint8, as of `plot.grid`.
    """
    count = whole("count", count, 2)
    codes = model.encode(images)
    if latents is None:
        latents = np.argsort(-codes.var(axis=0), kind="stable")[:ROWS].tolist()
    latents = _latents(model, latents)
    _check_prior(model)
    draws = model.draw_codes(DRAWS, seed=0)
    moved = np.repeat(codes[:1], len(latents) * count, axis=0).reshape(len(latents), count, -1)
    for row, latent in enumerate(latents):
        steps = np.linspace(-span, span, count) * draws[:, latent].std()
        moved[row, :, latent] = draws[:, latent].mean() + steps
    return grid(model.decode(moved.reshape(len(latents) * count, -1)), count, scale)


def interpolations(model, starts, ends, count=10, way="prior", scale=1):
    """The images between pairs of images, or of codes, a row each.

    Args:
        model: Autoencoder or VAE.
        starts, ends: (N, H, W, C) images in [0, 1], or (N, latent_dim) codes.
        count: images in a row, both ends included.
        way: "linear"; "spherical", which turns the code and changes its length evenly (arXiv
            1609.04468); or "prior", the way of the model's prior (`Prior.between`).
        scale: see `plot.grid`.

    Returns:
        uint8, as of `plot.grid`.
    """
    start, end = (_codes(model, given) for given in (starts, ends))
    return grid(model.decode(codes_between(model, start, end, count, way)), count, scale)


def codes_between(model, start, end, count, way="prior"):
    """(N, D) and (N, D) codes -> (N * count, D), way after way; see `interpolations`."""
    count = whole("count", count, 2)
    ways = {"prior": model.prior_family.between, "linear": linear, "spherical": spherical}
    if way not in ways:
        raise unknown("way", way, ways)
    if start.shape != end.shape:
        raise ValueError(f"starts and ends must be pairs; received {len(start)} and {len(end)}.")
    position = np.tile(np.linspace(0, 1, count, dtype="float32"), len(start))[:, None]
    start, end = (np.repeat(np.asarray(codes, "float32"), count, axis=0) for codes in (start, end))
    return np.asarray(ways[way](start, end, position))


def linear(start, end, position):
    """(B, D) codes on the straight way, (B, 1) positions in [0, 1]."""
    return start + position * (end - start)


def spherical(start, end, position):
    """(B, D) codes on the way of even angle and even length; straight where the ends are parallel.

    Of ends of equal length it is the great circle: sin((1 - t) a) / sin a, sin(t a) / sin a.
    """
    lengths = [np.linalg.norm(codes, axis=1, keepdims=True) for codes in (start, end)]
    units = [codes / np.maximum(length, 1e-12) for codes, length in zip((start, end), lengths)]
    angle = np.arccos(np.clip(np.sum(units[0] * units[1], axis=1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    straight = sine < PARALLEL
    safe = np.where(straight, 1, sine)
    turned = np.sin((1 - position) * angle) * units[0] + np.sin(position * angle) * units[1]
    length = linear(*lengths, position)
    return np.where(straight, linear(start, end, position), length * turned / safe)


def _codes(model, given):
    given = np.asarray(given, "float32")
    return given if given.ndim == 2 else model.encode(given)


def _latents(model, latents, count=None):
    latents = [whole("each of latents", latent, 0, model.latent_dim - 1) for latent in latents]
    if not latents or (count and (len(latents) != count or len(set(latents)) != count)):
        among = f"{count} different latents" if count else "at least one latent"
        raise ValueError(f"latents must be {among}; received {latents}.")
    return latents


def _check_prior(model):
    if model.prior_family.support != "reals":
        raise ValueError(
            f"The codes of this {type(model).__name__} lie on a {model.prior_family.support}: no "
            "latent moves alone. Choose plot.interpolations(..., way='spherical')."
        )
    if not model.can_sample:
        raise ValueError(
            f"The {type(model.prior_family).__name__} prior of this {type(model).__name__} is not "
            "fitted: call model.fit_prior(images) first."
        )
