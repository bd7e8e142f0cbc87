"""What is said of a .tflite file that cannot be read or run."""

import contextlib

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite file


def check_identifier(content, name):
    """Raises ValueError where the bytes are no .tflite file at all."""
    if content[4:8] != IDENTIFIER:
        raise ValueError(f"{name} is not a .tflite file ({len(content)} bytes, no TFL3 in them).")


@contextlib.contextmanager
def named(name):
    """Turns what goes wrong in a block that reads or runs a file into a ValueError that names it.

    A ValueError that names the file already stays as it is.
    """
    try:
        yield
    except Exception as error:  # of LiteRT, flatbuffers, JSON and Unicode, a dozen kinds
        if isinstance(error, ValueError) and str(name) in str(error):
            raise
        raise ValueError(
            f"{name} is broken; export it again. ({type(error).__name__}: {str(error).strip()})"
        ) from error
