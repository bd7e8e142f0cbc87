"""What a VAE minimises, as arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import objectives

DISTORTION = tf.constant([10.0, 20.0, 30.0])
RATE = tf.constant([1.0, 2.0, 5.0])


def test_elbo_is_distortion_plus_rate():
    loss = objectives.ELBO().loss(DISTORTION, RATE)
    np.testing.assert_allclose(loss, [11, 22, 35])


def test_beta_weighs_the_rate_only():
    np.testing.assert_allclose(objectives.ELBO(beta=4.0).loss(DISTORTION, RATE), [14, 28, 50])
    np.testing.assert_allclose(objectives.ELBO(beta=0.0).loss(DISTORTION, RATE), DISTORTION)


def test_free_nats_cost_the_same_used_or_not_and_stop_the_gradient():
    objective = objectives.ELBO(free_nats=3.0)
    np.testing.assert_allclose(objective.loss(DISTORTION, RATE), [13, 23, 35])
    with tf.GradientTape() as tape:
        tape.watch(RATE)
        loss = objective.loss(DISTORTION, RATE)
    np.testing.assert_allclose(tape.gradient(loss, RATE), [0, 0, 1])


def test_warmup_scales_beta():
    objective = objectives.ELBO(beta=2.0, free_nats=1.5)
    np.testing.assert_allclose(objective.loss(DISTORTION, RATE, 0.5), [11.5, 22, 35])
    np.testing.assert_allclose(objective.loss(DISTORTION, RATE, 0.0), DISTORTION)


def test_warmup_starts_at_one_and_is_not_trained():
    warmup = objectives.ELBO().warmup
    assert float(warmup) == 1.0
    assert not warmup.trainable


def test_serialisation_keeps_beta_and_free_nats():
    config = keras.saving.serialize_keras_object(objectives.ELBO(beta=4, free_nats=0.5))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, objectives.ELBO)
    assert again.get_config() == {"beta": 4.0, "free_nats": 0.5}


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
