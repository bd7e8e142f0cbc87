"""What `keras-vae generate`, `interpolate` and `reconstruct` do: pictures of an entry, as PNG.

Each takes the name of an entry (or a folder of one) and returns what was written, as a dict.
"""

import re
from pathlib import Path

import numpy as np

from keras_vae import atomic, image_folder, plot, zoo
from keras_vae.zoo.listing import decodable


def generate(name, output, count=64, seed=None, scale=None, columns=None):
    """Draws from the prior, as one picture.

    Args:
        name: of an entry, or a folder of one.
        output: PNG file.
        count: number of images.
        seed: integer for the same images again, or None.
        scale: how often each pixel is repeated; None: see `plot.legible_scale`.
        columns: images in a row; None: as square as it gets.

    Raises:
        ValueError: a prior that was never fitted, or another file than a PNG.
        FileNotFoundError: no folder to write into.
    """
    _check(output)
    model = _load_generative(name)
    _write(model, model.sample(count, seed=seed), output, scale, columns)
    return {"file": str(output), "count": count, "seed": seed}


def generate_each(name, folder, count=64, seed=None, scale=1):
    """Draws from the prior, a file each: 00.png, 01.png ..., with as many digits as it takes.

    Args:
        name, count, seed, scale: see `generate`.
        folder: is made, or replaced where it holds nothing but such files.

    Raises:
        ValueError: a prior that was never fitted.
        FileExistsError: the folder holds other files, or is a file.
    """
    folder = Path(folder).absolute()
    present = list(folder.iterdir()) if folder.is_dir() else []
    if folder.is_file() or not all(re.fullmatch(r"\d+\.png", path.name) for path in present):
        raise FileExistsError(
            f"{str(folder)!r} is no folder of numbered pictures; choose a new or an empty folder."
        )
    atomic.check(folder)
    model = _load_generative(name)
    tiles = plot.tiles(model.sample(count, seed=seed), scale)
    with atomic.folder(folder) as aside:
        for number, tile in enumerate(tiles):
            plot.save(tile, aside / f"{number:0{len(str(count - 1))}}.png")
    return {"folder": str(folder), "count": count, "seed": seed}


def interpolate(name, output, count=10, rows=8, seed=None, scale=None):
    """Ways between draws from the prior, a row each.

    Args:
        name, output, seed, scale: see `generate`.
        count: images in a row, both ends included.
        rows: number of ways.
    """
    _check(output)
    decodable(name, "interpolate")
    model = _load_generative(name)
    ends = model.draw_codes(2 * rows, seed)
    images = model.decode(plot.codes_between(model, ends[:rows], ends[rows:], count))
    _write(model, images, output, scale, count)
    return {"file": str(output), "count": count, "rows": rows, "seed": seed}


def interpolate_between(name, start, end, output, count=10, invert=False, scale=None):
    """The way from one picture's code to another's, in one row.

    Args:
        name, output, scale: see `generate`; an autoencoder has codes as well.
        start, end: picture files.
        count: images, both ends included: the reconstructions of the two pictures.
        invert: see `reconstruct`.

    Raises:
        ValueError, FileNotFoundError: see `image_folder.read`.
    """
    _check(output)
    decodable(name, "interpolate")
    model = zoo.load(name)
    codes = model.encode(_read([start, end], model.image_shape, invert))
    images = model.decode(plot.codes_between(model, codes[:1], codes[1:], count))
    _write(model, images, output, scale, count)
    return {"file": str(output), "count": count, "from": str(start), "to": str(end)}


def reconstruct(name, files, output, invert=False, columns=10, scale=None):
    """Pictures above their reconstructions.

    Args:
        name, output, scale: see `generate`; an autoencoder reconstructs as well.
        files: of pictures.
        invert: white becomes black and black white, for ink on paper where the model knows light
            strokes on black.
        columns: pictures in a row.

    Returns:
        dict; "mse" is the mean squared error per pixel and channel, pixels in [0, 1].

    Raises:
        ValueError, FileNotFoundError: see `image_folder.read`.
    """
    _check(output)
    decodable(name, "reconstruct")
    model = zoo.load(name)
    images = _read(files, model.image_shape, invert)
    rebuilt = model.reconstruct(images)
    scale = scale or plot.legible_scale(model.image_shape)
    plot.save(plot.pairs(images, rebuilt, columns, scale), output)
    mse = float(np.mean(np.square(images - rebuilt)))
    return {"file": str(output), "count": len(images), "mse": mse}


def _load_generative(name):
    model = zoo.load(name)
    if not model.can_sample:
        raise ValueError(
            f"The prior of {str(name)!r} was never fitted: there is nothing to draw from. Train it "
            "anew, or use `reconstruct` and `interpolate --from --to`, which start from pictures."
        )
    return model


def _read(files, image_shape, invert):
    """(N, H, W, C) float32 in [0, 1]."""
    images = np.stack([image_folder.read(file, image_shape) for file in files]) / np.float32(255)
    colours = images[..., :3]  # what is see-through stays so
    return np.concatenate([1 - colours, images[..., 3:]], axis=-1) if invert else images


def _write(model, images, output, scale, columns):
    scale = scale or plot.legible_scale(model.image_shape)
    plot.save(plot.grid(images, columns, scale), output)


def _check(path):
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"--output must end in .png; received {str(path)!r}.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.absolute().parent)!r}.")
    atomic.check(path)
