"""GECO: its multiplier moves in training alone, is saved, and brings the distortion to target."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import data, models, objectives
from keras_vae.choice import copied


def vae(objective):
    return models.dense_vae((8, 8, 1), 4, hidden_units=(32,), objective=objective)


def test_loss_and_update():
    objective = objectives.GECO(target=8.0, speed=0.01, momentum=0.0)
    terms = objectives.Terms(tf.constant([[9.0, 11.0]]), tf.constant([2.0, 3.0]), None)
    np.testing.assert_allclose(objective.loss(terms), [3, 6])  # the multiplier is 1
    objective.update(terms)
    assert float(objective.multiplier) == pytest.approx(np.exp(0.01 * 2))
    multiplier = np.exp(0.02)
    np.testing.assert_allclose(
        objective.loss(terms), [2 + multiplier, 3 + 3 * multiplier], rtol=1e-6
    )
    far = objectives.Terms(tf.constant([[900.0]]), None, None)
    objective.update(far)
    assert float(objective.multiplier) == pytest.approx(multiplier * np.exp(0.1))  # no further
    other = copied(objective)
    assert other is not objective
    assert [float(v) for v in other.weights] == [float(v) for v in objective.weights]


def test_average_smooths_the_constraint():
    objective = objectives.GECO(target=0.0, speed=0.01, momentum=0.9)
    for distortion in (1.0, 3.0):
        objective.update(objectives.Terms(tf.constant([[distortion]]), None, None))
    assert float(objective.average) == pytest.approx(0.9 * 0.1 + 0.3)
    assert float(objective.multiplier) == pytest.approx(np.exp(0.01 * (0.1 + 0.39)))


def test_multiplier_is_of_training_and_is_saved(binary, tmp_path):
    model = vae(objectives.GECO(target=10.0, speed=0.01))
    model.compile(keras.optimizers.Adam(1e-3))
    model.evaluate(binary, verbose=0)
    assert float(model.objective.multiplier) == 1.0
    model.fit(binary, epochs=2, verbose=0)
    multiplier = float(model.objective.multiplier)
    assert multiplier > 1.0
    assert len(model.trainable_variables) == len(vae("elbo").trainable_variables)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    other = vae(objectives.GECO(target=10.0))
    other.load_weights(tmp_path / "m.weights.h5")
    for again in (keras.saving.load_model(tmp_path / "m.keras"), other):
        assert float(again.objective.multiplier) == pytest.approx(multiplier)
        assert float(again.objective.average) == pytest.approx(float(model.objective.average))


def test_multiplier_settles_where_the_target_is_met():
    """Of networks that answer to a multiplier m by a distortion of 20 - 4 log m."""
    objective = objectives.GECO(target=14.0, speed=0.02, momentum=0.5)
    for _ in range(150):
        distortion = 20.0 - 4.0 * tf.math.log(objective.multiplier.value)
        objective.update(objectives.Terms(distortion[None, None], None, None))
    assert float(distortion) == pytest.approx(14.0, abs=0.05)


def test_target_is_asked_for():
    with pytest.raises(ValueError, match="GECO needs target="):
        objectives.get("geco")
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\)"):
        objectives.GECO(target=1.0, momentum=1)


@pytest.mark.shelf
def test_a_training_ends_at_its_target():
    """17 nats where the ELBO's training ends near 20: the rate rises until they are met."""
    digits = data.load("digits")
    batches = data.batches(digits.train, 64, shuffle=True, binarize="dynamic")
    keras.utils.set_random_seed(0)
    objective = objectives.GECO(target=17.0)
    model = models.dense_vae((8, 8, 1), 8, hidden_units=(64, 64), objective=objective)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(batches, epochs=100, verbose=0).history
    assert np.mean(history["distortion"][-5:]) == pytest.approx(17.0, abs=0.5)
    assert 4.0 < history["rate"][-1] < 12.0
