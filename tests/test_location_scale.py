"""Normal and Laplace pixels: SciPy's densities, and the scale that is the best of a batch."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from keras_vae import models
from keras_vae.distributions import likelihoods

SCIPY = {likelihoods.Normal: scipy.stats.norm, likelihoods.Laplace: scipy.stats.laplace}


@pytest.fixture(params=SCIPY)
def kind(request):
    return request.param


def batch(count=6, spread=0.05, seed=0):
    """(count, 4, 4, 2) images and raw parameters, whose sigmoid they are near."""
    random = np.random.default_rng(seed)
    raw = random.normal(size=(count, 4, 4, 2)).astype("float32")
    noise = spread * random.standard_normal(raw.shape)
    return (scipy.special.expit(raw) + noise).astype("float32"), raw


@pytest.mark.parametrize("mean", ["sigmoid", "linear"])
def test_laplace_is_scipys(mean):
    images, raw = batch()
    family = likelihoods.Laplace(scale=0.3, mean=mean)
    loc = scipy.special.expit(raw) if mean == "sigmoid" else raw
    expected = scipy.stats.laplace.logpdf(images, loc, 0.3).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(family.log_prob(raw, images), expected, rtol=1e-4)
    again = family.from_mean(family.mean(raw)) if mean == "sigmoid" else family.distribution(raw)
    np.testing.assert_allclose(again.log_prob(images), expected, rtol=1e-4)


def test_a_step_takes_the_scale_of_maximum_likelihood(kind):
    images, raw = batch()
    family = kind(scale="optimal")
    loc, scale = SCIPY[kind].fit((images - scipy.special.expit(raw)).ravel(), floc=0)
    found = family.log_prob(raw, images, training=True)
    expected = SCIPY[kind].logpdf(images, scipy.special.expit(raw), scale).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert loc == 0
    for other in (0.9 * scale, 1.1 * scale):  # no fixed one does better
        assert np.sum(kind(scale=other).log_prob(raw, images)) < np.sum(found)


def test_its_gradient_is_that_of_the_profile_likelihood(kind):
    """d/draw of max over the scale: the scale adds nothing, it is at its optimum."""
    images, raw = batch()
    family, raw = kind(scale="optimal"), tf.Variable(raw)
    with tf.GradientTape(persistent=True) as tape:
        total = tf.reduce_sum(family.log_prob(raw, images, training=True))
        residual = images - tf.sigmoid(raw)
        normal = kind is likelihoods.Normal
        error = tf.reduce_mean(residual**2 if normal else tf.abs(residual))
        profile = -float(tf.size(residual)) * tf.math.log(error) * (0.5 if normal else 1.0)
    found, expected = (np.asarray(tape.gradient(of, raw)) for of in (total, profile))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_an_evaluation_takes_the_average_and_learns_nothing(kind):
    family = kind(scale="optimal")
    assert float(family.scale) == pytest.approx(0.1, rel=1e-5)
    assert not family.trainable_weights
    errors = []
    for seed in range(3):
        images, raw = batch(spread=0.05 + 0.05 * seed, seed=seed)
        residual = images - scipy.special.expit(raw)
        errors.append(np.mean(residual**2 if kind is likelihoods.Normal else abs(residual)))
        family.log_prob(raw, images, training=True)
    scale = np.mean(errors) ** (0.5 if kind is likelihoods.Normal else 1.0)
    assert float(family.scale) == pytest.approx(scale, rel=1e-4)
    before = family.get_weights()
    found = family.log_prob(raw, images)
    np.testing.assert_array_equal(family.get_weights(), before)
    np.testing.assert_allclose(found, kind(scale=scale).log_prob(raw, images), rtol=1e-4)
    np.testing.assert_allclose(family.distribution(raw).log_prob(images), found, rtol=1e-5)


def test_old_batches_are_forgotten():
    family = likelihoods.Normal(scale="optimal")
    family.set_weights([np.float32(1.0), np.float32(1e6)])
    images, raw = batch()
    for _ in range(2):
        family.log_prob(raw, images, training=True)
    error = np.mean((images - scipy.special.expit(raw)) ** 2)
    assert float(family.error) == pytest.approx(error + 0.99**2 * (1 - error), rel=1e-4)


def test_a_perfect_reconstruction_has_the_least_scale():
    family = likelihoods.Normal(scale="optimal")
    raw = tf.Variable(tf.zeros((2, 3, 3, 1)))
    with tf.GradientTape() as tape:
        log_prob = family.log_prob(raw, tf.fill((2, 3, 3, 1), 0.5), training=True)
    np.testing.assert_allclose(log_prob, 9 * scipy.stats.norm.logpdf(0, 0, 1e-3), rtol=1e-5)
    assert np.isfinite(tape.gradient(log_prob, raw)).all()


def test_the_nats_of_a_model_are_those_of_its_scale(grey, tmp_path):
    """Where the scale is the root of the mean squared error, they are the normal's entropy."""
    likelihood = likelihoods.Normal(scale="optimal")
    model = models.dense_vae((8, 8, 1), 3, hidden_units=(32,), likelihood=likelihood)
    model.compile(keras.optimizers.Adam(5e-3))
    losses = model.fit(grey, epochs=20, batch_size=16, verbose=0).history["distortion"]
    assert losses[-1] < losses[0] - 10
    model.optimizer.learning_rate = 0.0  # the average catches up
    model.fit(grey, epochs=60, batch_size=16, verbose=0)
    scale = float(likelihood.scale)
    distortion = model.evaluate(grey, verbose=0, return_dict=True)["distortion"]
    assert distortion == pytest.approx(64 * scipy.stats.norm(0, scale).entropy(), abs=2.5)
    assert float(likelihood.scale) == scale  # an evaluation leaves it
    model.save(tmp_path / "m.keras")
    assert float(keras.saving.load_model(tmp_path / "m.keras").likelihood_family.scale) == scale


@pytest.mark.parametrize("arguments", [{"scale": 0}, {"scale": "best"}, {"mean": "tanh"}])
def test_unknown_arguments_are_refused(kind, arguments):
    with pytest.raises(ValueError, match=r"scale, if not 'learned' or 'optimal'|mean must be one"):
        kind(**arguments)
