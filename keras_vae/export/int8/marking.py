"""Where the kernels of an int8 file read and write integers, and where they do not."""

import math

import keras
from keras import layers

from keras_vae import private_api
from keras_vae.export.graph.layers import readers
from keras_vae.transposed import Conv2DTranspose

# What the int8 kernels of LiteRT write, whatever they are given.
FIXED_RANGE = {
    keras.activations.sigmoid: (0.0, 255 / 256),
    keras.activations.tanh: (-1.0, 127 / 128),
}
SMALL_KERNEL = 1024  # weights below which the last layer costs nothing in float32
SAME_RANGE = (  # of the output as of the input: nothing new to round
    layers.Reshape,
    layers.Flatten,
    layers.Permute,
    layers.Cropping2D,
    layers.ZeroPadding2D,
    layers.UpSampling2D,
    layers.MaxPooling2D,
    layers.Dropout,
    keras.Model,  # its last layer has been marked
)


class Marking:
    """Calls the layers of a copy, with marks where an int8 kernel reads or writes.

    Two things stay in float32, because integers would cost much there and save little: the sums of
    a residual network, and a last layer of few weights.

    Args:
        network: the functional keras.Model that is copied.
        inputs: the keras.Input of the copy.
        two_parts: whether the input is given in two parts.
        mark: function (fixed=None, two_parts=False) -> keras layer: one that rounds over the range
            `fixed`, if any; or one that gives two parts of a code, see `rewrite.FirstDense`.
    """

    def __init__(self, network, inputs, two_parts, mark):
        self.mark, self.inputs = mark, inputs
        self.marked = mark(two_parts=two_parts)(inputs)
        self.activations, self.exact_tensors = {}, set()
        read = readers(network)
        self.weighted = {layer.name for layer in network.layers if layer.weights}
        self.exact = {layer.name for layer in network.layers if type(layer) is layers.Add}
        self.exact |= _small_end(network)
        self.fused = {
            operation.name
            for operation in private_api.operations(network)
            for found in [read[id(_output(operation))]]
            if len(found) == 1 and _fuses(found[0])
        }

    def split(self, layer):
        """Takes an activation off a layer whose kernel does not compute it."""
        activation = getattr(layer, "activation", None)
        if isinstance(layer, layers.Activation) or activation is None:
            return
        if activation not in (keras.activations.linear, keras.activations.relu):
            self.activations[id(layer)] = layers.Activation(activation)
            layer.activation = keras.activations.linear

    def __call__(self, layer, *args, **kwargs):
        args = [self.marked if argument is self.inputs else argument for argument in args]
        exact = layer.name in self.exact
        if layer.name in self.weighted and not exact:
            args = keras.tree.map_structure(self._rounded, args)
        x = layer(*args, **kwargs)
        activation = self.activations.get(id(layer))
        if exact:
            return self._exact(x if activation is None else activation(x))
        if isinstance(layer, SAME_RANGE) or layer.name in self.fused:
            given = keras.tree.flatten(args)
            return self._exact(x) if id(given[0]) in self.exact_tensors else x
        if activation is not None:
            x = self.mark()(x)
            layer = activation
            x = layer(x)
        return self.mark(FIXED_RANGE.get(getattr(layer, "activation", None)))(x)

    def _exact(self, tensor):
        self.exact_tensors.add(id(tensor))
        return tensor

    def _rounded(self, tensor):
        return self.mark()(tensor) if id(tensor) in self.exact_tensors else tensor


def _small_end(network):
    """Names of the last layer, where it is a convolution of few weights, and of what it reads.

    Back to the layers with weights before it, which write integers.
    """
    made = {id(_output(operation)): operation for operation in private_api.operations(network)}
    read, names = readers(network), set()
    layer = made.get(id(network.output))  # None: a nested network, or a layer called twice
    while isinstance(layer, SAME_RANGE) and not isinstance(layer, keras.Model):
        names.add(layer.name)
        layer = made.get(id(layer.input))
    if type(layer) not in (layers.Conv2D, layers.Conv2DTranspose, Conv2DTranspose):
        return set()
    if math.prod(layer.kernel.shape) >= SMALL_KERNEL:
        return set()
    names.add(layer.name)
    before = [layer.input]
    while before:
        tensor = before.pop()
        layer = made.get(id(tensor))
        if layer is None:
            continue
        source = made.get(id(layer.input)) if not isinstance(layer.input, list) else None
        fused = source is not None and source.weights and _fuses(layer)
        fused = fused and len(read[id(layer.input)]) == 1
        if isinstance(layer, (layers.InputLayer, keras.Model)) or layer.weights or fused:
            continue
        names.add(layer.name)
        before += keras.tree.flatten(layer.input)
    return names


def _fuses(layer):
    """Whether LiteRT computes the layer within the convolution before it."""
    is_relu = getattr(layer, "activation", None) is keras.activations.relu
    is_relu = is_relu and isinstance(layer, layers.Activation)
    return is_relu or isinstance(layer, (layers.ReLU, layers.BatchNormalization))


def _output(operation):
    output = operation.output
    return output[0] if isinstance(output, (list, tuple)) else output
