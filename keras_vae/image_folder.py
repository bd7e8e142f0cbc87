"""A folder of one's own pictures as a data set: any sizes, any formats that Pillow reads."""

import warnings
from pathlib import Path

import numpy as np

from keras_vae.data import Data, Split

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # of Pillow; others start programs
MOST_PIXELS = 50_000_000  # 150 MB in colour, and as much again while it is turned
DEFAULT_SIDE = 32
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
FEWEST = 10


def load(folder, image_shape=None, seed=0):
    """Reads every picture below a folder.

    Pictures are turned as their EXIF data say, 16-bit ones are scaled to 8 bits, and transparent
    ones are laid on white unless four channels are asked for.

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
        ValueError: an image_shape that pictures cannot have, or fewer than ten pictures that can be
            read.

    Warns:
        For each file that is corrupt, which is skipped; and once for pictures that were resized.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder at {str(folder)!r}.")
    height, width, channels = _checked_shape(image_shape)
    paths = _paths(folder)
    pictures, kept, resized = [], [], 0
    for path in paths:
        try:
            picture, size = _read(path, (width, height))
        except Exception as error:  # Pillow raises a dozen kinds for broken files
            warnings.warn(f"Skipped {path}: {type(error).__name__}: {error}", stacklevel=2)
            continue
        pictures.append(picture)
        kept.append(path)
        resized += size != (width, height)
    if len(pictures) < FEWEST:
        raise ValueError(
            f"{str(folder)!r} holds {len(pictures)} readable pictures ({len(paths)} files with a "
            f"suffix of {', '.join(SUFFIXES)}); a model needs at least {FEWEST}, better a hundred "
            "or more."
        )
    if resized:
        note = f"Resized {resized} of {len(pictures)} pictures to {height}x{width}."
        warnings.warn(note, stacklevel=2)
    channels = channels or (1 if all(picture.mode == "L" for picture in pictures) else 3)
    images = np.stack([_with_channels(picture, channels) for picture in pictures])
    return _split(str(folder), images, _labels(folder, kept), seed)


def read(path, image_shape):
    """Reads one picture as `load` reads those of a folder.

    Args:
        path: of the file.
        image_shape: (H, W, C), C of 1, 3 or 4.

    Returns:
        (H, W, C) uint8.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a picture that Pillow reads, or an image_shape that pictures cannot have.
    """
    height, width, channels = _checked_shape(image_shape)
    if not Path(path).exists():
        raise FileNotFoundError(f"No picture at {str(path)!r}.")
    try:
        picture, _ = _read(path, (width, height))
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise ValueError(
            f"{str(path)!r} cannot be read as a picture ({type(error).__name__}: {error}). Give a "
            f"file like {', '.join(SUFFIXES)}."
        ) from error
    return _with_channels(picture, channels)


def count(folder):
    """How many pictures `load` will read from a folder, if none of the files is corrupt."""
    return len(_paths(Path(folder)))


def channels(folder):
    """1 if all pictures that `load` can read from a folder are grey, else 3."""
    modes = set()
    for path in _paths(Path(folder)):
        try:
            modes.add(_read(path, (1, 1))[0].mode)
        except Exception:  # `load` names the file
            continue
    return 1 if modes <= {"L"} else 3


def _paths(folder):
    return [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and p.is_file()]


def _checked_shape(image_shape):
    """(H, W, C); C is None where the pictures decide."""
    if image_shape is None:
        return DEFAULT_SIDE, DEFAULT_SIDE, None
    shape = tuple(image_shape)
    whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in shape)
    if len(shape) != 3 or not whole or shape[2] not in MODES:
        raise ValueError(
            "image_shape must be (H, W, C) of positive integers, C of 1, 3 or 4; received "
            f"{image_shape}."
        )
    return tuple(int(size) for size in shape)


def _read(path, size):
    """The picture in `size` (W, H), of mode L, RGB or RGBA; and the size that it had."""
    from PIL import Image, ImageOps

    with Image.open(path, formats=FORMATS) as file:
        if file.size[0] * file.size[1] > MOST_PIXELS:
            raise ValueError(
                f"it has {file.size[0]}x{file.size[1]} pixels, above the limit of {MOST_PIXELS:,}; "
                "make it smaller"
            )
        if file.format == "TIFF" and file.mode == "I":
            raise ValueError("it has 32-bit integers, whose range it does not say; save 8 or 16")
        picture = _eight_bits(ImageOps.exif_transpose(file))
        fitted = ImageOps.fit(picture, size, Image.Resampling.BOX)  # now: photos fill the memory
        return fitted, picture.size


def _eight_bits(picture):
    from PIL import Image

    mode = picture.mode
    if mode in ("L", "RGB", "RGBA") and "transparency" not in picture.info:
        return picture
    if mode == "1":
        return picture.convert("L")
    if mode == "F" or mode.startswith("I"):  # Pillow's own conversion cuts all above 255 off
        values = np.asarray(picture, "float64")
        scale = 255 / 65535 if mode != "F" else 255 if values.max() <= 1 else 1
        return Image.fromarray(np.clip(np.round(values * scale), 0, 255).astype("uint8"))
    see_through = mode in ("LA", "La", "PA", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if see_through else "RGB")


def _with_channels(picture, channels):
    """A picture of mode L, RGB or RGBA -> (H, W, C) uint8."""
    from PIL import Image

    if picture.mode == "RGBA" and channels != 4:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    array = np.asarray(picture.convert(MODES[channels]), "uint8")
    return array.reshape(picture.size[1], picture.size[0], channels)


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
