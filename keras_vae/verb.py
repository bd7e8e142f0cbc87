"""What the verbs of the command share: two arguments, how TensorFlow is started, how they stop."""

import functools
import signal
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="Name of an entry, or a folder that `train` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def with_tensorflow(function):
    """Imports TensorFlow before a verb runs, without its start-up notes; Ctrl-C ends it with 130.

    The verbs that only tell, and every `--help`, do without.
    """

    @functools.wraps(function)
    def started(*arguments, **options):
        try:
            from keras_vae.quiet import quiet

            with quiet():
                import tensorflow as tf

                tf.config.list_physical_devices()
            return function(*arguments, **options)
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None

    return started


def end_on_sigterm():
    """Lets SIGTERM end the process as Ctrl-C does, what is half written removed, with status 143.

    A process that was started to ignore the signal goes on ignoring it.
    """
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number, frame):
    signal.signal(number, signal.SIG_IGN)  # one is enough: what it started is to come to its end
    raise SystemExit(128 + number)
