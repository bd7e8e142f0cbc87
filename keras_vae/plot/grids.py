"""Grids of images, as uint8 arrays that `PIL.Image.fromarray` and `plt.imshow` take."""

import io
import math
import textwrap

import numpy as np

from keras_vae import atomic

PAD = 2  # pixels between two images
BACKGROUND = 255
LEGIBLE = 64  # pixels: an image of this height and width can be looked at
FONT_SIZE = 15  # pixels, of captions


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


def save(picture, path):
    """Writes a picture as PNG: aside, and renamed when it is whole.

    Args:
        picture: (H, W) or (H, W, C) uint8, C of 1, 3 or 4, as `grid` makes it, or a matplotlib
            Figure, as `latent_map` makes it.
        path: of the file.

    Raises:
        ValueError: the picture is of another shape or type.
    """
    packed = io.BytesIO()
    if hasattr(picture, "savefig"):
        picture.savefig(packed, format="png")
    else:
        _image(picture).save(packed, format="PNG", optimize=True)
    atomic.write(path, packed.getvalue())


def _image(picture):
    """A PIL image of (H, W) or (H, W, C) uint8."""
    from PIL import Image

    picture = np.asarray(picture)
    known = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (1, 3, 4))
    if picture.dtype != np.uint8 or not known:
        raise ValueError(
            "A picture is (H, W) or (H, W, C) uint8 with C of 1, 3 or 4; received "
            f"{picture.shape} {picture.dtype}. plot.grid(images) makes one of images in [0, 1]."
        )
    return Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)
