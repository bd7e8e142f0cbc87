"""What compilers print is kept off the terminal, and shown where something goes wrong."""

import logging
import os
import sys

import pytest

from keras_vae.quiet import quiet


def test_both_descriptors_and_streams_are_swallowed(capfd):
    with quiet() as said:
        print("by Python")
        os.write(1, b"by C\n")
        os.write(2, b"by C, of an error\n")
        sys.stderr.write("by Python, of an error\n")
        sys.stderr.flush()
        told = said()
    print("behind")
    out, err = capfd.readouterr()
    assert (out, err) == ("behind\n", "")
    for part in ("by Python\n", "by C\n", "by C, of an error\n", "by Python, of an error\n"):
        assert part in told


def test_what_was_said_is_shown_with_the_error(capfd):
    def fails():
        with quiet():
            os.write(2, b"the reason\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.parametrize("fails", [False, True])
def test_a_logger_that_was_made_within_speaks_afterwards(capfd, fails):
    """TensorFlow makes its handler at the first message, of whatever stream there is."""
    logger = logging.getLogger(f"keras_vae.test_quiet.{fails}")
    try:
        with quiet():
            logger.addHandler(logging.StreamHandler(sys.stderr))
            logger.warning("within")
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert capfd.readouterr().err == "within\n"
    logger.warning("afterwards")
    assert capfd.readouterr().err == "afterwards\n"
