"""A network as it is served: in float32, its transposed convolutions made fast.

Each rewrite computes the same numbers by the same weights; none touches the network it is given.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_vae.export.graph.layers import copy_weights, readers

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
        if kind is layers.Conv2DTranspose and SubPixelConv.covers(layer):
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
    """A strided transposed convolution as a convolution and a shuffle (arXiv 1609.05158).

    Output o = stride * j + r gathers the inputs j + d for which r + pad - stride * d is a tap of
    the kernel. So each phase r is a small convolution of the input, all phases are the channels of
    one, and DEPTH_TO_SPACE puts them where they belong. LiteRT has fast int8 kernels for both, and
    none for TRANSPOSE_CONV.
    """

    @staticmethod
    def covers(layer):
        """Whether this computes what the Conv2DTranspose computes."""
        strides = layer.strides
        return (
            strides[0] == strides[1] > 1
            and layer.padding == "same"
            and layer.output_padding is None
            and tuple(layer.dilation_rate) == (1, 1)
            and layer.data_format == "channels_last"
        )

    def call(self, x):
        stride = self.strides[0]
        rows, before, after = _phases(self.kernel_size[0], stride)
        columns, left, right = _phases(self.kernel_size[1], stride)
        kernel = tf.pad(tf.convert_to_tensor(self.kernel), [[0, 1], [0, 1], [0, 0], [0, 0]])
        kernel = tf.gather(tf.gather(kernel, rows, axis=0), columns, axis=2)
        kernel = tf.transpose(kernel, (0, 2, 5, 1, 3, 4))  # (d, d', in, r, r', out)
        kernel = tf.reshape(kernel, (*kernel.shape[:3], -1))
        if before == after and left == right:
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
        else:
            x = tf.pad(x, [[0, 0], [before, after], [left, right], [0, 0]])
            x = tf.nn.conv2d(x, kernel, 1, "VALID")
        if self.use_bias:
            x = tf.nn.bias_add(x, tf.tile(tf.convert_to_tensor(self.bias), [stride * stride]))
        return self.activation(tf.nn.depth_to_space(x, stride))


def _phases(taps, stride):
    """Which taps of a transposed convolution its small convolutions use, along rows or columns.

    Args:
        taps: size of the kernel along this axis.
        stride: along this axis, and number of phases.

    Returns:
        (offsets, stride) integers, the tap that each phase of the output uses at each offset of the
        input, `taps` (one behind the last, where the kernel is padded with zeros) for none; and by
        how much the input is padded before and after.
    """
    pad = max(taps - stride, 0) // 2
    offset = [(phase + pad - tap) // stride for phase in range(stride) for tap in range(taps)
              if (phase + pad - tap) % stride == 0]  # fmt: skip
    low, high = min(*offset, 0), max(*offset, 0)
    table = np.full((high - low + 1, stride), taps)
    for d in range(low, high + 1):
        for phase in range(stride):
            tap = phase + pad - stride * d
            if 0 <= tap < taps:
                table[d - low, phase] = tap
    return table, -low, high
