"""Warm-up of beta over time, and pictures that TensorBoard can read."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import callbacks, models, plot


class Watch(keras.callbacks.Callback):
    """Notes the warm-up of every step, and of every validation."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(float(self.model.objective.warmup))


@functools.cache
def vae():
    """One model, whose steps change nothing."""
    model = models.dense_vae((8, 8, 1), latent_dim=3, hidden_units=(8,))
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    return model


def watched(warmup, images, **options):
    """The factor on beta at each of the four steps of each epoch."""
    watch, model = Watch(), vae()
    model.fit(images, batch_size=16, verbose=0, callbacks=[warmup, watch], **options)
    assert float(model.objective.warmup) == 1.0
    return watch.weights


def test_linear_warmup_rises_step_by_step(binary):
    weights = watched(callbacks.BetaWarmup(2), binary, epochs=3)
    np.testing.assert_allclose(weights, [*np.arange(8) / 8, 1, 1, 1, 1], atol=1e-6)


def test_fraction_of_an_epoch(binary):
    weights = watched(callbacks.BetaWarmup(0.5), binary, epochs=1)
    np.testing.assert_allclose(weights, [0, 0.5, 1, 1], atol=1e-6)


def test_cyclical_warmup_starts_again_in_each_cycle(binary):
    weights = watched(callbacks.BetaWarmup(4, cycles=2), binary, epochs=5)
    cycle = [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    np.testing.assert_allclose(weights, [*cycle, *cycle, 1, 1, 1, 1], atol=1e-6)


def test_rising_part_of_a_cycle():
    warmup = callbacks.BetaWarmup(10, cycles=2, rising=0.8)
    progress = [0, 2, 4, 4.9, 5, 7, 9, 10, 50]
    expected = [0, 0.5, 1, 1, 0, 0.5, 1, 1, 1]
    np.testing.assert_allclose([warmup.weight(p) for p in progress], expected)


def test_resumed_training_goes_on_where_it_was(binary):
    weights = watched(callbacks.BetaWarmup(4), binary, initial_epoch=2, epochs=3)
    np.testing.assert_allclose(weights, [0.5, 0.5625, 0.625, 0.6875], atol=1e-6)


def test_pipeline_of_known_and_unknown_length(binary):
    known = tf.data.Dataset.from_tensor_slices(binary).batch(16)
    unknown = known.filter(lambda _: True)

    def weights(dataset):
        watch, model = Watch(), vae()
        model.fit(dataset, epochs=2, verbose=0, callbacks=[callbacks.BetaWarmup(2), watch])
        return watch.weights

    np.testing.assert_allclose(weights(known), np.arange(8) / 8, atol=1e-6)
    np.testing.assert_allclose(weights(unknown)[4], 0.5, atol=1e-6)  # at least once an epoch


def test_warmup_scales_the_loss_and_validation_sees_the_whole(binary):
    model = vae()
    history = model.fit(
        binary,
        epochs=1,
        validation_data=binary,
        batch_size=64,
        verbose=0,
        callbacks=[callbacks.BetaWarmup(2)],
    ).history
    assert history["rate"][0] > 0.01
    assert history["loss"][0] == pytest.approx(history["distortion"][0], abs=1e-3)
    whole = history["val_distortion"][0] + history["val_rate"][0]
    assert history["val_loss"][0] == pytest.approx(whole, abs=1e-3)


@pytest.mark.parametrize(
    "arguments", [{"epochs": 0}, {"epochs": 3, "cycles": 0}, {"epochs": 3, "rising": 0}]
)
def test_senseless_warmups_are_refused(arguments):
    with pytest.raises(ValueError, match="BetaWarmup needs epochs above 0"):
        callbacks.BetaWarmup(**arguments)


def test_warmup_of_an_autoencoder_is_refused(grey):
    model = models.dense_ae((8, 8, 1), latent_dim=3, hidden_units=(8,))
    model.compile()
    with pytest.raises(ValueError, match="Autoencoder has no rate"):
        model.fit(grey, verbose=0, callbacks=[callbacks.BetaWarmup(2)])


# ---- SampleGrid -------------------------------------------------------------------------------


def pictures(folder):
    """{(tag, step): (H, W, C) uint8} of all events below a folder."""
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    reader = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    reader.Reload()
    found = {}
    for tag in reader.Tags()["tensors"]:
        for event in reader.Tensors(tag):
            encoded = event.tensor_proto.string_val[2]  # after width and height
            found[tag, event.step] = tf.io.decode_png(encoded).numpy()
    return found


def test_sample_grid_writes_what_tensorboard_reads(binary, tmp_path):
    model = vae()
    grid = callbacks.SampleGrid(tmp_path, images=binary, count=12, every=2, seed=3)
    model.fit(binary, epochs=4, verbose=0, callbacks=[grid])
    found = pictures(tmp_path)
    assert set(found) == {(tag, step) for tag in ("samples", "reconstructions") for step in (2, 4)}
    expected = plot.grid(model.sample(12, seed=3))[..., None]
    assert found["samples", 4].shape == expected.shape
    np.testing.assert_allclose(found["samples", 4].astype(int), expected.astype(int), atol=1)
    expected = plot.pairs(binary[:12], model.reconstruct(binary[:12]))[..., None]
    assert found["reconstructions", 2].shape == expected.shape


def test_sample_grid_of_an_autoencoder_shows_reconstructions(grey, tmp_path):
    model = models.dense_ae((8, 8, 1), latent_dim=3, hidden_units=(8,))
    model.compile()
    grid = callbacks.SampleGrid(tmp_path, images=grey[..., 0], count=4)
    model.fit(grey, epochs=1, verbose=0, callbacks=[grid])
    assert set(pictures(tmp_path)) == {("reconstructions", 1)}


def test_sample_grid_without_anything_to_show_is_refused(grey, tmp_path):
    model = models.dense_ae((8, 8, 1), latent_dim=3, hidden_units=(8,))
    model.compile()
    with pytest.raises(ValueError, match="SampleGrid needs images= for Autoencoder"):
        model.fit(grey, verbose=0, callbacks=[callbacks.SampleGrid(tmp_path)])
