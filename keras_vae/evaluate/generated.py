"""How near generated images are to real ones: distances of their features, and neighbourhoods."""

import numpy as np

from keras_vae.choice import LARGEST_SEED, whole

ROWS = 1000  # of a matrix of distances, at a time
LEAST = 100  # images, real and generated; fewer tell no covariance


def generation(model, images, count=None, seed=0, neighbours=5):
    """Compares what a model generates with real images, over features of a small classifier.

    The features are the 64 of `evaluate.features`, a classifier of MNIST: the numbers are no FIDs,
    and compare models with each other on the same images and the same count. A model's samples are
    pixel means, so real images should be grey, too, even where it was trained on binarised ones.

    Args:
        model: any `models.ImageModel` that can sample; or its images, (M, H, W, C) in [0, 1].
        images: (N, H, W, C) or (N, H, W) real images in [0, 1] that the model was not trained on, N
            at least 100. Colour becomes grey, and other sizes than 28x28 are resized, both sides
            alike; `resized_from` tells.
        count: images that are generated; by default N.
        seed: of the generated images.
        neighbours: k of the neighbourhoods, 5 as in the paper of density and coverage.

    Returns:
        dict:

        frechet_distance: |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of the means and covariances of
            the features; 0 is best. It is too large by what falls as 1 / count.
        kernel_distance: squared maximum mean discrepancy of the kernel (x y / 64 + 1)^3, unbiased
            (arXiv 1801.01401), over all images; 0 is best, and below 0 is chance.
        precision: part of the generated images that are nearer to a real one than its k-th nearest
            real neighbour; recall: part of the real ones so within the generated (arXiv
            1904.06991).
        density: how many such neighbourhoods of real images a generated one lies in, divided by k;
            above 1 where real images are crowded. coverage: part of the real images with a
            generated one within their neighbourhood (arXiv 2002.09797).
        images, generated, neighbours: N, count and k; features: the name of the network.
        resized_from: [H, W], where the images are not 28x28.

    Raises:
        ValueError: images of another shape than the model's, values that are not in [0, 1], too few
            images, or a model that cannot sample yet.
    """
    from keras_vae.evaluate import features

    real = _images("images", images)
    neighbours = whole("neighbours", neighbours, 1, LEAST // 2)
    if hasattr(model, "sample"):
        count = whole("count", len(real) if count is None else count, LEAST)
        model = np.clip(model.sample(count, seed=whole("seed", seed, 0, LARGEST_SEED)), 0, 1)
    fake = _images("generated images", model)
    if fake.shape[1:] != real.shape[1:]:
        raise ValueError(f"The model generates {fake.shape[1:]}, and images are {real.shape[1:]}.")
    size = list(real.shape[1:3])
    real, fake = features.of(real), features.of(fake)
    return {
        "frechet_distance": _frechet(real, fake),
        "kernel_distance": _kernel_distance(real, fake),
        **_neighbourhoods(real, fake, neighbours),
        "images": len(real),
        "generated": len(fake),
        "neighbours": neighbours,
        "features": features.NAME,
        **({} if size == [features.SIDE] * 2 else {"resized_from": size}),
    }


def _images(name, images):
    images = np.asarray(images, "float32")
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or len(images) < LEAST:
        raise ValueError(
            f"{name} must be (N, H, W, C), C of 1 or 3 and N at least {LEAST}; received "
            f"{images.shape}."
        )
    if not (images.min() >= 0 and images.max() <= 1):  # which NaN is not
        raise ValueError(
            f"{name} must be in [0, 1]; received values in [{images.min():g}, {images.max():g}]. "
            "Divide 8-bit images by 255."
        )
    return images


def _frechet(a, b):
    """Of (N, D) and (M, D); tr (C C')^(1/2) by the eigenvalues of C^(1/2) C' C^(1/2)."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    between = np.linalg.eigvalsh(root @ second @ root)
    means = np.sum(np.square(a.mean(axis=0) - b.mean(axis=0)))
    traces = np.trace(first) + np.trace(second) - 2 * np.sqrt(np.maximum(between, 0)).sum()
    return float(means + traces)


def _kernel_distance(a, b):
    """Unbiased estimate of the squared discrepancy of (N, D) and (M, D)."""
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    total = lambda x, y: sum(kernel(part, y).sum() for part in _rows(x))
    own = lambda x: ((x * x).sum(axis=1) / x.shape[1] + 1) ** 3
    within = [(total(x, x) - own(x).sum()) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float(sum(within) - 2 * total(a, b) / (len(a) * len(b)))


def _neighbourhoods(real, fake, neighbours):
    """Precision, recall, density and coverage of (N, D) real and (M, D) generated features."""
    radius, radius_of_fake = _radii(real, neighbours), _radii(fake, neighbours)
    inside = np.concatenate(  # (M,) neighbourhoods of real images around each generated one
        [(_squared(part, real) < radius).sum(axis=1) for part in _rows(fake)]
    )
    recalled, covered = [], []
    for part, own in zip(_rows(real), _rows(radius)):
        distances = _squared(part, fake)
        recalled.append((distances < radius_of_fake).any(axis=1))
        covered.append(distances.min(axis=1) < own)
    return {
        "precision": float(np.mean(inside > 0)),
        "recall": float(np.concatenate(recalled).mean()),
        "density": float(inside.mean() / neighbours),
        "coverage": float(np.concatenate(covered).mean()),
    }


def _radii(points, neighbours):
    """(N,) squared distance of each point to its k-th nearest other one."""
    found = [
        np.partition(_squared(part, points), neighbours, axis=1)[:, neighbours]  # 0 is itself
        for part in _rows(points)
    ]
    return np.concatenate(found)


def _rows(values):
    return [values[start : start + ROWS] for start in range(0, len(values), ROWS)]


def _squared(a, b):
    """(N, M) squared distances of (N, D) and (M, D)."""
    both = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    return np.maximum(both, 0)
