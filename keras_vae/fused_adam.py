"""Keras's Adam with one kernel for each variable, where Keras launches about ten."""

import functools

import keras
import tensorflow as tf

from keras_vae import private_api


def fuse(optimizer):
    """Lets an Adam of Keras take the same steps by TensorFlow's own kernel.

    The arithmetic is Keras's, to the rounding (of 1 - beta_2 too); so are the variables, the
    configuration and what a checkpoint keeps. Optimizers whose step is not that of Adam (others,
    AMSGrad, subclasses with a step of their own) stay as they are.

    Args:
        optimizer: keras.optimizers.Optimizer, or None.

    Returns:
        The optimizer itself.
    """
    usual = keras.optimizers.Adam.update_step
    if getattr(type(optimizer), "update_step", None) is usual and not optimizer.amsgrad:
        optimizer.update_step = functools.partial(_update_step, optimizer)
    return optimizer


def _update_step(adam, gradient, variable, learning_rate):
    """One step of one tf.Variable, as `keras.optimizers.Adam.update_step`.

    With lr_t = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t), m and v the averages of the gradient and
    of its square, the variable falls by lr_t * m / (sqrt(v) + epsilon) (arXiv 1412.6980).
    """
    first, second = private_api.adam_moments(adam, variable)
    number = lambda value: tf.cast(value, variable.dtype)
    step = number(adam.iterations.value + 1)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=tf.pow(number(adam.beta_1), step),
        beta2_power=tf.pow(number(adam.beta_2), step),
        lr=number(learning_rate),
        beta1=number(adam.beta_1),
        beta2=number(adam.beta_2),
        epsilon=number(adam.epsilon),
        grad=number(gradient),
    )
