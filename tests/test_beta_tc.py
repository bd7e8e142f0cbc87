"""beta-TCVAE: the parts of the rate add up, against closed forms and all batches of a set."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_vae import models, objectives
from keras_vae.distributions import tfd


def terms(means, scale, z=None, seed=0):
    """Terms of posteriors N(means, scale^2), a draw of each unless z is given."""
    means = tf.constant(means, tf.float32)
    posterior = tfd.Independent(tfd.Normal(means, scale), 1)
    z = posterior.sample(1, seed=tf.constant([seed, 0])) if z is None else tf.constant(z)
    prior = tfd.Independent(tfd.Normal(tf.zeros(means.shape[1]), 1.0), 1)
    rate = tfd.kl_divergence(posterior, prior)
    distortion, sampled = tf.fill((1, len(means)), 10.0), posterior.log_prob(z) - prior.log_prob(z)
    return objectives.Terms(distortion, rate, sampled, z, posterior, prior)


@pytest.mark.parametrize("dataset_size", [None, 1000])
def test_parts_add_up_to_the_sampled_rate(dataset_size):
    given = terms(np.random.default_rng(0).normal(size=(20, 3)), 0.7)
    objective = objectives.BetaTC(1.0, dataset_size=dataset_size)
    total = sum(part.numpy() for part in objective.parts(given))
    np.testing.assert_allclose(total, given.sampled_rate[0], atol=1e-5)
    np.testing.assert_allclose(objective.loss(given), 10 + total, rtol=1e-5)
    information, correlation, single = objective.parts(given)
    weighed = objectives.BetaTC(6.0, 0.5, 2.0, dataset_size).loss(given, 0.5)
    expected = 10 + 0.5 * (0.5 * information + 6 * correlation + 2 * single)
    np.testing.assert_allclose(weighed, expected, rtol=1e-5)


def test_parts_of_a_correlated_normal_in_closed_form():
    """q(z) = N(0, S), S of variance 1.3 and correlation 0.75; its codes have scale 0.5."""
    inner = np.array([[1.05, 0.975], [0.975, 1.05]])
    means = np.random.default_rng(1).multivariate_normal(np.zeros(2), inner, 2500)
    information, correlation, single = (
        float(tf.reduce_mean(part)) for part in objectives.BetaTC().parts(terms(means, 0.5))
    )
    total = inner + 0.25 * np.eye(2)
    log_det = np.linalg.slogdet(total)[1]
    assert information == pytest.approx(0.5 * (log_det - 2 * np.log(0.25)), abs=0.06)
    assert correlation == pytest.approx(np.log(1.3) - 0.5 * log_det, abs=0.04)
    assert single == pytest.approx(1.3 - 1 - np.log(1.3), abs=0.04)


def test_stratified_sampling_gives_the_aggregated_posterior_its_mean():
    means = np.random.default_rng(2).normal(size=(6, 2)).astype("float32")
    z = np.array([[0.3, -0.2]], "float32")
    whole = terms(means, 0.5, np.tile(z, (1, 6, 1)))
    exact = float(tf.reduce_mean(whole.posterior.prob(z)))
    found = {None: [], 6: []}
    for size, others in itertools.product(found, itertools.combinations(range(1, 6), 2)):
        batch = terms(means[[0, *others]], 0.5, np.tile(z, (1, 3, 1)))
        information, *_ = objectives.BetaTC(dataset_size=size).parts(batch)
        log_joint = batch.posterior.log_prob(batch.z[0])[0] - information[0]
        found[size].append(np.exp(log_joint))
    assert np.mean(found[6]) == pytest.approx(exact, rel=1e-4)
    assert np.mean(found[None]) != pytest.approx(exact, rel=1e-2)


def test_one_image_is_the_elbo_of_its_draw():
    for size in (None, 50):
        given = terms([[1.0, 2.0]], 0.5)
        information, correlation, single = objectives.BetaTC(dataset_size=size).parts(given)
        np.testing.assert_allclose([*information, *correlation], [0, 0], atol=1e-6)
        np.testing.assert_allclose(single, given.sampled_rate[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"posterior": "iaf"}, "density of each latent by itself.*InverseAutoregressive"),
        ({"prior": "mixture"}, "BetaTC needs prior='standard_normal'.*received Mixture"),
    ],
)
def test_what_makes_no_sense_is_refused(choice, said):
    with pytest.raises(ValueError, match=said):
        models.dense_vae((8, 8, 1), 2, hidden_units=(4,), objective="beta_tc", **choice)
