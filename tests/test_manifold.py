"""Readers of codes whose classes and neighbours are known."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from keras_vae import data, evaluate


@pytest.fixture(scope="module")
def digit_images():
    split = data.load("digits").test
    return data.pixels(split), split.labels


def test_codes_beside_principal_components_of_as_many(digit_images):
    images, labels = digit_images
    codes = PCA(6, random_state=0).fit_transform(images.reshape(len(images), -1))
    told = evaluate.manifold(codes, labels, images=images[..., 0])
    assert told["images"] == 300
    assert told["latent_dim"] == 6
    for key in ("probe_accuracy", "knn_accuracy", "trustworthiness"):
        assert told[key] == pytest.approx(told[f"pca_{key}"])
    assert told == evaluate.manifold(codes, labels, images=images)
    assert told != evaluate.manifold(codes, labels, images=images, seed=1)
    assert {key for key in told if "pca" not in key} - {"trustworthiness"} == set(
        evaluate.manifold(codes, labels)
    )
    assert 0.75 < told["knn_accuracy"] < 1


def test_classes_apart_are_read_and_random_codes_are_not(digit_images):
    images, labels = digit_images
    random = np.random.default_rng(0)
    apart = np.eye(10)[labels] + 0.01 * random.standard_normal((300, 10))
    told = evaluate.manifold(apart, labels)
    assert told["probe_accuracy"] == told["knn_accuracy"] == 1
    noise = evaluate.manifold(random.standard_normal((300, 10)), labels, images=images)
    assert noise["probe_accuracy"] < 0.25
    assert noise["knn_accuracy"] < 0.25
    assert noise["trustworthiness"] == pytest.approx(0.5, abs=0.05)
    assert noise["pca_trustworthiness"] > 0.95


def test_a_ring_is_read_by_neighbours_and_not_by_a_line():
    random = np.random.default_rng(2)
    labels = random.integers(2, size=400)
    angle = random.uniform(0, 2 * np.pi, 400)
    codes = (1 + 2 * labels)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    told = evaluate.manifold(codes, labels)
    assert told["knn_accuracy"] == 1
    assert told["probe_accuracy"] < 0.75


@pytest.mark.parametrize(
    ("codes", "labels", "options", "message"),
    [
        (np.zeros(40), np.zeros(40, int), {}, r"codes must be \(N, D\)"),
        (np.zeros((40, 2)), np.zeros(40), {}, "integers"),
        (np.full((40, 2), np.inf), np.arange(40) % 2, {}, "NaN or infinite"),
        (np.zeros((40, 2)), np.arange(40) // 38, {}, r"at least 4 images each.*1: 2"),
        (np.zeros((40, 2)), np.zeros(40, int), {}, "2 classes or more"),
        (np.zeros((40, 2)), np.arange(40) % 2, {"images": np.zeros((39, 4, 4))}, "one a code"),
        (np.zeros((40, 2)), np.arange(40) % 2, {"seed": -1}, "seed must be an integer"),
    ],
)
def test_what_cannot_be_read_is_refused(codes, labels, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate.manifold(codes, labels, **options)
