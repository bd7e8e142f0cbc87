"""Transposed convolutions as a convolution and a shuffle (Shi et al., arXiv 1609.05158)."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def covers(layer):
    """Whether `sub_pixel` computes what a layer, a Conv2DTranspose of Keras, computes."""
    strides = layer.strides
    return (
        strides[0] == strides[1] > 1
        and layer.padding == "same"
        and layer.output_padding is None
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.data_format == "channels_last"
    )


def sub_pixel(x, kernel, stride, bias=None):
    """The transposed convolution of x, its output `stride` times as high and wide.

    Output o = stride * j + r gathers the inputs j + d for which r + pad - stride * d is a tap of
    the kernel. So each phase r is a small convolution of the input, all phases are the channels of
    one, and DEPTH_TO_SPACE puts them where they belong.

    Args:
        x: (B, H, W, inputs).
        kernel: (rows, columns, outputs, inputs), as of `keras.layers.Conv2DTranspose`.
        stride: above 1, in both directions; the padding is "same".
        bias: (outputs,) that is added, or None. It is in front of the shuffle, where a device adds
            it within the convolution.

    Returns:
        (B, stride H, stride W, outputs).
    """
    rows, before, after = _phases(kernel.shape[0], stride)
    columns, left, right = _phases(kernel.shape[1], stride)
    kernel = tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])
    kernel = tf.gather(tf.gather(kernel, rows, axis=0), columns, axis=2)
    kernel = tf.transpose(kernel, (0, 2, 5, 1, 3, 4))  # (d, d', in, r, r', out)
    kernel = tf.reshape(kernel, (*kernel.shape[:3], -1))
    if before == after and left == right:
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
    else:
        x = tf.pad(x, [[0, 0], [before, after], [left, right], [0, 0]])
        x = tf.nn.conv2d(x, kernel, 1, "VALID")
    if bias is not None:
        x = tf.nn.bias_add(x, tf.tile(bias, [stride * stride]))
    return tf.nn.depth_to_space(x, stride)


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


@keras.saving.register_keras_serializable(package="keras_vae")
class Conv2DTranspose(layers.Conv2DTranspose):
    """Keras's layer, for few outputs: the same numbers forward in a third of the time.

    Its gradients are those of the transposed convolution, which are fast. Its name is Keras's:
    files of weights name layers by their classes.
    """

    def call(self, x):
        if not covers(self):
            return super().call(x)
        x = _forward_as_sub_pixel(x, tf.convert_to_tensor(self.kernel), self.strides[0])
        return self.activation(tf.nn.bias_add(x, self.bias) if self.use_bias else x)


def _forward_as_sub_pixel(x, kernel, stride):
    @tf.custom_gradient
    def transposed(x, kernel):
        def gradients(upstream):
            to_input = tf.nn.conv2d(upstream, kernel, stride, "SAME")
            to_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=upstream,
                filter_sizes=kernel.shape,
                out_backprop=x,
                strides=[1, stride, stride, 1],
                padding="SAME",
            )
            return to_input, to_kernel

        return sub_pixel(x, kernel, stride), gradients

    return transposed(x, kernel)
