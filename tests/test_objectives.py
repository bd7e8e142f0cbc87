"""What a VAE minimises, as arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import objectives

DISTORTION = tf.constant([10.0, 20.0, 30.0])
RATE = tf.constant([1.0, 2.0, 5.0])
TERMS = objectives.Terms(DISTORTION[None], RATE, RATE[None])


def test_elbo_is_distortion_plus_rate():
    loss = objectives.ELBO().loss(TERMS)
    np.testing.assert_allclose(loss, [11, 22, 35])


def test_beta_weighs_the_rate_only():
    np.testing.assert_allclose(objectives.ELBO(beta=4.0).loss(TERMS), [14, 28, 50])
    np.testing.assert_allclose(objectives.ELBO(beta=0.0).loss(TERMS), DISTORTION)


def test_free_nats_cost_the_same_used_or_not_and_stop_the_gradient():
    objective = objectives.ELBO(free_nats=3.0)
    np.testing.assert_allclose(objective.loss(TERMS), [13, 23, 35])
    with tf.GradientTape() as tape:
        tape.watch(TERMS.rate)
        loss = objective.loss(TERMS)
    np.testing.assert_allclose(tape.gradient(loss, RATE), [0, 0, 1])


def test_warmup_scales_beta():
    objective = objectives.ELBO(beta=2.0, free_nats=1.5)
    np.testing.assert_allclose(objective.loss(TERMS, 0.5), [11.5, 22, 35])
    np.testing.assert_allclose(objective.loss(TERMS, 0.0), DISTORTION)


def two_draws():
    """Two draws of three images: their terms, and the log weights that they amount to."""
    generator = np.random.default_rng(0)
    distortion, sampled = generator.normal(90, 3, (2, 3)), generator.normal(25, 2, (2, 3))
    terms = objectives.Terms(
        tf.constant(distortion, tf.float32),
        tf.constant(sampled.mean(axis=0), tf.float32),
        tf.constant(sampled, tf.float32),
    )
    return terms, distortion, sampled


def test_elbo_is_the_mean_over_draws():
    terms, distortion, sampled = two_draws()
    loss = objectives.ELBO().loss(terms)
    np.testing.assert_allclose(loss, (distortion + sampled).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("warmup", [1.0, 0.25])
def test_iwae_is_the_log_of_the_mean_weight(warmup):
    terms, distortion, sampled = two_draws()
    weights = np.exp(-(distortion + warmup * sampled))
    loss = objectives.IWAE(samples=2).loss(terms, warmup)
    np.testing.assert_allclose(loss, -np.log(weights.mean(axis=0)), rtol=1e-6)
    assert np.all(loss < -np.log(weights).mean(axis=0))  # Jensen: tighter than the ELBO


def test_iwae_of_one_draw_is_the_elbo_with_a_sampled_rate():
    np.testing.assert_allclose(objectives.IWAE(samples=1).loss(TERMS), [11, 22, 35])


@pytest.mark.parametrize("samples", [0, -1, 2.0, True, None])
def test_iwae_needs_a_positive_number_of_draws(samples):
    with pytest.raises(ValueError, match="samples must be an integer of at least 1"):
        objectives.IWAE(samples=samples)


def test_warmup_starts_at_one_and_is_not_trained():
    warmup = objectives.ELBO().warmup
    assert float(warmup) == 1.0
    assert not warmup.trainable


def test_serialisation_keeps_beta_and_free_nats():
    config = keras.saving.serialize_keras_object(objectives.ELBO(beta=4, free_nats=0.5))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, objectives.ELBO)
    assert again.get_config() == {"beta": 4.0, "free_nats": 0.5}

    config = keras.saving.serialize_keras_object(objectives.IWAE(samples=7))
    assert keras.saving.deserialize_keras_object(config).samples == 7


@pytest.mark.parametrize("arguments", [{"beta": -1}, {"free_nats": -0.1}])
def test_negative_weights_are_refused(arguments):
    with pytest.raises(ValueError, match="at least 0"):
        objectives.ELBO(**arguments)


def test_choice_by_name_or_instance():
    assert isinstance(objectives.get("elbo"), objectives.ELBO)
    mine = objectives.ELBO(beta=2)
    assert objectives.get(mine) is mine
    with pytest.raises(ValueError, match=r"Unknown objective 'ebo'.*Did you mean 'elbo'"):
        objectives.get("ebo")
