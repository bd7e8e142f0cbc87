"""A folder of one's own pictures as a data set: any sizes, any formats that Pillow reads."""

import warnings
from pathlib import Path

import numpy as np

from keras_vae.data import Data, Split

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
DEFAULT_SIDE = 32


def load(folder, image_shape=None, seed=0):
    """Reads every picture below a folder.

    Args:
        folder: searched with its subfolders, in the order of the paths.
        image_shape: (H, W, C) that all are resized to (area averaging over the middle part of the
            wanted proportions), C of 1, 3 or 4. None: (32, 32, C), C of 1 if all are grey, else 3.
        seed: of the split.

    Returns:
        data.Data, uint8; a tenth each for validation and test, at least one picture. Labels are the
        numbers of the subfolders where there are any.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: fewer than ten pictures that can be read.

    Warns:
        For each file that is corrupt, which is skipped; and once for pictures that were resized.
    """
    from PIL import Image

    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder at {str(folder)!r}.")
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES]
    pictures, kept = [], []
    for path in paths:
        try:
            with Image.open(path) as picture:
                picture.load()
                pictures.append(_without_palette(picture))
            kept.append(path)
        except Exception as error:  # Pillow raises a dozen kinds for broken files
            warnings.warn(f"Skipped {path}: {type(error).__name__}: {error}", stacklevel=2)
    if len(pictures) < 10:
        raise ValueError(
            f"{str(folder)!r} holds {len(pictures)} readable pictures ({len(paths)} files with a "
            f"suffix of {', '.join(SUFFIXES)}); a model needs at least 10, better thousands."
        )
    if image_shape is None:
        grey = all(picture.mode == "L" for picture in pictures)
        image_shape = (DEFAULT_SIDE, DEFAULT_SIDE, 1 if grey else 3)
    images = np.stack([_fit(picture, image_shape) for picture in pictures])
    resized = sum(picture.size != (image_shape[1], image_shape[0]) for picture in pictures)
    if resized:
        warnings.warn(
            f"Resized {resized} of {len(pictures)} pictures to {image_shape[0]}x{image_shape[1]}.",
            stacklevel=2,
        )
    return _split(str(folder), images, _labels(folder, kept), seed)


def _without_palette(picture):
    if picture.mode in ("L", "RGB", "RGBA"):
        return picture.copy()
    if picture.mode in ("1", "I", "I;16", "F"):
        return picture.convert("L")
    return picture.convert("RGBA" if "transparency" in picture.info else "RGB")


def _fit(picture, image_shape):
    from PIL import Image, ImageOps

    height, width, channels = image_shape
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes:
        raise ValueError(f"Pictures have 1, 3 or 4 channels; received image_shape={image_shape}.")
    fitted = ImageOps.fit(picture.convert(modes[channels]), (width, height), Image.Resampling.BOX)
    return np.asarray(fitted, "uint8").reshape(image_shape)


def _labels(folder, paths):
    groups = [path.relative_to(folder).parts[:-1] for path in paths]
    names = sorted(set(groups))
    return np.array([names.index(group) for group in groups]) if len(names) > 1 else None


def _split(name, images, labels, seed):
    order = np.random.RandomState(seed).permutation(len(images))
    held_out = max(1, len(images) // 10)
    parts = {
        "train": order[2 * held_out :],
        "validation": order[held_out : 2 * held_out],
        "test": order[:held_out],
    }
    return Data(
        name,
        **{
            key: Split(key, images[index], None if labels is None else labels[index])
            for key, index in parts.items()
        },
    )
