"""Arithmetic that stays finite on a device."""

import tensorflow as tf


def softplus(x):
    """log(1 + exp(x)); TFLite would write tf.nn.softplus as that, which overflows at x = 89."""
    return tf.maximum(x, 0.0) + tf.math.log1p(tf.exp(-tf.abs(x)))
