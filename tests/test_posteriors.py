"""The normal of any covariance as a posterior, and KL between normals of every kind."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_vae import models
from keras_vae.distributions import posteriors, priors, tfd

LATENTS = 3


@pytest.fixture(params=["diagonal_normal", "full_normal"])
def family(request):
    made = posteriors.get(request.param)
    made.build_for(LATENTS)
    return made


def raw_for(family, count=4, seed=0):
    size = (count, family.parameters(LATENTS))
    return np.random.default_rng(seed).standard_normal(size).astype("float32")


def prior_of(name):
    prior = priors.get(name)
    prior.build_for(LATENTS)
    random = np.random.default_rng(1)
    for weight in prior.trainable_weights:
        weight.assign(weight + 0.5 * random.standard_normal(weight.shape))
    return prior.distribution()


def covariance_of(distribution):
    independent = isinstance(distribution, tfd.Independent)
    found = tf.linalg.diag(distribution.variance()) if independent else distribution.covariance()
    return np.asarray(found, "float64")


def test_full_normal_is_scipys():
    family = posteriors.get("full_normal")
    family.build_for(LATENTS)
    raw = raw_for(family)
    q = family.distribution(raw)
    z = np.random.randn(4, LATENTS).astype("float32")
    for row, code, found in zip(raw.astype("float64"), z, q.log_prob(z)):
        scale = np.diag(np.log1p(np.exp(row[3:6])) + 1e-4)
        scale[1, 0], scale[2, :2] = row[6], row[7:]
        expected = scipy.stats.multivariate_normal(row[:3], scale @ scale.T).logpdf(code)
        assert float(found) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    np.testing.assert_allclose(family.mean(raw), q.mean(), rtol=1e-6)


@pytest.mark.parametrize("prior", ["standard_normal", "full_normal"])
def test_the_rate_is_the_closed_form(family, prior):
    """Against the text-book formula in float64, and not the sample."""
    q, p = family.distribution(raw_for(family)), prior_of(prior)
    found = priors.rate(q, p, np.full((2, 4), 1e6, "float32"))
    mean, covariance = np.asarray(p.mean(), "float64"), covariance_of(p)
    inverse = np.linalg.inv(covariance)
    for k, value in enumerate(found):
        ours = covariance_of(q)[k]
        apart = np.asarray(q.mean()[k], "float64") - mean
        expected = np.trace(inverse @ ours) + apart @ inverse @ apart - LATENTS
        expected += np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(ours)[1]
        assert float(value) == pytest.approx(expected / 2, rel=1e-3, abs=1e-3)


def test_the_rate_is_that_of_draws(family):
    q, p = family.distribution(raw_for(family)), prior_of("standard_normal")
    z = q.sample(20_000, seed=tf.constant([0, 1]))
    ratios = np.asarray(q.log_prob(z) - p.log_prob(z))
    error = ratios.std(axis=0) / np.sqrt(len(ratios))
    assert (np.abs(ratios.mean(axis=0) - priors.rate(q, p, None)) < 5 * error).all()


def test_full_normal_at_extreme_parameters():
    family = posteriors.get("full_normal")
    family.build_for(LATENTS)
    choices = [-1e4, -100, -30, -1, -1e-3, 0, 1, 30, 100, 1e4]
    raw = tf.Variable(np.random.default_rng(0).choice(choices, (300, 9)).astype("float32"))
    with tf.GradientTape(persistent=True) as tape:
        q = family.distribution(raw)
        z = q.sample(seed=1)
        rate = priors.rate(q, prior_of("standard_normal"), None)
    for value in (z, rate):
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, raw)).all()


@pytest.mark.parametrize("posterior", ["full_normal", "iaf", "planar_flow", "radial_flow"])
def test_a_vamp_prior_needs_independent_normals(posterior):
    with pytest.raises(ValueError, match="A VampPrior is a mixture of normals"):
        models.dense_vae((8, 8, 1), 3, hidden_units=(4,), posterior=posterior, prior="vamp")
