"""PixelCNN and PixelRNN as models: exact nats, fit, sample, save."""

import keras
import numpy as np
import pytest

from keras_vae import evaluate, export, models

SMALL = {"filters": 8, "blocks": 1, "head_filters": 8}


@pytest.fixture(
    scope="module", params=["pixel_cnn", pytest.param("pixel_rnn", marks=pytest.mark.shelf)]
)
def fitted(request, binary):
    model = models.build(request.param, image_shape=(8, 8, 1), **SMALL)
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(binary, epochs=4, batch_size=16, verbose=0).history
    return model, history


def test_it_learns(fitted):
    _, history = fitted
    assert history["nll"] == history["loss"]
    assert history["nll"][-1] < history["nll"][0] - 3


def test_its_report_is_exact(fitted, binary):
    model, _ = fitted
    told = evaluate.report(model, binary)
    nll = -model.log_prob(binary).mean()
    assert told == {
        "nll_nats": pytest.approx(nll),
        "bits_per_dim": pytest.approx(nll / 64 / np.log(2)),
        "images": 64,
    }
    assert model.evaluate(binary, verbose=0, return_dict=True)["nll"] == pytest.approx(
        nll, rel=1e-5
    )


def test_log_prob_is_the_same_in_parts_and_without_a_channel(fitted, binary):
    model, _ = fitted
    many = np.tile(binary, (5, 1, 1, 1))
    np.testing.assert_allclose(model.log_prob(many)[:64], model.log_prob(binary[..., 0]), rtol=1e-5)


def test_samples_repeat_for_a_seed_and_differ_without(fitted):
    model, _ = fitted
    first = model.sample(4, seed=3)
    assert first.shape == (4, 8, 8, 1)
    assert set(np.unique(first)) <= {0.0, 1.0}
    np.testing.assert_array_equal(first, model.sample(4, seed=3))
    assert np.any(first != model.sample(4, seed=4))
    assert np.any(model.sample(4) != model.sample(4))


def test_saved_and_loaded_it_is_the_same(fitted, binary, tmp_path):
    model, _ = fitted
    model.save(tmp_path / "pixels.keras")
    again = keras.saving.load_model(tmp_path / "pixels.keras")
    np.testing.assert_array_equal(again.log_prob(binary), model.log_prob(binary))
    np.testing.assert_array_equal(again.sample(2, seed=1), model.sample(2, seed=1))


def test_what_does_not_apply_is_said(fitted, tmp_path):
    model, _ = fitted
    with pytest.raises(TypeError, match="Autoregressive, which has none"):
        export.tflite(model, tmp_path / "none.tflite")
    with pytest.raises(ValueError, match="count must be an integer of at least 1"):
        model.sample(0)
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        model.log_prob(np.full((1, 8, 8, 1), 255.0))


def test_a_network_of_another_likelihood_is_refused(fitted):
    model, _ = fitted
    with pytest.raises(ValueError, match=r"needs \(8, 8, 2\)"):
        models.Autoregressive(model.network, likelihood="discretized_logistic")
