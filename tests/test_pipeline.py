"""Arrays given to `fit`, `evaluate` and `predict`: the numbers of Keras, through our pipeline."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import data, models, pipeline

WEIGHTS = np.random.default_rng(3).random(50).astype("float32")


def noisy(images):
    noise = 0.2 * np.random.default_rng(0).standard_normal(images.shape)
    return (images + noise).astype("float32")


@functools.cache
def compiled(number):
    model = models.dense_ae((8, 8, 1), 3, hidden_units=(16,))
    model.compile(keras.optimizers.SGD(1e-4))
    return model, model.get_weights()


def autoencoder(number=0):
    """One of two models, always with the same weights."""
    model, _ = compiled(number)
    model.set_weights(compiled(0)[1])
    return model


class Watch(keras.callbacks.Callback):
    """What a callback is told of the length of the training."""

    def on_train_begin(self, logs=None):
        self.told = dict(self.params)
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


CASES = {  # keyword arguments of fit, from 50 images
    "images": lambda x: {"x": x},
    "batches of 16": lambda x: {"x": x, "batch_size": 16},
    "pairs": lambda x: {"x": noisy(x), "y": x, "batch_size": 16},
    "weights": lambda x: {"x": x, "y": x, "sample_weight": WEIGHTS, "batch_size": 16},
    "a split": lambda x: {"x": noisy(x), "y": x, "validation_split": 0.3, "batch_size": 16},
    "a split with weights": lambda x: {
        "x": x,
        "y": x,
        "sample_weight": WEIGHTS,
        "validation_split": 0.3,
        "validation_batch_size": 4,
    },
    "validation": lambda x: {
        "x": x,
        "validation_data": (noisy(x[:20]), x[:20], WEIGHTS[:20]),
        "validation_batch_size": 7,
        "validation_steps": 2,
    },
    "two steps of an epoch": lambda x: {"x": x, "batch_size": 16, "steps_per_epoch": 2},
    "steps without a batch size": lambda x: {"x": x, "steps_per_epoch": 3},
    "later epochs": lambda x: {"x": x, "batch_size": 16, "initial_epoch": 1},
}


# By default those that contain the others.
QUICK = ("a split with weights", "validation", "steps without a batch size", "later epochs")


@pytest.mark.parametrize(
    "case",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.shelf) for name in CASES],
)
def test_fit_gives_the_numbers_of_keras(case, grey):
    """In the same order: losses, weights, validation, and what callbacks are told."""
    arguments = {"epochs": 3, "shuffle": False, "verbose": 0, **CASES[case](grey[:50])}
    ours, keras_own = autoencoder(), autoencoder(1)
    mine, theirs = Watch(), Watch()
    history = ours.fit(**arguments, callbacks=[mine])
    expected = keras.Model.fit(keras_own, **arguments, callbacks=[theirs])
    assert history.epoch == expected.epoch
    assert history.history.keys() == expected.history.keys()
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5, err_msg=name)
    for one, other in zip(ours.get_weights(), keras_own.get_weights()):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert (mine.told, mine.batches) == (theirs.told, theirs.batches)


@pytest.mark.parametrize(
    "arguments",
    [{}, pytest.param({"batch_size": 7}, marks=pytest.mark.shelf), {"batch_size": 7, "steps": 3}],
)
def test_evaluate_and_predict_give_the_numbers_of_keras(arguments, grey):
    model, images = autoencoder(), grey[:50]
    rebuilt = model.predict(images, verbose=0, **arguments)
    expected = keras.Model.predict(model, images, verbose=0, **arguments)
    assert rebuilt.shape == expected.shape
    np.testing.assert_allclose(rebuilt, expected, atol=1e-6)
    for weight in (None, WEIGHTS):
        options = {"sample_weight": weight, "verbose": 0, "return_dict": True, **arguments}
        numbers = model.evaluate(noisy(images), images, **options)
        expected = keras.Model.evaluate(model, noisy(images), images, **options)
        assert numbers == pytest.approx(expected, rel=1e-5)


class Given(keras.Model):
    """What Keras is given by a model that comes before it in the order of the classes."""

    def fit(self, x=None, y=None, *, validation_data=None, **kwargs):
        self.given = [x, validation_data]

    def evaluate(self, x=None, y=None, **kwargs):
        self.given = [x]

    def predict(self, x, **kwargs):
        self.given = [x]


class Probe(models.Autoencoder, Given):
    pass


def test_no_thread_of_tf_data_tunes_what_keras_is_given(grey):
    whole = autoencoder()
    probe = Probe(whole.encoder, whole.decoder)
    calls = [
        lambda: probe.fit(grey, validation_split=0.25),
        lambda: probe.fit(noisy(grey), grey, validation_data=(noisy(grey), grey)),
        lambda: probe.evaluate(tf.constant(grey)),
        lambda: probe.predict(tf.constant(grey)),
    ]
    split = data.Split("test", np.zeros((4, 8, 8, 1), "uint8"))
    given = [data.batches(split, 2)]
    for call in calls:
        call()
        given += probe.given
    assert len(given) == 7
    for dataset in given:
        assert isinstance(dataset, tf.data.Dataset)
        assert dataset.options().autotune.enabled is False


def test_a_split_that_leaves_nothing_is_refused(grey):
    with pytest.raises(ValueError, match=r"validation_split=0\.1 leaves 0 of 1 images"):
        autoencoder().fit(grey[:1], validation_split=0.1, verbose=0)


# ---- order ------------------------------------------------------------------------------------


def rows(dataset):
    return [int(row) for batch in dataset for row in batch]


def test_shuffle_brings_each_row_once_in_a_new_order_each_epoch():
    dataset = pipeline.of_arrays(np.arange(100), batch_size=30, shuffle=True)
    first, second = rows(dataset), rows(dataset)
    assert sorted(first) == sorted(second) == list(range(100))
    assert len({tuple(first), tuple(second), tuple(range(100))}) == 3
    assert rows(pipeline.of_arrays(np.arange(100), batch_size=30)) == list(range(100))


def test_shuffle_of_batches_keeps_the_rows_together():
    dataset = pipeline.of_arrays(np.arange(100), batch_size=10, shuffle="batch")
    batches = [batch.numpy() for batch in dataset]
    assert [sorted(batch) for batch in batches] == np.arange(100).reshape(10, 10).tolist()
    assert any((np.diff(batch) != 1).any() for batch in batches)


def test_the_order_is_that_of_set_random_seed():
    def order(seed):
        keras.utils.set_random_seed(seed)
        dataset = pipeline.of_arrays(np.arange(60), batch_size=60, shuffle=True)
        return rows(dataset) + rows(dataset)

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_targets_and_weights_stay_with_their_images():
    x = np.arange(40)
    dataset = pipeline.of_arrays(x, 2 * x, 3 * x, batch_size=7, shuffle=True)
    for image, target, weight in dataset:
        np.testing.assert_array_equal(target, 2 * image)
        np.testing.assert_array_equal(weight, 3 * image)
