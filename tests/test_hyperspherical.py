"""Codes on the sphere: closed forms against SciPy in float64 and Monte Carlo, ways along it."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from keras_vae import models
from keras_vae.distributions import posteriors, priors, tfd
from keras_vae.distributions.hyperspherical import unit
from keras_vae.distributions.power_spherical import PowerSpherical, gamma_differences


def directions(count, size, seed=0):
    return unit(tf.constant(np.random.default_rng(seed).standard_normal((count, size)), tf.float32))


def of(size, kappas, seed=0):
    return PowerSpherical(directions(len(kappas), size, seed), tf.constant(kappas, tf.float32))


def uniform(size):
    prior = priors.get("hyperspherical_uniform")
    prior.build_for(size)
    return prior


def exact_rate(size, kappa):
    """KL(q || uniform) in float64."""
    a, b = (size - 1) / 2 + kappa, (size - 1) / 2
    log_c = -(a + b) * np.log(2) - b * np.log(np.pi)
    log_c += scipy.special.gammaln(a + b) - scipy.special.gammaln(a)
    cosine = np.log(2) + scipy.special.digamma(a) - scipy.special.digamma(a + b)
    area = np.log(2) + size / 2 * np.log(np.pi) - scipy.special.gammaln(size / 2)
    return log_c + kappa * cosine + area


@pytest.mark.parametrize("halves", [0, 1, 2, 3, 40, 99])
def test_differences_of_gamma_functions_are_scipys(halves):
    a = np.array([0.6, 1.5, 3.0, 20.0, 400.0, 1e4], "float32")
    log_gammas, digammas = gamma_differences(tf.constant(a), halves)
    a = a.astype("float64")
    expected = scipy.special.gammaln(a + halves / 2) - scipy.special.gammaln(a)
    np.testing.assert_allclose(log_gammas, expected, rtol=2e-6, atol=2e-6)
    expected = scipy.special.digamma(a + halves / 2) - scipy.special.digamma(a)
    np.testing.assert_allclose(digammas, expected, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("size", [2, 3, 10, 41, 200])
def test_the_rate_and_its_gradient_are_exact_at_every_concentration(size):
    kappas = np.array([1.0, 5.0, 100.0, 1e4, 1e6], "float32")
    kappa = tf.Variable(kappas)
    with tf.GradientTape() as tape:
        q = PowerSpherical(directions(5, size), kappa)
        rate = tfd.kl_divergence(q, uniform(size).distribution())
    np.testing.assert_allclose(
        rate, exact_rate(size, kappas.astype("float64")), rtol=1e-4, atol=1e-4
    )
    exact, step = kappas.astype("float64"), 1e-4
    slope = exact_rate(size, exact * (1 + step)) - exact_rate(size, exact * (1 - step))
    expected = slope / (2 * step * exact)
    np.testing.assert_allclose(tape.gradient(rate, kappa), expected, rtol=5e-3)


def test_the_rate_is_that_of_draws():
    q, p = of(5, [1.0, 10.0, 300.0]), uniform(5).distribution()
    z, log_q = q.experimental_sample_and_log_prob(20_000, seed=tf.constant([0, 1]))
    ratios = (log_q - p.log_prob(z)).numpy()
    error = ratios.std(axis=0) / np.sqrt(len(ratios))
    found = priors.rate(q, p, None)
    assert (np.abs(ratios.mean(axis=0) - found) < 5 * error).all()


@pytest.mark.parametrize("size", [2, 3, 10])
def test_the_density_is_tfps_where_that_is_exact(size):
    q = of(size, [1.0, 4.0, 30.0])
    theirs = tfd.PowerSpherical(q.mean_direction, q.concentration)
    z, log_q = q.experimental_sample_and_log_prob(50, seed=tf.constant([0, 1]))
    np.testing.assert_allclose(tf.norm(z, axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(log_q, theirs.log_prob(z), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(q.log_prob(z), log_q, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(q.entropy(), theirs.entropy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_the_cosines_of_draws_are_beta_numbers(size):
    """(1 + mu x) / 2, by Kolmogorov and Smirnov, from the uniform to a millionth of the sphere."""
    kappas = [0.1, 5.0, 1e6]
    q = of(size, kappas)
    z = q.sample(3000, seed=tf.constant([0, 4])).numpy().astype("float64")
    apart = np.sum((z - q.mean_direction.numpy()) ** 2, axis=-1) / 4  # (1 - mu x) / 2
    for kappa, column in zip(kappas, apart.T):
        b = (size - 1) / 2
        assert scipy.stats.kstest(column, scipy.stats.beta(b, b + kappa).cdf).pvalue > 1e-3, kappa


def test_draws_have_the_mean_and_turn_around_the_direction():
    q = of(4, [6.0])
    z = q.sample(40_000, seed=tf.constant([0, 5])).numpy()[:, 0]
    theirs = tfd.PowerSpherical(q.mean_direction, q.concentration)
    np.testing.assert_allclose(z.mean(axis=0), theirs.mean()[0], atol=0.01)
    np.testing.assert_allclose(np.cov(z.T), theirs.covariance()[0], atol=0.01)


def test_a_gradient_through_draws_is_that_of_the_expectation():
    """d/d kappa E[mu x], of which the closed form is kappa / (D - 1 + kappa)."""
    kappa, mu = tf.Variable([4.0]), directions(1, 5)
    with tf.GradientTape() as tape:
        z = PowerSpherical(mu, kappa).sample(40_000, seed=tf.constant([0, 6]))
        cosine = tf.reduce_mean(tf.reduce_sum(z * mu, -1))
    assert float(cosine) == pytest.approx(4 / 8, abs=0.01)
    assert float(tape.gradient(cosine, kappa)[0]) == pytest.approx(4 / 64, abs=0.004)


def test_the_family_at_extreme_parameters():
    family = posteriors.get("power_spherical")
    family.build_for(4)
    grid = np.random.default_rng(0).choice([-1e4, -30, -1, 0, 1e-6, 1, 30, 1e4], (300, 5))
    grid[np.abs(grid[:, :4]).max(axis=1) < 1e-3, 0] = 1  # without a direction there is no code
    raw = tf.Variable(grid.astype("float32"))
    with tf.GradientTape(persistent=True) as tape:
        q = family.distribution(raw)
        z, log_q = q.experimental_sample_and_log_prob(2, seed=tf.constant([0, 1]))
        rate = priors.rate(q, uniform(4).distribution(), None)
    for value in (z, log_q, rate):
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, raw)).all()
    np.testing.assert_allclose(tf.norm(family.mean(raw), axis=-1), 1, atol=1e-5)


def test_draws_of_the_prior_from_noise_are_uniform():
    prior = uniform(3)
    noise = np.random.default_rng(0).standard_normal((4000, 3)).astype("float32")
    z = prior.from_noise(noise).numpy()
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)
    for height in z.T:  # Archimedes: of a uniform point the height is uniform
        assert scipy.stats.kstest(height, scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3
    expected = -np.log(4 * np.pi)
    np.testing.assert_allclose(prior.distribution().log_prob(z), expected, rtol=1e-5)


def test_a_way_follows_a_great_circle_at_constant_speed():
    prior = uniform(6)
    start, end = directions(1, 6, 1), directions(1, 6, 2)
    position = np.linspace(0, 1, 9, dtype="float32")[:, None]
    way = prior.between(tf.repeat(start, 9, 0), tf.repeat(end, 9, 0), position).numpy()
    np.testing.assert_allclose(way[[0, -1]], [start[0], end[0]], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1, atol=1e-5)
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)
    assert np.linalg.matrix_rank(way, tol=1e-4) == 2
    for other in (start, -start):
        assert np.isfinite(prior.between(start, other, position[4:5])).all()


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        ("power_spherical", "standard_normal"),
        ("power_spherical", "vamp"),
        ("diagonal_normal", "hyperspherical_uniform"),
        ("iaf", "hyperspherical_uniform"),
    ],
)
def test_the_pair_goes_together_only(posterior, prior):
    with pytest.raises(ValueError, match=r"KL\(q \|\| p\) is infinite.* go together"):
        models.dense_vae((8, 8, 1), 3, hidden_units=(4,), posterior=posterior, prior=prior)


def test_an_autoencoders_code_is_on_no_sphere():
    with pytest.raises(ValueError, match="an autoencoder's code lies on the reals"):
        models.dense_ae((8, 8, 1), 3, hidden_units=(4,), prior="hyperspherical_uniform")


def test_a_sphere_has_two_dimensions_or_more():
    pair = {"posterior": "power_spherical", "prior": "hyperspherical_uniform"}
    with pytest.raises(ValueError, match="latent_dim of at least 2; received 1"):
        models.dense_vae((8, 8, 1), 1, hidden_units=(4,), **pair)
