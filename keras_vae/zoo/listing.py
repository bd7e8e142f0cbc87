"""The listing of the shelf: which entries there are, and what their metadata say.

Imports the standard library alone: who only wants to know waits for neither TensorFlow nor Keras.
"""

import json
from pathlib import Path

from keras_vae import atomic
from keras_vae.choice import unknown


def shelf():
    """Path of the shelf: inside an installed package, or `zoo/` of a clone."""
    package = Path(__file__).parents[1]
    return package / "shelf" if (package / "shelf").is_dir() else package.parent / "zoo"


def names(decoders=False):
    """Sorted names of the pretrained models.

    Args:
        decoders: only those with a decoder, which are what export, the page and devices are for.
    """
    entries = (path.parent.name for path in shelf().glob("*/metadata.json"))
    found = sorted(name for name in entries if not name.startswith("."))  # those are being written
    return [name for name in found if not decoders or info(name)["decoder_parameters"] is not None]


def info(name):
    """The metadata of an entry: numbers with units in their keys, sample counts, versions, cost.

    Args:
        name: of an entry, or a folder that `keras-vae train` wrote.

    Raises:
        ValueError: no such entry.
        FileNotFoundError: the entry lacks a file.
    """
    return metadata(locate(name))


def decodable(name, reader):
    """`info` of an entry that has a code and a decoder, which `reader` needs.

    Args:
        name: of an entry, or a folder of one.
        reader: who needs it, for the error.

    Raises:
        ValueError: it has none; and as `info`.
        FileNotFoundError: see `info`.
    """
    told = info(name)
    if told["decoder_parameters"] is None:
        raise ValueError(
            f"{str(name)!r}, of the kind {told['kind']}, has no code and no decoder, which "
            f"{reader} needs. Those that have: {', '.join(names(decoders=True))}."
        )
    return told


def locate(name):
    """Path of an entry, by its name or as a folder.

    Raises:
        ValueError: neither an entry nor a folder of one.
    """
    if str(name) in names():
        return shelf() / name
    folder = Path(name)
    atomic.repair(folder)  # a process that was killed may have left it under another name
    if (folder / "metadata.json").is_file():
        return folder
    if folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no entry: it has no metadata.json. `keras-vae train` writes one."
        )
    raise unknown("model", str(name), names(), ", or give a folder that `keras-vae train` wrote")


def metadata(folder):
    """metadata.json as a dict; FileNotFoundError or ValueError where it cannot be read."""
    path = Path(folder) / "metadata.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{str(path)!r} is missing; reinstall keras_vae.") from error
    except (ValueError, RecursionError) as error:  # not of JSON, or not of UTF-8
        raise ValueError(f"{str(path)!r} is no JSON ({error}); reinstall keras_vae.") from error
    if not isinstance(told, dict) or not isinstance(told.get("sha256", {}), dict):
        raise ValueError(f"{str(path)!r} is not what `keras-vae train` writes; take it anew.")
    return told
