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
from pathlib import Path


def write(path, content):
    """Writes a file; an older one is replaced in one step.

    Args:
        path: of the file, in a folder that exists.
        content: bytes, or str, which is written as UTF-8.
    """
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    aside = _aside(path)
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def folder(path):
    """Yields an empty folder to fill, which then takes the place of `path`.

    Where the block raises, nothing has changed. Missing parents of `path` are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    aside.mkdir()
    try:
        yield aside
        _swap(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove(path):
    """Removes a folder; after a kill it is whole, or what is left of it is for `repair`."""
    gone = _aside(Path(path))
    Path(path).rename(gone)
    shutil.rmtree(gone)


def repair(path):
    """Undoes what killed processes left beside `path`.

    A folder that was moved away and never replaced comes back; all else is removed. What a living
    process writes is left alone.

    Returns:
        True where the folder came back.
    """
    path = Path(path)
    pattern = re.compile(re.escape(f".{path.name}.") + r"(\d+)-[0-9a-f]{8}(\.old)?")
    restored = False
    for found in sorted(path.parent.iterdir()) if path.parent.is_dir() else ():
        match = pattern.fullmatch(found.name)
        if match is None or _alive(int(match[1])):
            continue
        if match[2] and not path.exists():
            found.rename(path)
            restored = True
        elif found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink()
    return restored


def _aside(path):
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")


def _swap(aside, path):
    if not path.exists():
        aside.rename(path)
        return
    old = aside.with_name(aside.name + ".old")
    path.rename(old)
    try:
        aside.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _alive(process):
    if os.name != "posix":  # signal 0 is no question elsewhere
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OverflowError:
        return False
    except PermissionError:
        return True
    return True
