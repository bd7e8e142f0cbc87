"""What is served computes what the network computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_models import LATENT_DIM, codes, small
from keras import layers

from keras_vae import networks
from keras_vae.export.graph.rewrite import served
from keras_vae.transposed import covers


def noisy(network, seed=0):
    """The network with biases that are not zero."""
    random = np.random.default_rng(seed)
    for variable in network.weights:
        if len(variable.shape) == 1:
            variable.assign(random.normal(0, 0.3, variable.shape))
    return network


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (3, 5), (7, 2)])
def test_sub_pixel_convolution_is_the_transposed_convolution(kernel, stride):
    image = keras.Input((5, 4, 3))
    layer = layers.Conv2DTranspose(2, kernel, stride, padding="same", activation="elu")
    network = noisy(keras.Model(image, layer(image)))
    x = np.random.default_rng(1).normal(size=(2, 5, 4, 3)).astype("float32")
    ours, theirs = served(network)(x), network(x)
    assert ours.shape == theirs.shape == (2, 5 * stride, 4 * stride, 2)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"strides": 1, "padding": "same"},
        {"strides": 2, "padding": "valid"},
        {"strides": (2, 1), "padding": "same"},
        {"strides": 2, "padding": "same", "output_padding": 1},
    ],
)
def test_other_transposed_convolutions_stay(arguments):
    image = keras.Input((5, 4, 3))
    layer = layers.Conv2DTranspose(2, 3, **arguments)
    network = noisy(keras.Model(image, layer(image)))
    assert not covers(layer)
    x = np.random.default_rng(1).normal(size=(2, 5, 4, 3)).astype("float32")
    np.testing.assert_allclose(served(network)(x), network(x), atol=2e-6)


def test_the_weights_are_constants_of_that_moment():
    decoder = small().decoder
    function = served(decoder)
    before = function(codes())
    decoder.layers[-1].get_weights()
    for variable in decoder.weights:
        variable.assign(variable * 2)
    np.testing.assert_array_equal(function(codes()), before)
    graph = tf.function(function, [tf.TensorSpec((1, LATENT_DIM))]).get_concrete_function()
    assert not graph.variables


def test_a_network_is_not_touched():
    decoder = small(residual_blocks=1).decoder
    nodes = [len(layer._inbound_nodes) for layer in decoder.layers]
    weights = decoder.get_weights()
    served(decoder)(codes())
    assert [len(layer._inbound_nodes) for layer in decoder.layers] == nodes
    for ours, theirs in zip(weights, decoder.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_a_layer_without_a_description_is_shared():
    code = keras.Input((3,))
    network = keras.Model(code, layers.Lambda(tf.math.erfinv)(layers.Dense(2)(code)))
    x = 0.1 * codes()
    np.testing.assert_array_equal(served(network)(x), network(x))


def test_mixed_precision_is_served_in_float32(set_policy):
    set_policy("mixed_bfloat16")
    mixed = networks.dense_decoder(3, (4, 4, 1), 1, hidden_units=(8,))
    set_policy("float32")
    plain = networks.dense_decoder(3, (4, 4, 1), 1, hidden_units=(8,))
    plain.set_weights(mixed.get_weights())
    np.testing.assert_allclose(served(mixed)(codes()), plain(codes()), atol=1e-6)
