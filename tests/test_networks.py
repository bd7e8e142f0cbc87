"""Networks: any image shape in, raw parameters of the right shape out."""

import keras
import numpy as np
import pytest

from keras_vae import networks

SHAPES = [(8, 8, 1), (28, 28, 1), (13, 10, 3), (7, 5, 2), (9, 16, 4), (1, 3, 1)]


def shapes(encoder, decoder, image_shape, latent_dim):
    """Output shapes for real batches of three."""
    images = np.random.rand(3, *image_shape).astype("float32")
    codes = np.random.randn(3, latent_dim).astype("float32")
    return encoder(images).shape, decoder(codes).shape


@pytest.mark.parametrize("image_shape", SHAPES)
def test_dense_shapes(image_shape):
    encoder = networks.dense_encoder(image_shape, 6, hidden_units=(16, 12))
    decoder = networks.dense_decoder(3, image_shape, 5, hidden_units=(12, 16))
    encoded, decoded = shapes(encoder, decoder, image_shape, 3)
    assert encoded == (3, 6)
    assert decoded == (3, *image_shape[:2], 5)


OPTIONS = {
    "default": {},
    "one level": {"filters": (4,)},
    "three levels, no hidden layer": {"filters": [4, 6, 8], "hidden_units": 0},
    "residual": {"residual_blocks": 1, "activation": "gelu"},
    "residual with head": {"residual_blocks": 2, "head_filters": 3, "kernel_size": 5},
}
AWKWARD = (13, 10, 3)  # neither side is a multiple of 4


@pytest.mark.parametrize(
    ("kind", "image_shape"),
    [
        pytest.param(
            kind,
            shape,
            marks=[] if kind == "default" or shape == AWKWARD else pytest.mark.shelf,
        )
        for kind in OPTIONS
        for shape in SHAPES
    ],
)
def test_conv_shapes(image_shape, kind):
    options = {"filters": (4, 6), "hidden_units": 8, **OPTIONS[kind]}
    head = {"head_filters": options.pop("head_filters", 0)}
    encoder = networks.conv_encoder(image_shape, 6, **options)
    decoder = networks.conv_decoder(3, image_shape, 5, **options, **head)
    encoded, decoded = shapes(encoder, decoder, image_shape, 3)
    assert encoded == (3, 6)
    assert decoded == (3, *image_shape[:2], 5)


def layer_types(network):
    return [type(layer).__name__ for layer in network.layers]


def test_options_change_the_layers():
    options = {"filters": (4, 6), "hidden_units": 8}
    plain = networks.conv_decoder(3, (8, 8, 1), 1, **options)
    no_hidden = networks.conv_decoder(3, (8, 8, 1), 1, **{**options, "hidden_units": 0})
    residual = networks.conv_decoder(3, (8, 8, 1), 1, **options, residual_blocks=2)
    head = networks.conv_decoder(3, (8, 8, 1), 1, **options, head_filters=5)
    assert layer_types(plain).count("Dense") == layer_types(no_hidden).count("Dense") + 1
    assert layer_types(residual).count("Add") == 2 * len(options["filters"])
    assert layer_types(head)[-1] == "Conv2D"
    assert head.layers[-1].kernel.shape == (3, 3, 5, 1)
    assert "Cropping2D" not in layer_types(plain)
    assert "Cropping2D" in layer_types(networks.conv_decoder(3, (7, 8, 1), 1, **options))


def test_each_level_halves_the_image():
    encoder = networks.conv_encoder((13, 10, 3), 4, filters=(4, 6))
    sizes = [tuple(x.output.shape[1:3]) for x in encoder.layers if "Conv2D" in type(x).__name__]
    assert sizes == [(7, 5), (4, 3)]


def test_no_activation_on_the_outputs():
    for network in (
        networks.dense_encoder((8, 8, 1), 4),
        networks.dense_decoder(2, (8, 8, 1), 1),
        networks.conv_encoder((8, 8, 1), 4),
    ):
        assert network.get_layer("parameters").activation is keras.activations.linear
    decoder = networks.conv_decoder(2, (8, 8, 1), 1)
    assert decoder.layers[-1].activation is keras.activations.linear
    raw = decoder.predict(100 * np.random.randn(50, 2), verbose=0)
    assert raw.min() < 0
    assert raw.max() > 1


def test_networks_are_plain_functional_models():
    for network in (
        networks.conv_encoder((7, 5, 2), 4, residual_blocks=1),
        networks.conv_decoder(3, (7, 5, 2), 2, residual_blocks=1, head_filters=3),
    ):
        again = keras.Model.from_config(network.get_config())
        again.set_weights(network.get_weights())
        x = np.random.rand(2, *network.input_shape[1:]).astype("float32")
        np.testing.assert_array_equal(again(x), network(x))


def test_no_level_at_all_is_refused():
    with pytest.raises(ValueError, match="filters"):
        networks.conv_encoder((8, 8, 1), 4, filters=())
    with pytest.raises(ValueError, match="filters"):
        networks.conv_decoder(2, (8, 8, 1), 1, filters=())


def test_residual_branch_starts_small():
    encoder = networks.conv_encoder((8, 8, 1), 4, residual_blocks=3)
    branch_ends = [layer.kernel for layer in encoder.layers if "Conv2D" in type(layer).__name__][
        2::2
    ]
    scale = np.std(np.asarray(branch_ends[0]))
    fan_in = np.prod(branch_ends[0].shape[:3])
    assert scale == pytest.approx(np.sqrt(0.1 / fan_in), rel=0.1)


def test_a_gated_unit_is_a_linear_one_times_a_sigmoid_one():
    network = networks.dense_encoder((2, 2, 1), 3, hidden_units=(5,), activation="gated")
    x = np.random.default_rng(0).random((4, 2, 2, 1), dtype="float32")
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    gate = next(layer for layer in dense if layer.activation is keras.activations.sigmoid)
    value = next(layer for layer in dense if layer is not gate and layer.name != "parameters")
    flat, last = x.reshape(4, 4), network.get_layer("parameters")
    linear = lambda rows, layer: rows @ layer.kernel.numpy() + layer.bias.numpy()
    hidden = linear(flat, value) / (1 + np.exp(-linear(flat, gate)))
    np.testing.assert_allclose(network(x), linear(hidden, last), rtol=1e-5, atol=1e-6)
    assert value.units == gate.units == 5
