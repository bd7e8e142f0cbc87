"""Pictures of models: grids, reconstructions under their originals, maps of the latent space.

Grids are uint8 arrays as `PIL.Image.fromarray` and `plt.imshow` take them; the latent map is a
matplotlib figure.
"""

import colorsys
import io
import math
import textwrap

import numpy as np

from keras_vae import atomic

PAD = 2  # pixels between two images
BACKGROUND = 255
LEGIBLE = 64  # pixels: an image of this height and width can be looked at
FONT_SIZE = 15  # pixels, of captions
HUES = (355, 28, 48, 95, 150, 178, 205, 228, 265, 310)  # of the labels 0 to 9


def grid(images, columns=None, scale=1):
    """Lays images out in rows.

    Args:
        images: (N, H, W, C) float in [0, 1], C of 1, 3 or 4 (2: grey and opacity).
        columns: images in a row; by default as square as it gets.
        scale: how often each pixel is repeated.

    Returns:
        uint8, (rows, columns) for grey images, else (rows, columns, C'), C' of 3 or 4.
    """
    each = tiles(images, scale)
    count, height, width, channels = each.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    canvas = np.full(
        (rows * (height + PAD) + PAD, columns * (width + PAD) + PAD, channels), BACKGROUND, "uint8"
    )
    for index, tile in enumerate(each):
        top = PAD + index // columns * (height + PAD)
        left = PAD + index % columns * (width + PAD)
        canvas[top : top + height, left : left + width] = tile
    return canvas[..., 0] if channels == 1 else canvas


def tiles(images, scale=1):
    """Each image alone, as `save` takes it.

    Args:
        images, scale: see `grid`.

    Returns:
        (N, rows, columns, C') uint8, C' of 1, 3 or 4.
    """
    images = np.asarray(images, "float32")
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images must be (N, H, W, C), N above 0; received {images.shape}.")
    each = np.round(np.clip(images, 0, 1) * 255).astype("uint8")
    each = each.repeat(scale, axis=1).repeat(scale, axis=2)
    return each[..., [0, 0, 0, 1]] if each.shape[-1] == 2 else each


def legible_scale(image_shape):
    """How often to repeat the pixels of (H, W, C) images so that one is at least 64 pixels high."""
    return max(1, -(-LEGIBLE // min(image_shape[:2])))


def pairs(originals, reconstructions, columns=10, scale=1):
    """Rows of originals, each with the row of its reconstructions below.

    Args:
        originals: (N, H, W, C) or (N, H, W) in [0, 1].
        reconstructions: (N, H, W, C) in [0, 1].
        columns: images in a row.
        scale: how often each pixel is repeated.

    Returns:
        uint8, as of `grid`.
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


def captioned(panels, gap=24):
    """Pictures side by side, each below its caption.

    Args:
        panels: dict of caption -> (rows, columns) or (rows, columns, C') uint8, of equal height.
        gap: pixels between two pictures.

    Returns:
        uint8, as of `grid`. Grey pictures have 32 levels: half the bytes, and nobody sees it.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(FONT_SIZE)
    pictures = [Image.fromarray(panel) for panel in panels.values()]
    widths = [max(image.width, 10 * FONT_SIZE) for image in pictures]
    texts = [_wrapped(text, font, width - PAD) for text, width in zip(panels, widths)]
    line = round(1.35 * FONT_SIZE)
    top = line * max(text.count("\n") + 1 for text in texts) + line // 3
    mode, size = pictures[0].mode, (sum(widths) + gap * (len(widths) - 1), pictures[0].height + top)
    canvas = Image.new(mode, size, "white")
    draw, left = ImageDraw.Draw(canvas), 0
    for text, image, width in zip(texts, pictures, widths):
        draw.text((left + PAD, line // 4), text, "black", font, spacing=line - FONT_SIZE)
        canvas.paste(image, (left, top))
        left += width + gap
    shown = np.asarray(canvas)
    return np.round(np.round(shown / 255 * 31) / 31 * 255).astype("uint8") if mode == "L" else shown


def _wrapped(text, font, width):
    """A text in as few lines as fit into so many pixels."""
    for columns in range(len(text), 0, -1):
        lines = textwrap.wrap(text, columns)
        if max(font.getlength(line) for line in lines) <= width:
            break
    return "\n".join(lines)


def save(image, path):
    """Writes a (H, W) or (H, W, C) uint8 array as PNG: aside, and renamed when it is whole."""
    from PIL import Image

    image = image[..., 0] if image.shape[2:] == (1,) else image
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, format="PNG", optimize=True)
    atomic.write(path, packed.getvalue())


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
    figure = Figure(figsize=(7.5, 7), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.88", linewidth=1, zorder=0)
    axes.axvline(0, color="0.88", linewidth=1, zorder=0)
    if labels is None:
        axes.scatter(*codes.T, color=_colour(7), s=9, alpha=0.7, linewidths=0)
    else:
        _numerals(axes, codes, np.asarray(labels))
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    return figure


def _numerals(axes, codes, labels):
    """Each point as its label, and each label large in the middle of its points."""
    from matplotlib.patheffects import withStroke

    size = np.clip(40_000 / len(codes), 18, 64)  # square points
    for label in np.unique(labels):
        own, colour = codes[labels == label], _colour(int(label))
        numeral = rf"$\mathbf{{{label}}}$"
        axes.scatter(*own.T, marker=numeral, color=colour, s=size, alpha=0.8, linewidths=0)
        axes.annotate(
            str(label),
            np.median(own, axis=0),
            color=colour,
            fontsize=20,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=4, foreground="white")],
        )


def _colour(label):
    """The colour of a label: dark enough on white for a thin numeral."""
    return colorsys.hls_to_rgb(HUES[label % len(HUES)] / 360, 0.38, 0.7)
