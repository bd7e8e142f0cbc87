"""What the verbs of the command share: two arguments, and how TensorFlow is started."""

import functools
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="Name of an entry, or a folder that `train` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def with_tensorflow(function):
    """Imports TensorFlow before a verb runs, without its start-up notes.

    The verbs that only tell, and every `--help`, do without.
    """

    @functools.wraps(function)
    def started(*arguments, **options):
        from keras_vae.quiet import quiet

        with quiet():
            import tensorflow as tf

            tf.config.list_physical_devices()
        return function(*arguments, **options)

    return started
