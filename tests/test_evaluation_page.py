"""docs/evaluation.md defines every number that is measured, and no other."""

import re
from pathlib import Path

import numpy as np
import pytest

from keras_vae import data, evaluate, models, shapes

PAGE = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
TOLD_IN_WORDS = {"images", "generated", "neighbours", "features", "resized_from", "latent_dim"}


def defined(function):
    """Keys in the first column of the table of a function."""
    section = PAGE.split(f"## `evaluate.{function}(")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))


def test_report(binary):
    model = models.dense_vae((8, 8, 1), latent_dim=2, hidden_units=(8,))
    told = evaluate.report(model, binary, 2, progress=False)
    assert defined("report") == {*told, "nll_1000_samples_nats"}


def test_generation_and_manifold(digits):
    images, labels = data.pixels(digits.test), digits.test.labels
    told = evaluate.generation(images[:150], images[150:])
    assert defined("generation") == set(told) - TOLD_IN_WORDS
    read = evaluate.manifold(images[:, 2, :, 0], labels, images=images)
    assert {key.removeprefix("pca_") for key in read} - TOLD_IN_WORDS == defined("manifold")


def test_disentanglement_and_its_scores():
    factors = shapes.everything()[:1000]
    perfect = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    random = np.random.default_rng(0).standard_normal((1000, 5))
    perfect, random = (evaluate.disentanglement(codes, factors) for codes in (perfect, random))
    assert defined("disentanglement") == set(perfect) - TOLD_IN_WORDS
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \|", PAGE, flags=re.MULTILINE)
    assert len(rows) == 7
    for key, of_perfect, of_random in rows:
        assert perfect[key] == pytest.approx(float(of_perfect), abs=0.02), key
        assert random[key] == pytest.approx(float(of_random), abs=0.05), key
