"""Planar and radial flows: Jacobians by autodiff, inverses, densities, steps that cannot fold."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vae.distributions import posteriors, tfd

LATENTS = 3
KINDS = (posteriors.PlanarFlow, posteriors.RadialFlow)


@pytest.fixture(params=KINDS)
def family(request):
    made = request.param(steps=3)
    made.build_for(LATENTS)
    return made


def raw_for(family, count=5, spread=2.0, seed=1):
    size = (count, family.parameters(LATENTS))
    return (spread * np.random.default_rng(seed).standard_normal(size)).astype("float32")


def split(raw):
    return tf.constant(raw[:, :LATENTS]), tf.constant(raw[:, 2 * LATENTS :])


def test_the_log_determinant_is_that_of_the_jacobian(family):
    z, context = split(raw_for(family))
    with tf.GradientTape() as tape:
        tape.watch(z)
        code, log_det = family.forward(z, context)
    sign, expected = np.linalg.slogdet(tape.batch_jacobian(code, z))
    assert (sign == 1).all()  # no step folds the space
    np.testing.assert_allclose(log_det, expected, atol=1e-4)


def test_the_inverse_undoes_the_flow(family):
    z, context = split(raw_for(family, count=200))
    code, log_det = family.forward(z, context)
    back, same = family.inverse(code, context)
    np.testing.assert_allclose(back, z, atol=2e-3)
    np.testing.assert_allclose(same, log_det, atol=1e-2)


def test_the_gradient_of_the_inverse_is_the_inverse_of_the_jacobian(family):
    """Also where the inverse is found by halving an interval."""
    z, context = split(raw_for(family))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        code, _ = family.forward(z, context)
        back, _ = family.inverse(code, context)
    np.testing.assert_allclose(
        tape.batch_jacobian(back, z), np.tile(np.eye(LATENTS), (5, 1, 1)), atol=1e-2
    )


def test_a_step_of_zeros_is_the_identity(family):
    z, context = split(raw_for(family))
    code, log_det = family.forward(z, 0 * context)
    np.testing.assert_allclose(code, z, atol=1e-6)
    np.testing.assert_allclose(log_det, 0, atol=1e-6)


def test_a_draw_knows_the_density_that_any_code_is_told(family):
    q = family.distribution(raw_for(family, spread=1.0))
    z, log_prob = q.experimental_sample_and_log_prob(4, seed=tf.constant([0, 1]))
    assert z.shape == (4, 5, LATENTS)
    np.testing.assert_allclose(q.log_prob(z), log_prob, atol=1e-3)


def test_its_density_is_normalised(family):
    """E_r[q / r] = 1 for draws of a wider normal r around it."""
    q = family.distribution(raw_for(family, 1, 1.0))
    z = q.sample(4000, seed=tf.constant([0, 2])).numpy()[:, 0]
    scale = np.linalg.cholesky(2 * np.cov(z.T)).astype("float32")
    wide = tfd.MultivariateNormalTriL(z.mean(axis=0), scale)
    draws = wide.sample(40_000, seed=tf.constant([0, 3]))
    ratio = np.exp(q.log_prob(draws[:, None])[:, 0] - wide.log_prob(draws))
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / np.sqrt(len(ratio)))


@pytest.mark.parametrize("spread", [30.0, 1e3])
def test_extreme_numbers_stay_finite(family, spread):
    raw = tf.Variable(raw_for(family, 200, spread))
    with tf.GradientTape() as tape:
        z, log_q = family.distribution(raw).experimental_sample_and_log_prob(2, seed=3)
        total = tf.reduce_sum(log_q) + tf.reduce_sum(z)
    assert np.isfinite(z).all()
    assert np.isfinite(log_q).all()
    assert np.isfinite(tape.gradient(total, raw)).all()


@pytest.mark.parametrize("steps", [0, 2.5, "3", None])
def test_wrong_arguments_are_refused(family, steps):
    with pytest.raises(ValueError, match="steps must be an integer of at least 1"):
        type(family)(steps=steps)
