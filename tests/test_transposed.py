"""The transposed convolution of the library against Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_vae import models
from keras_vae.transposed import Conv2DTranspose

OPTIONS = {"padding": "same", "activation": "elu", "bias_initializer": "random_normal"}


def two(*sizes, **options):
    """Ours and Keras's, with the same weights."""
    ours, theirs = (
        kind(*sizes, **{**OPTIONS, **options}) for kind in (Conv2DTranspose, layers.Conv2DTranspose)
    )
    for layer in (ours, theirs):
        layer.build((None, 5, 4, 3))
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def images(seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(2, 5, 4, 3)), tf.float32)


@pytest.mark.parametrize(
    ("kernel", "stride"), [(5, 2), (3, 2), (4, 2), ((3, 5), 2), (5, 3), (2, 3)]
)
def test_values_and_gradients(kernel, stride):
    def told(layer):
        x = images()
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.sin(y))
        return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

    ours, theirs = map(told, two(2, kernel, stride))
    assert ours[0].shape == (2, 5 * stride, 4 * stride, 2)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_second_gradients(jit_compile):
    """A penalty on a gradient is minimised by the gradient of a gradient."""

    def told(layer):
        @tf.function(jit_compile=jit_compile)
        def second(x):
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    loss = tf.reduce_sum(tf.sin(layer(x)))
                penalty = tf.reduce_sum(tf.square(inner.gradient(loss, x)))
            return outer.gradient(penalty, layer.trainable_variables)

        return second(images())

    for a, b in zip(*map(told, two(1, 5, 2)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("options", [{"strides": 1}, {"strides": 2, "padding": "valid"}])
def test_others_are_computed_by_keras(options):
    ours, theirs = two(2, 3, **options)
    np.testing.assert_array_equal(ours(images()), theirs(images()))


def test_files_of_weights_know_both(tmp_path):
    """An entry that was saved with Keras's layer is read with ours."""
    decoder = models.conv_vae((8, 8, 1), 4, filters=(4, 4), hidden_units=8).decoder
    assert type(decoder.layers[-1]) is Conv2DTranspose

    def with_keras_own(layer):
        kind = type(layer) if type(layer) is not Conv2DTranspose else layers.Conv2DTranspose
        return kind.from_config(layer.get_config())

    other = keras.models.clone_model(decoder, clone_function=with_keras_own)
    other.save_weights(tmp_path / "it.weights.h5")
    decoder.load_weights(tmp_path / "it.weights.h5")
    codes = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(decoder(codes), other(codes), atol=1e-6)
