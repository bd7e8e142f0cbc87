"""Maps of codes: where images lie, as a matplotlib figure."""

import colorsys

import numpy as np

HUES = (355, 28, 48, 95, 150, 178, 205, 228, 265, 310)  # of the labels 0 to 9


def latent_map(model, images, labels=None, title=None):
    """Where the images lie in the latent space, along the two widest axes of their codes.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) or (N, H, W) in [0, 1].
        labels: (N,) integers, or None. Each point is its label, and each label has a colour.
        title: of the figure.

    Returns:
        matplotlib Figure. For codes of more than two dimensions the axes are the first two
        principal components, and the labels say how much of the variance they hold.

    Raises:
        ValueError: a code is not finite, as after a training that diverged.
    """
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    codes = model.encode(images)
    broken = ~np.isfinite(codes).all(axis=1)
    if broken.any():
        raise ValueError(
            f"{broken.sum()} of {len(codes)} codes are not finite, the first that of "
            f"images[{broken.argmax()}]: the training of the model diverged, where a lower "
            "learning_rate or a clip_norm helps, or its weights are damaged."
        )
    names = ["z[0]", "z[1]"]
    if codes.shape[1] == 1:
        codes = np.concatenate([codes, np.zeros_like(codes)], axis=1)
    elif codes.shape[1] > 2:
        pca = PCA(2, random_state=0)
        codes = pca.fit_transform(codes)
        share = pca.explained_variance_ratio_
        names = [f"component {i + 1} of the codes ({share[i]:.0%} of variance)" for i in range(2)]
    figure = Figure(figsize=(7.5, 7), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.88", linewidth=1, zorder=0)
    axes.axvline(0, color="0.88", linewidth=1, zorder=0)
    if labels is None:
        axes.scatter(*codes.T, color=colour(7), s=9, alpha=0.7, linewidths=0)
    else:
        _numerals(axes, codes, np.asarray(labels))
    low, high = codes.min(axis=0), codes.max(axis=0)
    reach = 0.525 * (high - low).max() or 1.0  # 5 % more than the half; of one point any
    # Not adjustable="datalim": it moves limits after the layout, and their numbers cut the labels.
    (left, bottom), (right, top) = (low + high) / 2 - reach, (low + high) / 2 + reach
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    figure.draw_without_rendering()  # the layout is right from the second drawing on
    return figure


def _numerals(axes, codes, labels):
    """Each point as its label, and each label large in the middle of its points."""
    from matplotlib.patheffects import withStroke

    size = np.clip(40_000 / len(codes), 18, 64)  # square points
    for label in np.unique(labels):
        own, shade = codes[labels == label], colour(int(label))
        numeral = rf"$\mathbf{{{label}}}$"
        axes.scatter(*own.T, marker=numeral, color=shade, s=size, alpha=0.8, linewidths=0)
        axes.annotate(
            str(label),
            np.median(own, axis=0),
            color=shade,
            fontsize=20,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=4, foreground="white")],
        )


def colour(label):
    """The colour of a label: dark enough on white for a thin numeral."""
    return colorsys.hls_to_rgb(HUES[label % len(HUES)] / 360, 0.38, 0.7)
