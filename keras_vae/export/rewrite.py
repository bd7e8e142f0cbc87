"""A network as it is served: in float32, its transposed convolutions made fast, dead inputs gone.

Each rewrite computes the same numbers by the same weights; none touches the network it is given.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def served(network, kept=None):
    """The network as a plain function, its weights constants of whatever graph it is traced in.

    Args:
        network: functional keras.Model with one input.
        kept: indices of the input's last axis that the function takes, the others being 0; or
            None for all.

    Returns:
        function, (B, ..., len(kept)) float32 -> (B, ...) float32.

    Raises:
        ValueError: inputs are to be left out and the first layer is not Dense.
    """
    inputs = None
    if kept is not None:
        first = next(layer for layer in network.layers if not _is_input(layer))
        if type(first) is not layers.Dense:
            raise ValueError(
                "Latents can be left out of a decoder whose first layer is Dense; this one starts "
                f"with {type(first).__name__}. Export it with min_rate=None."
            )
        inputs = keras.Input((len(kept),))

    def copy(layer):
        kind = type(layer)
        config = {**layer.get_config(), "dtype": "float32"}
        if kind is layers.Conv2DTranspose and SubPixelConv.covers(layer):
            return SubPixelConv.from_config(config)
        if kept is not None and layer is first:
            folded = NarrowDense.from_config(config)
            folded.total, folded.kept = layer.kernel.shape[0], tuple(kept)
            return folded
        try:
            return kind.from_config(config)
        except (TypeError, ValueError):  # a Lambda, say; it computes the same in either network
            return layer

    clone = keras.models.clone_model(
        network, input_tensors=inputs, clone_function=copy, recursive=True
    )
    clone.set_weights([np.asarray(weight, "float32") for weight in network.get_weights()])
    trainable = [tf.constant(variable.numpy()) for variable in clone.trainable_variables]
    frozen = [tf.constant(variable.numpy()) for variable in clone.non_trainable_variables]
    return lambda x: clone.stateless_call(trainable, frozen, x, training=False)[0]


class NarrowDense(layers.Dense):
    """Dense over some rows of its kernel: the inputs that are left out are 0."""

    total, kept = None, None

    def build(self, input_shape):
        super().build((*input_shape[:-1], self.total))
        self.input_spec = None  # it names the width that is no longer given

    def call(self, x):
        kernel = tf.gather(tf.convert_to_tensor(self.kernel), self.kept, axis=0)
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
    """Of one axis: tap of each offset and phase (the one behind the last is zero), and the padding.

    Returns:
        (offsets, stride) integers, and by how much the input is padded before and after.
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


def _is_input(layer):
    return isinstance(layer, layers.InputLayer)
