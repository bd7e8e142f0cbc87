"""Reads one folder of the shelf: its eight files, how they are checked, and what they give."""

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path

import keras
import numpy as np

from keras_vae import models, recipe
from keras_vae.zoo import card, example_data
from keras_vae.zoo.listing import locate, metadata, shelf

FILES = (
    "recipe.py",
    "config.json",
    "model.weights.h5",
    "metadata.json",
    "golden.npz",
    example_data.FILE,
    "README.md",
    "samples.png",
)
HASHED = tuple(file for file in FILES if file != "metadata.json")
LATER = (example_data.FILE,)  # an entry may be older than these, and then does not name them
UNHASHED = ("recipe.py",)  # in older entries


def check(folder):
    """Raises an error where a file of an entry is missing or is not what was published."""
    folder = Path(folder)
    remedy = "Take the folder anew from where it came from."
    if folder.resolve().parent == shelf().resolve():  # to train is to run its recipe: ours alone
        remedy = (
            f"Reinstall keras_vae (or `git checkout` the folder), or rebuild the entry with "
            f"`keras-vae train {folder.name} --output DIR`."
        )
    published = metadata(folder)
    files = files_of(published)
    for file in files:
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{str(folder / file)!r} is missing. {remedy}")
    hashes = published.get("sha256", {})
    for file in [file for file in HASHED if file in files]:
        if file in UNHASHED and file not in hashes:
            continue
        if sha256(folder / file) != hashes.get(file):
            raise ValueError(
                f"{str(folder / file)!r} is not the published file: its SHA-256 differs from the "
                f"one in metadata.json. {remedy}"
            )
    if card.digest(published) not in (folder / "README.md").read_text(encoding="utf-8"):
        raise ValueError(
            f"The card {str(folder / 'README.md')!r} disagrees with metadata.json: one of them "
            f"was changed alone. {remedy}"
        )


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
    check(folder)
    model = build(folder)
    try:
        model.load_weights(folder / "model.weights.h5")
    except ValueError as error:  # the bytes are those that were published, the model has changed
        version = metadata(folder).get("versions", {}).get("keras_vae", "unknown")
        raise ValueError(
            f"{str(folder)!r} was published by keras_vae {version}, whose models had other weights "
            f"({str(error).strip().splitlines()[0]}). Train it anew from its recipe.py."
        ) from error
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def golden(name):
    """Inputs that a model was given when it was published, and its outputs, to compare with.

    Returns:
        Two arrays: of a model with a decoder the codes (8, latent_dim) float32 and the pixels that
        they decode to, (8, H, W, C) float32 in [0, 1]; of others what `golden_names` says.
    """
    folder = locate(name)
    check(folder)
    with np.load(folder / "golden.npz", allow_pickle=False) as arrays:
        given, made = arrays.files
        return arrays[given], arrays[made]


def examples(name):
    """Codes and images of an entry's test data, with their labels: `example_data` lists them.

    Returns:
        dict of arrays, or None: the entry was published before it had examples.
    """
    folder = locate(name)
    check(folder)
    return example_data.read(folder)


def files_of(published):
    """The files that an entry has; an older one lacks those that were invented later (LATER)."""
    return [f for f in FILES if f not in LATER or f in published.get("sha256", {})]


def read_config(folder):
    """config.json: {"builder": name, "arguments": all its arguments, as Python values}.

    Raises:
        ValueError: it is something else, or names a class that nobody has registered.
    """
    path = Path(folder) / "config.json"
    with _about(path):
        config = json.loads(path.read_text(encoding="utf-8"))
        return {"builder": config["builder"], "arguments": _from_json(config["arguments"])}


def build(folder):
    """The model that config.json describes, with fresh weights; ValueError where it does not."""
    config = read_config(folder)
    with _about(Path(folder) / "config.json"):
        return models.build(config["builder"], **config["arguments"])


@contextlib.contextmanager
def _about(path):
    """Turns what goes wrong with the content of a file into a ValueError that names it."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # of JSON, Keras and TensorFlow, a dozen kinds
        raise ValueError(
            f"{str(path)!r} does not describe a model ({type(error).__name__}: {error}). Take the "
            "folder anew from where it came from."
        ) from error


def told_recipe(folder):
    """The recipe of an entry as its metadata.json tells it; nothing of the entry is run.

    What only a training needs (learning rate, averages) has the defaults.

    Returns:
        recipe.Recipe; its `image_shape` and, for a folder of pictures, its path are those of the
        entry, the path as it is seen from there.

    Raises:
        ValueError: metadata.json does not say where the images are from.
    """
    folder = Path(folder).resolve()
    described = metadata(folder)
    try:
        told, training = described["data"], described["training"]
        name = str(told["name"])
        pictures = told.get("folder")
        if pictures is None and not re.fullmatch(r"\w+", name):
            raise ValueError(f"{name!r} is no name of a data set")
        return recipe.Recipe(
            name=str(described["name"]),
            data=name if pictures is None else os.path.normpath(folder / pictures),
            builder=described["builder"],
            arguments={**read_config(folder)["arguments"], "image_shape": _shape(told)},
            epochs=training["epochs"],
            batch_size=training["batch_size"],
            seed=training["seed"],
            binarize=told["binarize"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{str(folder / 'metadata.json')!r} does not tell what the entry was trained on "
            f"({type(error).__name__}: {error}); publish the entry anew."
        ) from error


def _shape(told):
    return tuple(int(size) for size in told["image_shape"])


def _from_json(arguments):
    def restore(value):
        if isinstance(value, dict) and "class_name" in value:
            _check_registered(value)
            return keras.saving.deserialize_keras_object(value)
        if isinstance(value, dict):
            return {key: restore(item) for key, item in value.items()}
        return tuple(value) if isinstance(value, list) else value

    return {key: restore(value) for key, value in arguments.items()}


def _check_registered(value):
    """Raises ValueError where Keras would import something to make a value, or run a function."""
    if isinstance(value, dict):
        if "class_name" in value and not _is_registered(value):
            raise ValueError(f"{value['class_name']!r} is no class that is registered with Keras")
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        _check_registered(part)


def _is_registered(told):
    kind, name = told["class_name"], told.get("registered_name")
    if (told.get("module"), kind, name) == ("keras", "DTypePolicy", None):  # within families
        return True
    named_so = isinstance(name, str) and name.rpartition(">")[2] == kind
    return named_so and keras.saving.get_registered_object(name) is not None


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
