"""Scores of codes whose disentanglement is known: perfect, turned, random, doubled, mixed."""

import numpy as np
import pytest
import scipy.stats

from keras_vae import evaluate, shapes

SCORES = {"mig", "dci_disentanglement", "dci_completeness", "dci_informativeness", "sap"}
SCORES |= {"beta_vae_score", "factor_vae_score"}
CHANCE = np.mean([1 / values for values in shapes.FACTORS.values()])


@pytest.fixture(scope="module")
def factors():
    return shapes.everything()[:1000]


@pytest.fixture(scope="module")
def perfect(factors):
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def test_a_perfect_code(factors, perfect):
    told = evaluate.disentanglement(perfect[:, [3, 1, 0, 2, 4]] * [1, -7, 0.01, 1, 1], factors)
    assert set(told) == SCORES | {"images"}
    assert told["images"] == 1000
    assert told["mig"] == pytest.approx(1, abs=0.03)  # images are finite: chance knows a little
    for score in SCORES - {"mig", "sap"}:
        assert told[score] == pytest.approx(1, abs=1e-3), score
    assert told["sap"] == pytest.approx(1 - CHANCE, abs=0.04)
    assert {type(value) for value in told.values()} == {float, int}


def test_a_random_code(factors):
    codes = np.random.default_rng(0).standard_normal((1000, 6))
    told = evaluate.disentanglement(codes, factors)
    for score in ("mig", "dci_disentanglement", "dci_completeness", "sap"):
        assert told[score] == pytest.approx(0, abs=0.02), score
    assert told["dci_informativeness"] == pytest.approx(CHANCE, abs=0.03)
    assert told["beta_vae_score"] == pytest.approx(1 / 5, abs=0.08)
    assert told["factor_vae_score"] == pytest.approx(1 / 5, abs=0.08)


def test_a_turned_code_keeps_its_information_and_loses_its_axes(factors, perfect):
    turned = perfect @ scipy.stats.special_ortho_group.rvs(5, random_state=3)
    told = evaluate.disentanglement(turned, factors)
    assert told == evaluate.disentanglement(turned, factors)
    for score in ("mig", "dci_disentanglement", "dci_completeness", "sap"):
        assert 0.02 < told[score] < 0.35, score
    assert told["dci_informativeness"] > 0.5
    assert told["beta_vae_score"] > 0.75  # it hardly sees axes
    assert told["factor_vae_score"] < 0.98


def test_what_is_said_twice_is_not_complete_and_has_no_gap(factors, perfect):
    told = evaluate.disentanglement(np.concatenate([perfect, perfect], axis=1), factors)
    assert told["mig"] == pytest.approx(0, abs=1e-9)
    assert told["sap"] == pytest.approx(0, abs=1e-9)
    assert told["dci_disentanglement"] == pytest.approx(1, abs=1e-3)
    # two latents of ten share a factor: 1 - log 2 / log 10
    assert told["dci_completeness"] == pytest.approx(1 - np.log(2) / np.log(10), abs=0.03)


def test_latents_of_two_factors_are_complete_and_not_disentangled(factors, perfect):
    both = factors[:, 0] + shapes.FACTORS["shape"] * factors[:, 1]
    told = evaluate.disentanglement(np.stack([both, factors[:, 3]], 1), factors[:, [0, 1, 3]])
    assert told["dci_completeness"] == pytest.approx(1, abs=0.02)
    # a latent of two factors among three: 1 - log 2 / log 3; it matters twice as much
    expected = (2 * (1 - np.log(2) / np.log(3)) + 1) / 3
    assert told["dci_disentanglement"] == pytest.approx(expected, abs=0.02)


def test_dead_latents_change_nothing(factors, perfect):
    dead = 1e-6 * np.random.default_rng(1).standard_normal((1000, 3))
    told = evaluate.disentanglement(np.concatenate([perfect, dead], axis=1), factors)
    assert told["factor_vae_score"] == pytest.approx(1, abs=1e-3)
    assert told["mig"] > 0.95
    nothing = evaluate.disentanglement(np.zeros((1000, 2)), factors)
    assert nothing["mig"] == nothing["dci_disentanglement"] == 0
    assert nothing["factor_vae_score"] == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (np.zeros((200, 2)), np.zeros((199, 2), int), r"codes must be \(N, D\)"),
        (np.zeros((99, 2)), np.arange(198).reshape(99, 2) % 3, "N at least 100"),
        (np.zeros((200, 2)), np.zeros((200, 2)), "integers"),
        (np.full((200, 2), np.nan), np.arange(400).reshape(200, 2) % 4, "NaN or infinite"),
        (np.zeros((200, 2)), np.zeros((200, 2), int), "Factor 0 has 1 values in 200"),
        (np.zeros((200, 2)), np.arange(400).reshape(200, 2), "Factor 0 has 200 values"),
    ],
)
def test_what_cannot_be_scored_is_refused(codes, factors, message):
    with pytest.raises(ValueError, match=message):
        evaluate.disentanglement(codes, factors)
