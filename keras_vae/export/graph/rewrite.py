"""A network as it is served: in float32, its transposed convolutions made fast.

Each rewrite computes the same numbers by the same weights; none touches the network it is given.
"""

import keras
import tensorflow as tf
from keras import layers

from keras_vae.export.graph.layers import copy_weights, readers
from keras_vae.transposed import Conv2DTranspose, covers, sub_pixel

TRANSPOSED = (layers.Conv2DTranspose, Conv2DTranspose)
PART = 16  # what rounding leaves of a code is rounded again, so many times finer


def served(network):
    """The network as a plain function, its weights constants of whatever graph it is traced in.

    Args:
        network: functional keras.Model with one input.

    Returns:
        function, (B, ...) float32 -> (B, ...) float32.
    """
    return frozen(rewritten(network))


def frozen(network):
    """The network as a plain function of one tensor, its weights constants of this moment."""
    trainable = [tf.constant(variable.numpy()) for variable in network.trainable_variables]
    others = [tf.constant(variable.numpy()) for variable in network.non_trainable_variables]
    return lambda x: network.stateless_call(trainable, others, x, training=False)[0]


def rewritten(network, marking=None):
    """A float32 copy of the network with the same weights in the same order.

    Args:
        network: functional keras.Model with one input.
        marking: function (network, inputs, two_parts) -> object that calls the layers of the copy
            and may put others between them, as `int8.marking.Marking` does; or None.

    Returns:
        functional keras.Model.
    """
    inputs = keras.Input(network.input_shape[1:])
    first = readers(network)[id(network.input)]
    only_dense = all(type(layer) is layers.Dense for layer in first)
    two_parts = marking is not None and only_dense and len(network.input_shape) == 2
    marks = None if marking is None else marking(network, inputs, two_parts)

    def copy(layer):
        kind = type(layer)
        config = {**layer.get_config(), "dtype": "float32"}
        if kind in TRANSPOSED and covers(layer):
            kind = SubPixelConv
        elif layer in first and two_parts:
            kind = FirstDense
        try:
            made = kind.from_config(config)
        except (TypeError, ValueError):  # a Lambda, say; it computes the same in either network
            return layer
        if kind is FirstDense:
            made.codes = layer.kernel.shape[0]
        if marks is not None:
            marks.split(made)
        return made

    clone = keras.models.clone_model(
        network,
        input_tensors=inputs,
        clone_function=copy,
        call_function=marks,
        recursive=True,
    )
    copy_weights(network, clone)
    return clone


class FirstDense(layers.Dense):
    """Dense over codes, or over codes in two parts, see `int8.fake_quant.TwoParts`.

    Attributes:
        codes: numbers of a code, the rows of its kernel.
    """

    codes = None

    def build(self, input_shape):
        super().build((*input_shape[:-1], self.codes))
        self.input_spec = None  # it names the width of one part

    def call(self, x):
        kernel = tf.convert_to_tensor(self.kernel)
        if x.shape[-1] == 2 * self.codes:  # a layer that is shared reads other tensors as well
            kernel = tf.concat([kernel, kernel / PART], axis=0)
        x = tf.matmul(x, kernel)
        if self.use_bias:
            x = tf.nn.bias_add(x, tf.convert_to_tensor(self.bias))
        return self.activation(x)


class SubPixelConv(layers.Conv2DTranspose):
    """A strided transposed convolution as a convolution and a shuffle, see `transposed.sub_pixel`.

    LiteRT has fast int8 kernels for both, and none for TRANSPOSE_CONV.
    """

    def call(self, x):
        kernel = tf.convert_to_tensor(self.kernel)
        bias = tf.convert_to_tensor(self.bias) if self.use_bias else None
        return self.activation(sub_pixel(x, kernel, self.strides[0], bias))
