"""Keeps what compilers print off the terminal, unless something goes wrong."""

import contextlib
import itertools
import logging
import os
import sys
import tempfile
import warnings


@contextlib.contextmanager
def quiet():
    """Swallows stdout, stderr and warnings of the block, C++ included; shows them if it raises.

    The TFLite converter and XNNPACK write to the file descriptors, not to sys.stderr, so these are
    what is redirected, and Python's own streams beside them, which in a notebook write elsewhere.
    What other threads print meanwhile is swallowed as well.

    Yields:
        function () -> str, what was swallowed so far.
    """
    with tempfile.TemporaryFile() as sink, contextlib.ExitStack() as streams:
        saved, usual = [], sys.stderr
        _flush()
        text = streams.enter_context(os.fdopen(os.dup(sink.fileno()), "w"))
        try:
            streams.enter_context(contextlib.redirect_stdout(text))
            streams.enter_context(contextlib.redirect_stderr(text))
            for descriptor in (1, 2):
                with contextlib.suppress(OSError):  # a daemon may have closed it
                    saved.append((descriptor, os.dup(descriptor)))
                    os.dup2(sink.fileno(), descriptor)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield lambda: _so_far(sink)
        except Exception:
            _release(text, usual)
            streams.close()
            _restore(saved)
            sink.seek(0)
            sys.stderr.write(sink.read().decode(errors="replace"))
            raise
        finally:
            _release(text, usual)
            streams.close()
            _restore(saved)


def _release(text, usual):
    """Gives the handlers that the block made, TensorFlow's among them, the usual stream."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for handler in itertools.chain(*(getattr(logger, "handlers", ()) for logger in loggers)):
        if getattr(handler, "stream", None) is text:
            handler.setStream(usual)


def _restore(saved):
    _flush()
    while saved:
        descriptor, copy = saved.pop()
        os.dup2(copy, descriptor)
        os.close(copy)


def _so_far(sink):
    _flush()
    sink.seek(0)  # the descriptors share this position: reading leaves it at the end again
    return sink.read().decode(errors="replace")


def _flush():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
