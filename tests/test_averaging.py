"""The average of the steps: its numbers, its start, its length, and what a checkpoint keeps."""

import keras
import numpy as np
import pytest

from keras_vae.averaging import AveragedAdam


def momentum(step, longest):
    return min(longest, (1 + step) / (10 + step))


def averages(weights, longest):
    """What the average is after each step, from the weights after each step."""
    average, found = 0.0, []
    for step, weight in enumerate(weights):
        kept = momentum(step, longest) if step else 0.0
        average = kept * average + (1 - kept) * weight
        found.append(average)
    return found


def walk(optimizer, variable, steps, seed=0):
    """Steps along random gradients; the weights after each."""
    random, weights = np.random.default_rng(seed), []
    for _ in range(steps):
        gradient = random.standard_normal(variable.shape).astype("float32")
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        weights.append(np.array(variable))
    return weights


@pytest.mark.parametrize("longest", [0.5, 0.999])
def test_it_is_the_average_of_the_formula(longest):
    variable = keras.Variable(np.ones(3, "float32"))
    optimizer = AveragedAdam(0.1, ema_momentum=longest)
    expected = averages(walk(optimizer, variable, 40), longest)[-1]
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(np.array(variable), expected, rtol=1e-4, atol=1e-6)


def test_a_short_training_forgets_its_start_and_a_long_one_is_averaged_as_keras_does():
    left = np.prod([momentum(step, 0.999) for step in range(1, 300)])
    assert left < 1e-10 < 0.7 < 0.999**299  # what is left of the first step's weights
    optimizer = AveragedAdam(ema_momentum=0.999)
    optimizer.build([keras.Variable(np.ones(2, "float32"))])
    for step, expected in [(0, 0.1), (8, 0.5), (90, 0.91), (9000, 0.999), (10**6, 0.999)]:
        optimizer.iterations.assign(step)
        assert float(optimizer.ema_momentum) == pytest.approx(expected, abs=1e-5)


def test_a_training_that_goes_on_from_a_file_averages_as_one_that_was_not_interrupted(
    grey, tmp_path
):
    from keras_vae import models

    def fit(model, epochs):
        model.fit(grey, batch_size=16, epochs=epochs, shuffle=False, verbose=0)

    keras.utils.set_random_seed(0)
    model = models.dense_ae((8, 8, 1), 3, hidden_units=(8,))
    model.compile(AveragedAdam(1e-2, ema_momentum=0.99))
    model.optimizer.build(model.trainable_variables)
    start = [variable.numpy() for variable in model.trainable_variables]
    swap = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epoch == 1 and model.save(tmp_path / "two.keras")
    )
    model.fit(grey, batch_size=16, epochs=4, shuffle=False, verbose=0, callbacks=[swap])
    again = keras.saving.load_model(tmp_path / "two.keras")
    assert type(again.optimizer) is AveragedAdam
    assert again.optimizer.get_config()["ema_momentum"] == 0.99
    assert again.optimizer.iterations == 8
    fit(again, 2)
    pairs = zip(model.trainable_variables, again.trainable_variables, start)
    for one, other, first in pairs:
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert np.size(first) < 2 or (one.numpy() != first).any()
