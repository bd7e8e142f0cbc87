"""Distances of features against closed forms and the prdc package; the bundled network."""

import numpy as np
import prdc
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from keras_vae import data, evaluate, models
from keras_vae.evaluate import features, generated


@pytest.fixture(scope="module")
def sets():
    random = np.random.default_rng(0)
    real = random.standard_normal((300, 8))
    return real, 0.8 * random.standard_normal((250, 8)) + 0.3


def with_moments(random, count, mean, covariance):
    """(count, D) of exactly that mean and covariance."""
    points = random.standard_normal((count, len(mean)))
    points -= points.mean(axis=0)
    white = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_is_that_of_the_normals():
    """Of covariances that commute: |m - m'|^2 + |sqrt(l) - sqrt(l')|^2 of their eigenvalues."""
    random = np.random.default_rng(1)
    turn, _ = np.linalg.qr(random.standard_normal((3, 3)))
    one, two = np.array([2.0, 1.0, 0.25]), np.array([0.5, 1.0, 4.0])
    a = with_moments(random, 40, np.zeros(3), turn * one @ turn.T)
    b = with_moments(random, 50, np.array([1.0, 2.0, 0.0]), turn * two @ turn.T)
    expected = 5 + np.sum((np.sqrt(one) - np.sqrt(two)) ** 2)
    assert generated._frechet(a, b) == pytest.approx(expected)
    assert generated._frechet(a, a) == pytest.approx(0, abs=1e-9)
    flat = np.concatenate([a, np.zeros((40, 1))], 1), np.concatenate([b, np.zeros((50, 1))], 1)
    assert generated._frechet(*flat) == pytest.approx(expected)


def test_kernel_distance_is_the_unbiased_estimate(sets, monkeypatch):
    real, fake = sets
    kernel = lambda a, b: polynomial_kernel(a, b, degree=3, gamma=1 / 8, coef0=1)
    off = lambda k: (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))
    expected = off(kernel(real, real)) + off(kernel(fake, fake)) - 2 * kernel(real, fake).mean()
    monkeypatch.setattr(generated, "ROWS", 77)
    assert generated._kernel_distance(real, fake) == pytest.approx(expected)
    random = np.random.default_rng(3)
    draws = random.standard_normal((60, 2, 50, 8))
    alike = [generated._kernel_distance(a, b) for a, b in draws]
    assert np.mean(alike) == pytest.approx(0, abs=4 * np.std(alike) / np.sqrt(60))
    assert min(alike) < 0


@pytest.mark.parametrize("neighbours", [1, 5])
def test_neighbourhoods_are_those_of_prdc(sets, neighbours, monkeypatch):
    real, fake = sets
    monkeypatch.setattr(generated, "ROWS", 64)
    expected = prdc.compute_prdc(real, fake, nearest_k=neighbours)
    told = generated._neighbourhoods(real, fake, neighbours)
    assert told == pytest.approx(expected)
    assert len({round(value, 6) for value in expected.values()}) == 4  # none stands for another


def test_the_network_is_the_published_one_and_tells_digits_apart():
    assert features.FILE.stat().st_size < 500_000
    split = data.load("digits").test  # 8x8, of other writers, than it was trained on
    told = features.of(data.pixels(split))
    assert told.shape == (300, 64)
    assert told.min() >= 0
    read = evaluate.manifold(told, split.labels)
    assert read["probe_accuracy"] > 0.8
    colour = np.repeat(data.pixels(split)[:20], 3, axis=-1)
    np.testing.assert_allclose(features.of(colour), told[:20], atol=1e-2)


def test_another_network_is_refused(tmp_path, monkeypatch):
    content = bytearray(features.FILE.read_bytes())
    content[len(content) // 2] ^= 1
    monkeypatch.setattr(features, "FILE", tmp_path / "features.npz")
    features.FILE.write_bytes(content)
    with pytest.raises(ValueError, match="is broken: its SHA-256"):
        features._network.__wrapped__()


@pytest.mark.data("mnist")
def test_the_accuracy_that_is_told():
    test = data.load("mnist").test
    network = features.classifier()
    network.set_weights(features._weights(features.FILE.read_bytes()))
    logits = network.predict(data.pixels(test), batch_size=500, verbose=0)
    accuracy = np.mean(logits.argmax(axis=1) == test.labels)
    assert accuracy == pytest.approx(features.TEST_ACCURACY, abs=5e-4)


def test_better_images_have_better_numbers(digits):
    real, other = (data.pixels(split) for split in (digits.test, digits.validation))
    random = np.random.default_rng(0)
    near = evaluate.generation(other, real)
    noisy = np.clip(other + 0.5 * random.standard_normal(other.shape), 0, 1)
    far = evaluate.generation(noisy, real[..., 0])
    assert near["frechet_distance"] < 0.2 * far["frechet_distance"]
    assert abs(near["kernel_distance"]) < 0.2 * far["kernel_distance"]
    for key in ("precision", "density", "coverage"):  # recall grows where images scatter
        assert near[key] > 0.6 > far[key]
    one = evaluate.generation(np.repeat(other[:1], 200, axis=0), real)
    assert one["precision"] > 0.9 > 0.1 > one["coverage"]  # good, and always the same
    assert near["resized_from"] == [8, 8]
    assert (near["images"], near["generated"], near["neighbours"]) == (300, 200, 5)


def test_a_model_is_sampled(digits):
    model = models.dense_vae((8, 8, 1), latent_dim=3, hidden_units=(8,))
    real = data.pixels(digits.test)[:120]
    told = evaluate.generation(model, real, seed=4)
    assert told["generated"] == 120
    assert told == evaluate.generation(model.sample(120, seed=4), real)
    assert evaluate.generation(model, real, count=150, seed=4)["generated"] == 150


@pytest.mark.parametrize(
    ("fake", "real", "options", "message"),
    [
        (np.zeros((100, 8, 8, 1)), np.zeros((99, 8, 8, 1)), {}, "N at least 100"),
        (np.zeros((100, 8, 8, 1)), np.zeros((100, 8, 8, 2)), {}, "C of 1 or 3"),
        (np.zeros((100, 8, 8, 1)), np.zeros((100, 9, 8, 1)), {}, "The model generates"),
        (np.full((100, 8, 8, 1), 255), np.zeros((100, 8, 8, 1)), {}, "Divide 8-bit images"),
        (np.full((100, 8, 8, 1), np.nan), np.zeros((100, 8, 8, 1)), {}, r"must be in \[0, 1\]"),
        (np.zeros((100, 8, 8, 1)), np.zeros((100, 8, 8, 1)), {"neighbours": 0}, "neighbours"),
    ],
)
def test_what_cannot_be_compared_is_refused(fake, real, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate.generation(fake, real, **options)


def test_an_autoencoder_without_a_prior_says_what_is_missing(digits):
    model = models.dense_ae((8, 8, 1), latent_dim=3, hidden_units=(8,))
    with pytest.raises(ValueError, match="fit_prior"):
        evaluate.generation(model, data.pixels(digits.test))
