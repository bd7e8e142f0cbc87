"""Maximum mean discrepancy: of equal clouds, and of two normals in closed form."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vae import models, objectives
from keras_vae.distributions import tfd

RANDOM = np.random.default_rng(0)


def cloud(count, mean=0.0, scale=1.0):
    return tf.constant(mean + scale * RANDOM.standard_normal((count, 2)), tf.float32)


@pytest.mark.parametrize("kernel", ["gaussian", "inverse_multiquadratic"])
def test_equal_clouds_are_near_0_and_others_are_not(kernel):
    apart = objectives.MMD(kernel=kernel).discrepancy
    near = np.array([apart(cloud(100), cloud(100)) for _ in range(40)])
    assert abs(near.mean()) < 4 * near.std() / np.sqrt(40)  # without bias
    assert apart(cloud(200), cloud(200, mean=2.0)) > 10 * np.abs(near).max()
    assert apart(cloud(1), cloud(1)) < 1e-6  # one image: finite


def test_two_normals_in_closed_form():
    """E exp(-d^2 / D) = (1 + 2 v / D)^(-D / 2) exp(-m^2 / (D + 2 v)), d of variance v, D = 2."""
    expected = lambda v, squared: np.exp(-squared / (2 + 2 * v)) / (1 + v)
    exact = expected(2 * 0.25, 0) + expected(2, 0) - 2 * expected(1.25, 2 * 0.8**2)
    apart = objectives.MMD(kernel="gaussian").discrepancy
    found = np.array([apart(cloud(400, 0.8, 0.5), cloud(400)) for _ in range(40)])
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / np.sqrt(40))
    assert found.std() / np.sqrt(40) < 0.02 * exact


def test_loss_weighs_rate_and_discrepancy():
    z, prior = cloud(64, 3.0)[None], tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
    given = objectives.Terms(
        tf.fill((1, 64), 9.0), tf.fill(64, 2.0), None, z, None, prior, tf.constant([3, 4])
    )
    np.testing.assert_allclose(objectives.MMD(0.0, beta=0.5).loss(given), 10)
    np.testing.assert_allclose(objectives.MMD(100.0).loss(given, 0.0), 9)
    apart = objectives.MMD(1.0).loss(given) - 9
    np.testing.assert_allclose(objectives.MMD(7.0).loss(given), 9 + 7 * apart, rtol=1e-5)
    np.testing.assert_array_equal(objectives.MMD(1.0).loss(given) - 9, apart)  # the seed's draws
    assert apart[0] > 0.5


def test_what_makes_no_sense_is_refused():
    small = {"image_shape": (8, 8, 1), "latent_dim": 2, "hidden_units": (4,), "prior": "mixture"}
    with pytest.raises(ValueError, match="nothing tells Mixture what to learn"):
        models.dense_vae(**small, objective="mmd")
    models.dense_vae(**small, objective=objectives.MMD(beta=0.1))
    with pytest.raises(ValueError, match=r"Unknown kernel 'gausian'. Did you mean 'gaussian'"):
        objectives.MMD(kernel="gausian")
