"""Units of a hidden layer on one scale: the same function in float32, a better one in int8."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae.export.graph.layers import readers

LIMIT = 100.0  # a unit is scaled by at most


def equalise(network, inputs):
    """Scales the units of Dense layers so that all have the same range (arXiv 1906.04721).

    The activations of a layer share one scale in int8; a unit whose range is a tenth of the largest
    is left with 25 levels. A unit that ends in a Dense layer by way of nothing, a ReLU or a product
    with a gate can be divided by a number which the rows of that layer are multiplied by. Other
    layers stay as they are. The weights are changed in place.

    Args:
        network: functional keras.Model with one input.
        inputs: (N, ...) float32 for it, over which the ranges are taken.

    Returns:
        number of layers whose units were scaled.
    """
    scaled = 0
    read = readers(network)
    for layer in network.layers:  # in the order of the computation: each sees the ones before
        if isinstance(layer, layers.InputLayer) or not isinstance(layer.output, keras.KerasTensor):
            continue
        ends = read[id(layer.output)]
        source = _scalable(network, layer, read)
        if source is None or not ends or any(type(end) is not layers.Dense for end in ends):
            continue
        scale = _scale(keras.Model(network.input, layer.output), inputs)
        kernel, *bias = source.get_weights()
        source.set_weights([kernel / scale, *(part / scale for part in bias)])
        for end in ends:
            kernel, *bias = end.get_weights()
            end.set_weights([kernel * scale[:, None], *bias])
        scaled += 1
    return scaled


def _scale(units, inputs):
    """(units,) float32: the root of each one's range over the inputs, by their geometric mean.

    The root leaves half of the differences to the weights, which are rounded, too.
    """
    spans = [
        np.abs(units(tf.constant(inputs[i : i + 256]), training=False)).max(axis=0)
        for i in range(0, len(inputs), 256)
    ]
    span = np.max(spans, axis=0)
    live = span > 0  # a unit that is never active is left alone
    scale = np.ones_like(span)
    scale[live] = np.sqrt(span[live] / np.exp(np.mean(np.log(span[live]))))
    return np.clip(scale, 1 / LIMIT, LIMIT).astype("float32")


def _scalable(network, layer, read):
    """The Dense layer by whose weights each unit of a layer's output can be scaled; or None."""
    linear, relu = keras.activations.linear, keras.activations.relu
    if type(layer) is layers.Dense:
        return layer if layer.activation in (linear, relu) else None
    is_relu = isinstance(layer, layers.Activation) and layer.activation is relu
    if not is_relu and type(layer) is not layers.Multiply:
        return None
    made = {id(other.output): other for other in network.layers}
    for tensor in keras.tree.flatten(layer.input):
        source = made.get(id(tensor))
        if type(source) is layers.Dense and source.activation is linear:
            if len(read[id(tensor)]) == 1:
                return source
    return None
