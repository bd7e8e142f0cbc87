"""Units of a hidden layer on one scale: the same function in float32, a better one in int8."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae.export.graph.layers import readers

LIMIT = 100.0  # a unit is scaled by at most
STEPS, RATE, SHARPNESS = 40, 0.15, 8  # of `_least_noise`


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
    for layer, source, ends in _links(network):
        _divide(source, ends, _scale(keras.Model(network.input, layer.output), inputs))
        scaled += 1
    return scaled


def equalise_weights(network, inputs):
    """Scales the units of Dense layers so that their readers' weights lose little to int8.

    The weights of one output share a scale, which the largest of them decides on; a small weight of
    a strong unit is left with few levels. Where a unit may be scaled, as in `equalise`, the weights
    that read it are divided by what makes the sum of all rounding errors least; the weights of the
    unit itself do not mind, theirs is the scale that changes. The weights are changed in place.

    Args:
        network: functional keras.Model with one input.
        inputs: (N, ...) float32 for it, over which the strength of units is taken.

    Returns:
        (D,) float32, by which the network's input is to be divided; or None, where other layers
        than Dense read it.
    """
    for layer, source, ends in _links(network):
        power = _power(keras.Model(network.input, layer.output), inputs)
        _divide(source, ends, _least_noise(power, ends))
    ends = readers(network)[id(network.input)]
    only_dense = ends and all(type(end) is layers.Dense for end in ends)
    if len(network.input_shape) != 2 or not only_dense:
        return None
    scale = _least_noise(np.mean(np.square(inputs), axis=0), ends)
    _divide(None, ends, scale)
    return scale


def _links(network):
    """(layer, the Dense layer that scales its units, the Dense layers that read them), in order."""
    read = readers(network)
    for layer in network.layers:  # in the order of the computation: each sees the ones before
        if isinstance(layer, layers.InputLayer) or not isinstance(layer.output, keras.KerasTensor):
            continue
        ends = read[id(layer.output)]
        source = _scalable(network, layer, read)
        if source is not None and ends and all(type(end) is layers.Dense for end in ends):
            yield layer, source, ends


def _divide(source, ends, scale):
    """Divides units by a scale and multiplies what reads them."""
    if source is not None:
        kernel, *bias = source.get_weights()
        source.set_weights([kernel / scale, *(part / scale for part in bias)])
    for end in ends:
        kernel, *bias = end.get_weights()
        end.set_weights([kernel * scale[:, None], *bias])


def _power(units, inputs):
    """(units,) the mean square of each over the inputs."""
    total = 0.0
    for i in range(0, len(inputs), 256):
        rows = np.asarray(units(tf.constant(inputs[i : i + 256]), training=False))
        total = total + np.square(rows, dtype="float64").sum(axis=0)
    return total / len(inputs)


def _least_noise(power, ends):
    """(units,) float32 t, for which the rounding errors of W t, read by units / t, are least.

    The error of channel c is about (max_j W_cj^2 t_j^2) sum_j power_j / t_j^2. Where the sum over c
    is least, a unit's share of the maxima is its share of the noise; a few steps lead there.
    """
    squares = np.concatenate([np.square(end.kernel.numpy().T, dtype="float64") for end in ends])
    squares = np.maximum(squares, 1e-12 * max(squares.max(), 1e-30))
    power = np.maximum(power, 1e-9 * max(power.max(), 1e-30))
    t = np.ones_like(power)  # squared
    for _ in range(STEPS):
        scaled = squares * t
        top = scaled.max(axis=1, keepdims=True)
        near = (scaled / top) ** SHARPNESS  # a maximum that others come near to is theirs as well
        share = (top * near / near.sum(axis=1, keepdims=True)).sum(axis=0)
        noise = power / t
        ratio = (noise / noise.sum()) / np.maximum(share / share.sum(), 1e-12)
        t = t * np.clip(ratio, 1e-4, 1e4) ** RATE
        t = t / np.exp(np.mean(np.log(t)))
    return np.clip(np.sqrt(t), 1 / LIMIT, LIMIT).astype("float32")


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
