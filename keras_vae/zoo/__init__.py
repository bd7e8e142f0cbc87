"""The librarian of the shelf: names, info, load, and what writes an entry.

An entry is a folder; the listing of the shelf is the registry. Bytes are checked at every load.

    listing        which entries there are and what they say; the standard library alone
    entry          reads an entry: checks, load, golden, examples
    example_data   the test images and codes that an entry carries
    card           the Markdown of an entry and the table of the shelf
    publishing     writes an entry: publish, renew, write_index
    certificates   what the exported files of an entry are worth, kept beside it
    exporting      what `keras-vae export` does
    runs           what `keras-vae train` and `evaluate` do
"""

import importlib

from keras_vae.zoo.listing import info, locate, names, shelf

_LATER = {  # what needs Keras, and TensorFlow's exporters, is imported at its first use
    "load": "entry",
    "golden": "entry",
    "examples": "entry",
    "publish": "publishing",
    "renew": "publishing",
    "write_index": "publishing",
}

__all__ = [*_LATER, "info", "locate", "names", "shelf"]


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module 'keras_vae.zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(f"keras_vae.zoo.{_LATER[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
