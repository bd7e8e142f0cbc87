"""Keeps a second process out of a folder for as long as a training takes."""

import contextlib
import errno
import os
import socket
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


@contextlib.contextmanager
def held(path):
    """Keeps other processes out of the block; the lock of a process that died is none.

    Args:
        path: what the block writes. The lock is the file `.NAME.lock` beside it, which names its
            holder and is gone afterwards.

    Raises:
        BlockingIOError: another process holds it; says which.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f".{path.name}.lock")
    handle = _open_locked(file, path)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows does not remove what is open
            file.unlink()
        os.close(handle)


def _open_locked(file, path):
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle)
        except OSError as error:
            holder = os.read(handle, 200).decode(errors="replace") or "another process"
            os.close(handle)
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise OSError(error.errno, error.strerror, str(file)) from error
            raise BlockingIOError(
                f"{holder} is writing {str(path)!r} at this moment. Wait for it, end it, or choose "
                "another folder."
            ) from error
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(file)):
                return handle
        os.close(handle)  # the holder before removed it between our opening and our locking


def _lock(handle):
    """Locks an open file until it is closed, or raises OSError at once."""
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    os.lseek(handle, 2**20, os.SEEK_SET)  # what is locked there cannot be read by others
    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    os.lseek(handle, 0, os.SEEK_SET)
