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


def test_capacity_is_met_from_both_sides_and_grows_with_the_warmup():
    objective = objectives.ELBO(beta=10.0, capacity=4.0)
    np.testing.assert_allclose(objective.loss(TERMS), [10 + 30, 20 + 20, 30 + 10])
    np.testing.assert_allclose(objective.loss(TERMS, 0.25), [10, 20 + 10, 30 + 40])
    with pytest.raises(ValueError, match=r"capacity=4.0 already .* free_nats=1"):
        objectives.ELBO(capacity=4.0, free_nats=1)


def test_elbo_is_the_mean_over_draws():
    terms = objectives.Terms(tf.constant([[9.0, 20], [11, 30]]), RATE[:2], tf.zeros((2, 2)))
    np.testing.assert_allclose(objectives.ELBO().loss(terms), [11, 27])


def test_warmup_starts_at_one_and_is_not_trained():
    warmup = objectives.ELBO().warmup
    assert float(warmup) == 1.0
    assert not warmup.trainable


def test_serialisation_keeps_beta_and_free_nats():
    config = keras.saving.serialize_keras_object(objectives.ELBO(beta=4, free_nats=0.5))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, objectives.ELBO)
    assert again.get_config() == {"beta": 4.0, "free_nats": 0.5}

    held = objectives.ELBO(beta=100, capacity=25)
    assert objectives.ELBO.from_config(held.get_config()).capacity == 25.0


@pytest.mark.parametrize("arguments", [{"beta": -1}, {"free_nats": -0.1}, {"capacity": -1}])
def test_negative_weights_are_refused(arguments):
    with pytest.raises(ValueError, match="at least 0"):
        objectives.ELBO(**arguments)


def test_choice_by_name_or_instance():
    assert isinstance(objectives.get("elbo"), objectives.ELBO)
    mine = objectives.ELBO(beta=2)
    assert objectives.get(mine) is mine
    with pytest.raises(ValueError, match=r"Unknown objective 'ebo'.*Did you mean 'elbo'"):
        objectives.get("ebo")
