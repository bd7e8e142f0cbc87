"""Files and folders that are whole or not there: written aside, then renamed.

What is written aside is called `.NAME.PID-TOKEN` and lies beside its target; what it replaces is
called the same with `.old` behind it for the moment between two renames. So what a killed process
leaves behind can be told from what a living one is writing, and `repair` sees to it.
"""

import contextlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path

MOMENT = 1.0  # seconds: more than a living process needs between two renames
_WRITING = set()  # names that this process is writing: a dead one may have had its number


def write(path, content):
    """Writes a file; an older one is replaced in one step.

    Args:
        path: of the file, in a folder that exists.
        content: bytes, or str, which is written as UTF-8.

    Raises:
        OSError: with the name of the file; the older one is as it was.
    """
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    with _written_aside(path) as aside:
        try:
            aside.write_bytes(content)
            os.replace(aside, path)
        except OSError as error:  # of a full disk without a name, else with the one aside
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        finally:
            aside.unlink(missing_ok=True)


def check(path):
    """Tries whether `path` can be written, before the work that is to be written is done.

    It is tried, for rights alone do not tell: of root, of a read-only file system. A folder that is
    missing would be made; then the nearest one above it counts.

    Raises:
        OSError: with the name of the folder that nothing can be written into.
    """
    path = Path(os.path.abspath(path))
    above = path.parent
    try:
        while not above.exists():
            above = above.parent
        with _written_aside(above / path.name) as aside:
            aside.mkdir()
            aside.rmdir()
    except OSError as error:
        told = f"Cannot write {path.name!r}: nothing can be written into this folder"
        raise OSError(error.errno, f"{told} ({error.strerror})", str(above)) from error


@contextlib.contextmanager
def folder(path):
    """Yields an empty folder to fill, which then takes the place of `path`.

    Where the block raises, nothing has changed. Missing parents of `path` are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _written_aside(path) as aside:
        try:
            aside.mkdir()
            yield aside
            _swap(aside, path)
        finally:
            _clear(aside)


def remove(path):
    """Removes a folder; after a kill it is whole, or what is left of it is for `repair`."""
    with _written_aside(Path(path)) as gone:
        Path(path).rename(gone)
        _clear(gone)


def repair(path):
    """Undoes what killed processes left beside `path`.

    A folder that was moved away and was not replaced within a moment comes back; all else is
    removed. What a living process writes is left alone.

    Returns:
        True where the folder came back.
    """
    path = Path(path)
    pattern = re.compile(re.escape(f".{path.name}.") + r"(\d+)-[0-9a-f]{8}(\.old)?")
    restored = False
    for found in sorted(path.parent.iterdir()) if path.parent.is_dir() else ():
        match = pattern.fullmatch(found.name)
        if match is None:
            continue
        moved = match[2] and not path.exists()
        if _is_writing(found.name.removesuffix(".old"), int(match[1])):
            if not moved or _comes_back(path):
                continue
        if moved:
            found.rename(path)
            restored = True
        elif found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()
    return restored


@contextlib.contextmanager
def _written_aside(path):
    """Yields the name beside `path` to write to."""
    aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    _WRITING.add(aside.name)
    try:
        yield aside
    finally:
        _WRITING.discard(aside.name)


def _swap(aside, path):
    old = aside.with_name(aside.name + ".old")
    try:
        if path.exists():
            path.rename(old)
        aside.rename(path)
    except BaseException:  # a signal may come between the two
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    finally:
        if path.exists():
            _clear(old)


def _clear(folder):
    """Removes a folder; a signal that comes meanwhile ends the process when that is done."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _comes_back(path):
    """Whether the folder is there within a moment."""
    end = time.monotonic() + MOMENT
    while not path.exists() and time.monotonic() < end:
        time.sleep(MOMENT / 20)
    return path.exists()


def _is_writing(name, process):
    """Whether the process that writes aside under a name lives."""
    if process == os.getpid():
        return name in _WRITING
    if os.name != "posix":  # signal 0 is no question elsewhere
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
