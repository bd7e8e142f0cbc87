"""Networks whose pixels see only what comes before them, and images drawn from them."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_vae import causal, models
from keras_vae.distributions import likelihoods

NETWORKS = {"pixel_cnn": causal.pixel_cnn, "pixel_rnn": causal.pixel_rnn}
SMALL = {"filters": 8, "blocks": 2, "head_filters": 8}
EACH = ["pixel_cnn", pytest.param("pixel_rnn", marks=pytest.mark.shelf)]


@pytest.fixture(params=EACH)
def builder(request):
    return request.param


def stirred(network, by=0.3):
    """The network with weights that are not zero."""
    rng = np.random.default_rng(0)
    for weight in network.trainable_weights:
        weight.assign(by * rng.standard_normal(weight.shape))
    return network


@functools.cache
def stirred_jacobian(builder):
    """That of a network of the builder for 8x8 images."""
    return jacobian(stirred(NETWORKS[builder]((8, 8, 1), 1, **SMALL)), (8, 8, 1))


def jacobian(network, shape):
    """(outputs, pixels) of derivatives at random pixels, in raster order."""
    size = int(np.prod(shape))
    x = tf.constant(np.random.default_rng(1).random((1, *shape)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reshape(network(x), (-1,))
    return tape.jacobian(y, x).numpy().reshape(len(y), size)


def test_no_pixel_depends_on_itself_or_a_later_one(builder):
    derivatives = stirred_jacobian(builder)
    assert np.abs(np.triu(derivatives)).max() == 0
    # The pixel to the left and the three above are seen; in a corner there are fewer.
    for place in (9, 30, 63):
        near = [place - 1, place - 8, place - 9, *([place - 7] if place % 8 < 7 else [])]
        assert np.abs(derivatives[place, near]).min() > 0


def test_pixel_cnn_has_no_blind_spot():
    """Of its window it sees all that comes before, up to the right edge of the rows above."""
    derivatives = stirred_jacobian("pixel_cnn")
    assert np.abs(derivatives[np.tril_indices(64, -1)]).min() > 0


def test_channels_of_a_pixel_do_not_see_each_other(builder):
    network = stirred(NETWORKS[builder]((4, 4, 3), 6, **SMALL))
    derivatives = jacobian(network, (4, 4, 3)).reshape(16, 6, 16, 3)
    for place in range(16):
        assert np.abs(derivatives[place, :, place:]).max() == 0


@pytest.mark.parametrize("shape", [(3, 3, 1), (1, 5, 1), (5, 1, 1), (7, 4, 2)])
def test_any_image_is_wide_enough(builder, shape):
    network = NETWORKS[builder](shape, 2, **SMALL)
    assert network(np.zeros((2, *shape), "float32")).shape == (2, *shape[:2], 2)


@pytest.fixture(scope="module")
def all_images():
    """(512, 3, 3, 1): each black and white image of 3x3."""
    return np.array(list(itertools.product([0, 1], repeat=9)), "float32").reshape(-1, 3, 3, 1)


# The other way round: drawing from a state that is remembered is harder than from a window.
@pytest.fixture(
    scope="module", params=["pixel_rnn", pytest.param("pixel_cnn", marks=pytest.mark.shelf)]
)
def tiny(request):
    model = models.build(request.param, image_shape=(3, 3, 1), **SMALL)
    stirred(model.network, by=0.4)
    return model


def test_the_probabilities_of_all_images_sum_to_one(tiny, all_images):
    assert np.exp(tiny.log_prob(all_images)).sum() == pytest.approx(1, abs=1e-5)


def test_images_are_drawn_as_often_as_they_are_probable(tiny, all_images):
    """Drawing pixel by pixel from what is remembered is the network's own distribution."""
    drawn = tiny.sample(20_000, seed=0).reshape(-1, 9)
    counts = np.bincount((drawn @ 2.0 ** np.arange(8, -1, -1)).astype(int), minlength=512)
    expected = 20_000 * np.exp(tiny.log_prob(all_images))
    likely = expected > 8
    assert likely.sum() > 20
    chi_squared = ((counts - expected)[likely] ** 2 / expected[likely]).mean()
    assert 0.5 < chi_squared < 1.6
    rest = float(expected[~likely].sum())
    assert counts[~likely].sum() == pytest.approx(rest, abs=6 * np.sqrt(rest) + 6)


@pytest.mark.parametrize(
    "likelihood",
    ["discretized_logistic", pytest.param("bernoulli", marks=pytest.mark.shelf)],
)
def test_drawn_pixels_follow_the_images_before_them(builder, likelihood):
    """Each drawn pixel is what the whole network's distribution draws with the pixel's key."""
    shape = (5, 6, 2)
    family = likelihoods.get(likelihood)
    outputs = family.parameters(shape[2])
    network = stirred(NETWORKS[builder](shape, outputs, **SMALL))
    drawn = causal.drawer(network, family, shape)(3, 7).numpy()
    raw = network(drawn)
    for i, j in itertools.product(range(5), range(6)):
        there = raw[:, i : i + 1, j : j + 1]
        again = family.distribution(there).sample(seed=tf.constant([7, 6 * i + j]))
        np.testing.assert_allclose(again[:, 0, 0], drawn[:, i, j], atol=1.01 / 255)


@pytest.mark.parametrize("kernel_size", [2, 4, 1])
def test_an_even_kernel_is_refused(builder, kernel_size):
    with pytest.raises(ValueError, match="kernel_size must be odd"):
        NETWORKS[builder]((8, 8, 1), 1, kernel_size=kernel_size)
