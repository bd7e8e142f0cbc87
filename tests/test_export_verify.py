"""verify runs the file itself, and says so when the file is not what it should be."""

import re

import numpy as np
import pytest
import tensorflow as tf
from export_models import LATENT_DIM, SHAPE, codes, small

from keras_vae import export, models
from keras_vae.export.graph import decoder

KEYS = {
    "file",
    "bytes",
    "kib",
    "max_abs_error",
    "mean_abs_error",
    "microseconds_per_image",
    "ops",
}


@pytest.fixture(scope="module")
def vae():
    return small("dense_vae")


@pytest.fixture(scope="module")
def artefact(vae, tmp_path_factory):
    return export.tflite(vae, tmp_path_factory.mktemp("exported") / "decoder.tflite")


def test_a_faithful_file(vae, artefact):
    row = export.verify(artefact.path, vae)
    assert set(row) == KEYS
    assert row["file"] == "decoder.tflite"
    assert row["bytes"] == artefact.bytes == artefact.path.stat().st_size
    assert row["kib"] == pytest.approx(artefact.bytes / 1024, abs=0.06)
    assert row["mean_abs_error"] <= row["max_abs_error"] <= 1e-5
    assert 0 < row["microseconds_per_image"] < 1e6
    assert row["ops"] == sum(artefact.ops.values())


def test_the_error_is_that_of_the_pixels(artefact):
    other, twin = small("dense_vae", seed=1), small("dense_vae")
    assert export.verify(artefact.path, other, codes())["max_abs_error"] > 0.01
    assert export.verify(artefact.path, twin, codes())["max_abs_error"] < 1e-5


def test_the_error_has_its_known_size(vae, artefact, monkeypatch):
    truth = decoder.decode
    monkeypatch.setattr(decoder, "decode", lambda *args: truth(*args) + np.float32(0.25))
    row = export.verify(artefact.path, vae)
    assert row["mean_abs_error"] == pytest.approx(0.25, abs=1e-4)
    assert row["max_abs_error"] == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize("batch", [3, 40])
def test_a_static_batch_of_several(vae, batch, tmp_path):
    path = export.tflite(vae, tmp_path / "d.tflite", batch=batch).path
    assert export.verify(path, vae)["max_abs_error"] <= 1e-5  # 32 codes, so the last is not full


def test_default_codes(vae):
    draws = decoder.trial_codes(vae, 2000, seed=0)
    np.testing.assert_array_equal(draws, decoder.trial_codes(vae, 2000, seed=0))
    for z in (draws, decoder.trial_codes(small("dense_ae"), 2000, seed=0)):
        assert z.shape == (2000, LATENT_DIM)
        assert abs(z.mean()) < 0.1
        assert z.std() == pytest.approx(1, abs=0.1)


def test_a_saved_model(vae, tmp_path):
    saved = export.saved_model(vae, tmp_path / "m")
    row = export.verify(saved.path, vae)
    assert set(row) == KEYS
    assert (row["file"], row["bytes"]) == ("m", saved.bytes)
    assert row["max_abs_error"] <= 1e-6
    assert row["ops"] == sum(saved.ops.values())


def test_a_mixed_precision_model_is_compared_in_float32(set_policy, tmp_path):
    set_policy("mixed_bfloat16")
    mixed = small("dense_vae", spread=2.0)
    path = export.tflite(mixed, tmp_path / "d.tflite").path
    assert export.verify(path, mixed)["max_abs_error"] <= 1e-5


# ---- errors --------------------------------------------------------------------------------------


def test_missing_garbage_and_truncated_files(vae, artefact, tmp_path):
    with pytest.raises(FileNotFoundError, match="No exported file at"):
        export.verify(tmp_path / "missing.tflite", vae)
    path = tmp_path / "d.tflite"
    content = artefact.path.read_bytes()
    for garbage in (b"", b"TFL3", b"\0" * 400):
        path.write_bytes(garbage)
        with pytest.raises(ValueError, match=r"is not a \.tflite file"):
            export.verify(path, vae)
    for length in (8, 100, len(content) // 2, len(content) - 8):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is broken"):
            export.verify(path, vae)


def test_the_file_of_another_model(artefact, vae, tmp_path):
    wide = small("dense_vae", image_shape=(10, 8, 2))
    with pytest.raises(ValueError, match="exported from another model"):
        export.verify(artefact.path, wide)
    with pytest.raises(ValueError, match="takes codes of 3 numbers; received 5"):
        export.verify(artefact.path, models.build("dense_vae", image_shape=SHAPE, latent_dim=5))
    function = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((2, 3))])
    graph = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
    (tmp_path / "plus.tflite").write_bytes(converter.convert())
    with pytest.raises(ValueError, match="is no decoder"):
        export.verify(tmp_path / "plus.tflite", vae)


def test_a_folder_that_is_no_saved_model(vae, tmp_path):
    with pytest.raises(ValueError, match=r"is no SavedModel of export\.saved_model"):
        export.verify(tmp_path, vae)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (0, LATENT_DIM)])
def test_latents_of_another_shape(vae, artefact, shape):
    with pytest.raises(ValueError, match=r"latents must have shape \(N, 3\)"):
        export.verify(artefact.path, vae, np.zeros(shape))


def test_no_model(artefact):
    with pytest.raises(TypeError, match="writes the decoder of a model with a code"):
        export.verify(artefact.path, None)


# ---- the table -----------------------------------------------------------------------------------


def test_table():
    row = {
        "model": "conv",
        "file": "d.tflite",
        "bytes": 2048,
        "kib": 2.0,
        "max_abs_error": 1 / 255,
        "mean_abs_error": 0.5 / 255,
        "microseconds_per_image": 123.4,
        "ops": 7,
    }
    text = re.sub(" +", " ", export.table([row, {**row, "file": "e.tflite"}]))
    lines = text.splitlines()
    assert lines[0].startswith("| model | file | KiB |")
    assert re.sub("-+", "-", lines[1]) == "|:-|:-|-:|-:|-:|-:|-:|"
    assert lines[2] == "| conv | `d.tflite` | 2.0 | 1 | 0.5 | 123 | 7 |"
    assert len(lines) == 4
    with pytest.raises(ValueError, match="at least one row"):
        export.table([])
