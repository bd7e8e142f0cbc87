"""Opens a SavedModel and runs its decoder, with what it costs."""

import collections
from pathlib import Path

import tensorflow as tf

from keras_vae.export.runtime.interpreter import median_microseconds

# Nodes that compute nothing; how many there are depends on how often a graph was saved and loaded.
PLUMBING = {"Placeholder", "Const", "Identity", "NoOp", "ReadVariableOp"}
PLUMBING |= {"PartitionedCall", "StatefulPartitionedCall"}


def size(folder):
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def count_ops(function):
    """Operation name -> count of what a ConcreteFunction computes, in called functions too."""
    definition = function.graph.as_graph_def()
    nodes = list(definition.node)
    for called in definition.library.function:
        nodes += called.node_def
    return dict(collections.Counter(node.op for node in nodes if node.op not in PLUMBING))


def run(path, z):
    """(N, D) codes -> the images that a SavedModel decodes, and a dict of bytes, microseconds, ops.

    Raises:
        ValueError: no SavedModel of `export.saved_model`, or one for codes of another size.
    """
    try:
        loaded = tf.saved_model.load(str(path))
        decode = loaded.signatures["decode"]
    except (OSError, KeyError) as error:
        raise ValueError(
            f"{path} is no SavedModel of export.saved_model (broken, or without the signature "
            "'decode'); export it again."
        ) from error
    width = decode.structured_input_signature[1]["z"].shape[1]
    if width != z.shape[1]:
        raise ValueError(f"{path} takes codes of {width} numbers; received {z.shape[1]}.")
    images = decode(z=tf.constant(z))["images"].numpy()
    one = tf.constant(z[:1])
    microseconds = median_microseconds(lambda: decode(z=one)["images"].numpy())
    return images, {"bytes": size(path), "microseconds": microseconds, "ops": count_ops(decode)}
