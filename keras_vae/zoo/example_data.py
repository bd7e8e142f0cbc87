"""Examples of an entry: codes and images of its test data, so that they are at hand without it.

`examples.npz` holds, of D latents, images of (H, W, C) and at most 500 test images:

    codes         (N, D) float16: of the first test images, prepared as in training; all finite
    labels        (N,) int16 of them, 0 and above; left out where the data has none
    images        (12, H, W, C) uint8 in 0..255, grey values; each label once, then each twice
    image_codes   (12, D) float32: what the encoder makes of `images` / 255
    image_labels  (12,) int16 of them; left out where the data has none
    fill          () float32 in 0.4..1: share of the image that the larger side of a figure takes
    pen           () float32 in 0.04..0.2: width of a figure's strokes as a share of the image
"""

from pathlib import Path

import numpy as np

from keras_vae import data

FILE = "examples.npz"
CODES = 500
CODES_BYTES = 32_768  # of all codes: wide ones are fewer, and an entry stays small
FEWEST = 50
IMAGES = 12
MEASURED = 1000  # images behind `fill` and `pen`
INK = 0.2  # grey level from which a pixel belongs to the figure
KEYS = ("codes", "images", "image_codes", "fill", "pen")  # labels are in it where the data has them


def make(model, test, binarize=None, seed=0):
    """The arrays of `examples.npz`, chosen without chance: the same data gives the same ones.

    Args:
        model: Autoencoder or VAE.
        test: data.Split; its first images are taken.
        binarize: None or "dynamic", as in the training.
        seed: of the binarisation.

    Returns:
        dict of arrays, as above.
    """
    count = max(FEWEST, min(CODES, CODES_BYTES // (2 * model.latent_dim)))
    first = data.Split(test.name, test.images[:count])
    codes = model.encode(data.pixels(first, binarize, seed))
    narrow = np.abs(codes).max() < np.finfo("float16").max
    chosen = _chosen(test.labels, min(IMAGES, len(test)))
    images = test.images[chosen]
    measured = test.images[:MEASURED].astype("float32") / 255.0
    arrays = {
        "codes": codes.astype("float16" if narrow else "float32"),
        "images": images,
        "image_codes": model.encode(images.astype("float32") / 255.0),
        "fill": np.float32(fill(measured)),
        "pen": np.float32(pen(measured)),
    }
    if test.labels is not None:
        arrays["labels"] = np.asarray(test.labels[:count]).astype("int16")
        arrays["image_labels"] = np.asarray(test.labels)[chosen].astype("int16")
    return arrays


def write(folder, arrays):
    """Writes the file of an entry; the same arrays give the same bytes."""
    np.savez_compressed(Path(folder) / FILE, **arrays)


def read(folder):
    """The arrays of an entry as a dict, or None where the entry has none.

    Raises:
        ValueError: the file lacks an array.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    lacks = [key for key in KEYS if key not in arrays]
    if lacks:
        raise ValueError(f"{str(path)!r} lacks {', '.join(lacks)}; publish the entry anew.")
    return arrays


def _chosen(labels, count):
    """Indices (count,), rising: of each label the first image, then the second, and so on."""
    if labels is None:
        return np.arange(count)
    seen, turns = {}, []
    for label in np.asarray(labels).tolist():
        turns.append(seen.setdefault(label, 0))
        seen[label] += 1
    return np.sort(np.argsort(turns, kind="stable")[:count])


def fill(images):
    """Median share of the image that the larger side of a figure's bounding box takes.

    Args:
        images: (N, H, W, C) float32 in [0, 1].
    """
    ink = images.max(axis=-1) > INK  # (N, H, W)
    sides = [_extent(ink.any(axis=axis)) for axis in (1, 2)]
    share = np.median(np.maximum(*sides)) / min(images.shape[1:3])
    return float(np.clip(share, 0.4, 1.0))


def pen(images):
    """Median width of a figure's strokes as a share of the image: 2 area / outline.

    The outline is the total variation; along rows and columns it is longer than along the outline,
    4/pi times for strokes of all directions.

    Args:
        images: (N, H, W, C) float32 in [0, 1].
    """
    grey = np.pad(images.max(axis=-1), ((0, 0), (1, 1), (1, 1)))  # (N, H + 2, W + 2)
    outline = sum(np.abs(np.diff(grey, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    width = np.median(2 * grey.sum(axis=(1, 2)) / np.maximum(outline, 1e-6)) * 4 / np.pi
    return float(np.clip(width / min(images.shape[1:3]), 0.04, 0.2))


def _extent(rows):
    """(N, L) bool -> (N,) distance from the first to the last true one, 0 where there is none."""
    first, last = rows.argmax(axis=1), rows.shape[1] - rows[:, ::-1].argmax(axis=1)
    return np.where(rows.any(axis=1), last - first, 0)
