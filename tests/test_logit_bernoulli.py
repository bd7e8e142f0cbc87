"""The Bernoulli of logits against SciPy and against tfp's own."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import expit, log_expit

from keras_vae.distributions.logit_bernoulli import LogitBernoulli

LOGITS = np.array([-200.0, -30.0, -3.0, -0.1, 0.0, 0.5, 4.0, 30.0, 200.0], "float32")


def bernoulli(logits):
    return LogitBernoulli(logits=logits, dtype=tf.float32)


@pytest.mark.parametrize("x", [0, 1])
def test_log_prob_against_scipy(x):
    found = bernoulli(LOGITS).log_prob(x)
    expected = log_expit((2.0 * x - 1.0) * LOGITS.astype("float64"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


def test_grey_pixels_have_the_cross_entropy_of_tfp():
    x = np.linspace(0, 1, len(LOGITS), dtype="float32")
    usual = tfp.distributions.Bernoulli(logits=LOGITS, dtype=tf.float32)
    np.testing.assert_allclose(
        bernoulli(LOGITS).log_prob(x), usual.log_prob(x), rtol=1e-6, atol=1e-5
    )


def test_gradient_is_what_is_missing():
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(bernoulli(logits).log_prob(1.0))
    np.testing.assert_allclose(tape.gradient(value, logits), 1 - expit(LOGITS), atol=1e-6)


def test_what_tfp_knows_of_it_stays():
    one, other = bernoulli(LOGITS[2:6]), bernoulli(LOGITS[3:7])
    p, q = expit(LOGITS[2:6]), expit(LOGITS[3:7])
    kl = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    np.testing.assert_allclose(tfp.distributions.kl_divergence(one, other), kl, rtol=1e-4)
    np.testing.assert_allclose(one.mean(), p, rtol=1e-6)
    assert one.copy(logits=LOGITS).batch_shape == LOGITS.shape
