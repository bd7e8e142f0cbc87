"""Likelihoods of 256 levels: what they sum to, what they are made of, what their means are."""

import itertools

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_vae import causal, models
from keras_vae.distributions import likelihoods, tfd

LEVELS = np.arange(256, dtype="float32") / 255
MIXTURE = likelihoods.DiscretizedLogisticMixture


def of_one_pixel(family, raw):
    """(N, R) raw parameters of a grey pixel -> (N, 256) probabilities of its levels."""
    raw = np.repeat(np.asarray(raw, "float32"), 256, axis=0)[:, None, None]
    x = np.tile(LEVELS, len(raw) // 256)[:, None, None, None]
    return np.exp(family.log_prob(raw, x).numpy().astype("float64")).reshape(-1, 256)


@pytest.mark.parametrize("family", [MIXTURE(), MIXTURE(components=2), likelihoods.Categorical()])
@pytest.mark.parametrize("spread", [1.0, 10.0])
def test_the_probabilities_sum_to_one_and_have_its_mean(family, spread):
    raw = spread * np.random.randn(20, family.parameters(1))
    p = of_one_pixel(family, raw)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-4)
    mean = family.mean(tf.constant(raw[:, None, None], tf.float32)).numpy().ravel()
    np.testing.assert_allclose(mean, p @ LEVELS, atol=0.5 / 255)


def test_a_mixture_is_made_of_discretised_logistics():
    """Of two channels: each component is a product over them, chosen once for a pixel."""
    shares, raw = [0.2, 0.5, 0.3], np.random.randn(3, 2, 2).astype("float32")  # K, loc or scale, C
    both = np.concatenate([np.log(shares), raw[:, 0].ravel(), raw[:, 1].ravel()])
    x = np.array([[[[30, 200]]]], "float32") / 255
    parts = [
        float(likelihoods.DiscretizedLogistic().log_prob(part.reshape(1, 1, 1, 4), x)[0])
        for part in raw
    ]
    expected = scipy.special.logsumexp(parts, b=shares)
    found = MIXTURE(components=3).log_prob(both.astype("float32")[None, None, None], x)
    assert float(found[0]) == pytest.approx(expected, abs=1e-4)


def test_the_channels_of_a_mixture_depend_on_each_other():
    """Two sharp components, black and white: a pixel is never black in one channel only."""
    raw = np.array([[0, 0, -9, -9, 9, 9, -9, -9, -9, -9]], "float32")[:, None, None]
    pixels = MIXTURE(components=2).distribution(raw).sample(200, seed=1).numpy()[:, 0, 0, 0]
    assert abs(pixels[:, 0] - pixels[:, 1]).max() < 0.02
    assert 0.3 < pixels.mean() < 0.7


def test_categorical_is_the_softmax_of_each_channel():
    family, random = likelihoods.Categorical(), np.random.default_rng(0)
    raw = random.normal(size=(2, 3, 3, 2, 256)).astype("float32")
    k = random.integers(0, 256, (2, 3, 3, 2))
    chosen = np.take_along_axis(scipy.special.log_softmax(raw, axis=-1), k[..., None], axis=-1)
    found = family.log_prob(raw.reshape(2, 3, 3, 512), (k / 255).astype("float32"))
    np.testing.assert_allclose(found, chosen.sum(axis=(1, 2, 3, 4)), rtol=1e-5)


def test_the_divergence_of_categoricals_is_in_closed_form():
    p, q = (
        likelihoods.Categorical().distribution(np.random.randn(4, 1, 1, 256).astype("float32"))
        for _ in range(2)
    )
    draws = p.sample(20_000, seed=3)
    estimate = np.mean(p.log_prob(draws) - q.log_prob(draws), axis=0)
    np.testing.assert_allclose(tfd.kl_divergence(p, q), estimate, rtol=0.1)


@pytest.mark.parametrize("family", [MIXTURE(), likelihoods.Categorical()])
def test_draws_of_a_pixel_have_its_probabilities(family):
    raw = 2 * np.random.randn(1, 1, 1, family.parameters(1)).astype("float32")
    p = of_one_pixel(family, raw[:, 0, 0])[0]
    draws = family.distribution(raw).sample(20_000, seed=5).numpy().ravel()
    counts = np.bincount(np.round(draws * 255).astype(int), minlength=256)
    likely = p > 5e-4
    chi = (counts - 20_000 * p)[likely] ** 2 / (20_000 * p[likely])
    assert 0.4 < chi.mean() < 1.8
    np.testing.assert_allclose(draws, np.round(draws * 255) / 255, atol=1e-6)


@pytest.mark.parametrize("family", [MIXTURE(components=2), likelihoods.Categorical()])
def test_values_between_levels_are_refused(family):
    with pytest.raises(ValueError, match=rf"{type(family).__name__} .* multiples of 1/255"):
        family.check(np.array([0.0, 100.4 / 255]))


@pytest.mark.parametrize("family", [MIXTURE(components=2), likelihoods.Categorical()])
def test_of_a_pixel_cnn(family):
    """It learns, draws levels, and a drawn pixel follows the pixels before it."""
    model = models.pixel_cnn((3, 2, 2), filters=4, blocks=0, head_filters=8, likelihood=family)
    model.compile("adam")
    images = np.round(np.random.rand(16, 3, 2, 2) * 255).astype("float32") / 255
    losses = model.fit(images, epochs=4, batch_size=8, verbose=0).history["nll"]
    assert losses[-1] < losses[0]
    family.check(model.sample(2, seed=1))
    drawn = causal.drawer(model.network, family, (3, 2, 2))(2, 7).numpy()
    raw = model.network(drawn)
    for i, j in itertools.product(range(3), range(2)):
        there = family.distribution(raw[:, i : i + 1, j : j + 1])
        again = there.sample(seed=tf.constant([7, 2 * i + j]))[:, 0, 0]
        np.testing.assert_allclose(again, drawn[:, i, j], atol=1.01 / 255)
