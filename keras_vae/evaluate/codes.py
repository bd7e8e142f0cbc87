"""What a code keeps of the images: their classes, and which of them are neighbours."""

import numpy as np

from keras_vae.choice import LARGEST_SEED, whole

NEIGHBOURS = 5
LEAST = 2  # images of a class in each half
TRUSTED = 2000  # images at most: distances of all pairs


def manifold(codes, labels, images=None, seed=0):
    """Asks simple readers of a code for the class of its image, and whether its neighbours are.

    Half of the images, with as many of each class, teach a reader, the other half asks it.

    Args:
        codes: (N, D), `model.encode(images)`.
        labels: (N,) integers.
        images: (N, H, W, C) or (N, H, W) that the codes are of, or None. With them, the numbers of
            as many principal components of these very images stand beside those of the codes.
        seed: of the halves, and of the images for the trustworthiness.

    Returns:
        dict. probe_accuracy (a linear classifier: logistic regression on standardised codes),
        knn_accuracy (the most frequent label among the 5 nearest codes), latent_dim, images (N).
        With images also trustworthiness (in [0, 1], 1 where the 5 nearest codes of each image are
        among the 5 nearest images; Venna & Kaski, 2001; of 2,000 images at most) and
        pca_probe_accuracy, pca_knn_accuracy, pca_trustworthiness.

    Raises:
        ValueError: other shapes, codes that are not finite, or a class of fewer than 4 images.
    """
    codes, labels, seed = (
        np.asarray(codes),
        np.asarray(labels),
        whole("seed", seed, 0, LARGEST_SEED),
    )
    _check(codes, labels, images)
    told = {**_read(codes, labels, seed), "latent_dim": codes.shape[1], "images": len(codes)}
    if images is None:
        return told
    from sklearn.decomposition import PCA

    flat = np.asarray(images, "float32").reshape(len(images), -1)
    components = PCA(min(codes.shape[1], *flat.shape), random_state=0).fit_transform(flat)
    some = np.random.default_rng(seed).permutation(len(codes))[:TRUSTED]
    told["trustworthiness"] = _trustworthiness(flat[some], codes[some])
    linear = _read(components, labels, seed)
    linear["trustworthiness"] = _trustworthiness(flat[some], components[some])
    return {**told, **{f"pca_{key}": value for key, value in linear.items()}}


def _check(codes, labels, images):
    if codes.ndim != 2 or labels.shape != codes.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"codes must be (N, D) and labels (N,) integers; received {codes.shape} and "
            f"{labels.dtype} {labels.shape}."
        )
    if not np.isfinite(codes).all():
        raise ValueError("codes hold values that are NaN or infinite.")
    if images is not None and (np.ndim(images) not in (3, 4) or len(images) != len(codes)):
        raise ValueError(
            f"images must be (N, H, W, C) or (N, H, W), one a code; received {np.shape(images)} "
            f"for {len(codes)} codes."
        )
    values, counts = np.unique(labels, return_counts=True)
    if len(values) < 2 or counts.min() < 2 * LEAST:
        raise ValueError(
            f"manifold needs 2 classes or more of at least {2 * LEAST} images each; the labels "
            f"have {dict(zip(values.tolist(), counts.tolist()))}. Give more images, or leave the "
            "rare classes out."
        )


def _read(codes, labels, seed):
    """The two readers, each with the same halves."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    halves = train_test_split(codes, labels, test_size=0.5, stratify=labels, random_state=seed)
    learnt, asked, of_learnt, of_asked = halves
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    nearest = KNeighborsClassifier(min(NEIGHBOURS, len(learnt)))
    return {
        "probe_accuracy": float(probe.fit(learnt, of_learnt).score(asked, of_asked)),
        "knn_accuracy": float(nearest.fit(learnt, of_learnt).score(asked, of_asked)),
    }


def _trustworthiness(flat, codes):
    from sklearn.manifold import trustworthiness

    neighbours = min(NEIGHBOURS, (len(flat) - 1) // 2)
    return float(trustworthiness(flat, codes, n_neighbors=neighbours))
