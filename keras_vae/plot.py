"""Pictures of models: grids, reconstructions under their originals, maps of the latent space.

Grids are uint8 arrays that PIL can write; the latent map is a matplotlib figure.
"""

import math

import numpy as np

PAD = 2  # pixels between two images
BACKGROUND = 255


def grid(images, columns=None, scale=1):
    """Lays images out in rows.

    Args:
        images: (N, H, W, C) float in [0, 1], C of 1, 3 or 4 (2: grey and opacity).
        columns: images in a row; by default as square as it gets.
        scale: how often each pixel is repeated.

    Returns:
        (rows, columns, C') uint8, C' of 1, 3 or 4.
    """
    images = np.asarray(images, "float32")
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images must be (N, H, W, C), N above 0; received {images.shape}.")
    columns = min(columns or math.ceil(math.sqrt(len(images))), len(images))
    rows = math.ceil(len(images) / columns)
    tiles = np.round(np.clip(images, 0, 1) * 255).astype("uint8")
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    if tiles.shape[-1] == 2:
        tiles = tiles[..., [0, 0, 0, 1]]
    _, height, width, channels = tiles.shape
    canvas = np.full(
        (rows * (height + PAD) + PAD, columns * (width + PAD) + PAD, channels), BACKGROUND, "uint8"
    )
    for index, tile in enumerate(tiles):
        top = PAD + index // columns * (height + PAD)
        left = PAD + index % columns * (width + PAD)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def pairs(originals, reconstructions, columns=10, scale=1):
    """Rows of originals, each with the row of its reconstructions below.

    Args:
        originals: (N, H, W, C) or (N, H, W) in [0, 1].
        reconstructions: (N, H, W, C) in [0, 1].
        columns: images in a row.
        scale: how often each pixel is repeated.

    Returns:
        (rows, columns, C') uint8.
    """
    reconstructions = np.asarray(reconstructions, "float32")
    originals = np.asarray(originals, "float32").reshape(reconstructions.shape)
    columns = min(columns, len(originals))
    blanks = np.full((-len(originals) % columns, *originals.shape[1:]), BACKGROUND / 255)
    originals = np.concatenate([originals, blanks])
    reconstructions = np.concatenate([reconstructions, blanks])
    rows = []
    for start in range(0, len(originals), columns):
        rows += [originals[start : start + columns], reconstructions[start : start + columns]]
    return grid(np.concatenate(rows), columns, scale)


def save(image, path):
    """Writes a (H, W, C) uint8 array as PNG."""
    from PIL import Image

    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path, format="PNG")


def latent_map(model, images, labels=None, title=None):
    """Where the images lie in the latent space, along the two widest axes of their codes.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) or (N, H, W) in [0, 1].
        labels: (N,) integers for the colours, or None.
        title: of the figure.

    Returns:
        matplotlib Figure. For codes of more than two dimensions the axes are the first two
        principal components, and the labels say how much of the variance they hold.
    """
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    codes = model.encode(images)
    names = ["z[0]", "z[1]"]
    if codes.shape[1] == 1:
        codes = np.concatenate([codes, np.zeros_like(codes)], axis=1)
    elif codes.shape[1] > 2:
        pca = PCA(2, random_state=0)
        codes = pca.fit_transform(codes)
        share = pca.explained_variance_ratio_
        names = [f"component {i + 1} of the codes ({share[i]:.0%} of variance)" for i in range(2)]
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    points = axes.scatter(*codes.T, c=labels, cmap="tab10", s=6, alpha=0.7, linewidths=0)
    if labels is not None:
        figure.colorbar(points, ax=axes, label="label")
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    return figure
