"""Where an export goes: a path that is checked before any work is done."""

import os
from pathlib import Path

from keras_vae import atomic


def writable(path, suffix):
    """The absolute path of a file to write.

    Args:
        path: of the file.
        suffix: that it must have, like ".tflite".

    Returns:
        Path.

    Raises:
        ValueError: another suffix.
        OSError: a folder, or a path that cannot be written.
    """
    path = Path(os.path.abspath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it, like decoder{suffix}.")
    if path.suffix != suffix:
        raise ValueError(f"path must end in {suffix}; received {path.name!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {path}: the folder {path.parent} does not exist. Make it first."
        )
    atomic.check(path)
    return path
