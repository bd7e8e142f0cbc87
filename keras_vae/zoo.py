"""The librarian of the shelf: names, info, load, and the one function that writes an entry.

An entry is a folder; the listing of the shelf is the registry. Bytes are checked at every load.
"""

from pathlib import Path

import keras
import numpy as np

from keras_vae import atomic, card, entry, recipe
from keras_vae import examples as entry_examples
from keras_vae.listing import info, locate, names, shelf


def load(name):
    """A pretrained model, compiled: fit, evaluate, predict, sample and export work at once.

    Args:
        name: of an entry, or a folder that `keras-vae train` wrote.

    Returns:
        VAE or Autoencoder.

    Raises:
        ValueError: no such entry, or a file that is not what was published.
        FileNotFoundError: the entry lacks a file.
    """
    folder = locate(name)
    entry.check(folder)
    model = entry.build(folder)
    model.load_weights(folder / "model.weights.h5")
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def golden(name):
    """The codes and the pixels that they must decode to.

    Returns:
        (8, latent_dim) float32 and (8, H, W, C) float32 in [0, 1].
    """
    with np.load(locate(name) / "golden.npz") as arrays:
        return arrays["z"], arrays["pixels"]


def examples(name):
    """Codes and images of an entry's test data, with their labels: `keras_vae.examples` lists them.

    Returns:
        dict of arrays, or None: the entry was published before it had examples.
    """
    return entry_examples.read(locate(name))


def publish(run, folder, recipe_file=None):
    """Writes an entry: everything but recipe.py is made here, from what was measured.

    The files are written aside and the folder is renamed when it is whole.

    Args:
        run: recipe.Run.
        folder: of the entry; an existing one must be an entry, or hold nothing but a recipe.
        recipe_file: recipe.py to copy, which must be that of the run: it is run to see. By default
            that of a folder which holds nothing else, or one that is written. The recipe of an
            entry that is replaced is not run.

    Returns:
        Path of the folder.

    Raises:
        FileExistsError: the folder holds something else.
        ValueError: the recipe file is not that of the run.
    """
    folder = Path(folder).resolve()
    entry.check_target(folder)
    if recipe_file is None and [path.name for path in _content(folder)] == ["recipe.py"]:
        recipe_file = folder / "recipe.py"
    with atomic.folder(folder) as aside:
        entry.write(run, aside, recipe_file)
    return folder


def _content(folder):
    return list(folder.iterdir()) if folder.is_dir() else []


def renew(name):
    """Makes anew what is made of the weights of an entry: card, picture, examples, hashes.

    Weights, recipe, configuration and numbers stay. The entry's data is read.

    Args:
        name: of an entry, or a folder of one.

    Returns:
        Path of the folder.

    Raises:
        FileNotFoundError: the entry's data is not at hand.
    """
    folder = locate(name).resolve()
    model, told = load(name), entry.told_recipe(folder)
    images = recipe.load_data(told)
    with atomic.folder(folder) as aside:
        entry.rewrite(folder, aside, model, told, images)
    return folder


def write_index(pages=None):
    """Makes the tables of zoo/README.md and README.md anew from the metadata of the shelf."""
    entries = [info(name) for name in names()]
    pages = pages or {shelf() / "README.md": "", shelf().parent / "README.md": "zoo/"}
    for page, links in pages.items():
        text = card.replace_table(page.read_text(encoding="utf-8"), entries, links=links)
        page.write_text(text, encoding="utf-8")
