"""DIP-VAE: covariances against NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vae import models, objectives
from keras_vae.distributions import tfd

SCALES = np.random.default_rng(1).uniform(0.2, 1.0, (50, 3)).astype("float32")


def terms(full=False):
    means = np.random.default_rng(0).normal(size=(50, 3)).astype("float32") @ np.array(
        [[1, 0.5, 0], [0, 1, 0], [0, 0, 2]], "float32"
    )
    posterior = tfd.Independent(tfd.Normal(means, SCALES), 1)
    if full:
        posterior = tfd.MultivariateNormalTriL(means, tf.linalg.diag(SCALES))
    return objectives.Terms(
        tf.fill((1, 50), 10.0), tf.fill(50, 2.0), None, posterior=posterior
    ), means


@pytest.mark.parametrize("full", [False, True])
def test_covariances_and_loss(full):
    given, means = terms(full)
    of_means = np.cov(means, rowvar=False, bias=True)
    of_codes = of_means + np.diag((SCALES**2).mean(axis=0))
    for version, expected in ((1, of_means), (2, of_codes)):
        objective = objectives.DIP(version, 3.0, 5.0)
        np.testing.assert_allclose(objective.covariance(given), expected, rtol=1e-4, atol=1e-6)
        off = np.sum(expected**2) - np.sum(np.diag(expected) ** 2)
        penalty = 3 * off + 5 * np.sum((np.diag(expected) - 1) ** 2)
        np.testing.assert_allclose(objective.loss(given), 10 + 2 + penalty, rtol=1e-4)
        np.testing.assert_allclose(objective.loss(given, 0.0), 10)


def test_weights_of_the_paper():
    assert objectives.DIP(1, 4.0).diagonal == 40.0
    assert objectives.DIP(2, 4.0).diagonal == 4.0
    again = objectives.DIP.from_config(objectives.DIP(1, 4.0).get_config())
    assert again.get_config() == {"version": 1, "off_diagonal": 4.0, "diagonal": 40.0}
    with pytest.raises(ValueError, match="version must be 1"):
        objectives.DIP("ii")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"posterior": "iaf"}, "mean and covariance have a closed form.*InverseAutoregressive"),
        ({"prior": "flow"}, "DIP needs prior='standard_normal'.*received Flow"),
    ],
)
def test_what_makes_no_sense_is_refused(choice, said):
    with pytest.raises(ValueError, match=said):
        models.dense_vae((8, 8, 1), 2, hidden_units=(4,), objective="dip", **choice)
