"""A SavedModel does what the model does, and replaces only what it may replace."""

import numpy as np
import pytest
import tensorflow as tf
from export_models import codes, pictures, small

from keras_vae import export


@pytest.fixture(scope="module")
def vae():
    return small("conv_vae")


@pytest.fixture(scope="module")
def written(vae, tmp_path_factory):
    """The Artefact, and the signatures as TensorFlow loads them."""
    artefact = export.saved_model(vae, tmp_path_factory.mktemp("saved") / "model")
    return artefact, tf.saved_model.load(str(artefact.path))


def test_the_artefact_says_what_was_written(written):
    artefact, _ = written
    files = [file for file in artefact.path.rglob("*") if file.is_file()]
    assert (artefact.path / "saved_model.pb") in files
    assert artefact.bytes == sum(file.stat().st_size for file in files)
    assert (artefact.ops["Conv2DBackpropInput"], artefact.ops["DepthToSpace"]) == (1, 1)
    assert artefact.quantize is None


@pytest.mark.parametrize("count", [1, 5])
def test_signatures_give_what_the_model_gives(vae, written, count):
    signatures = written[1].signatures
    assert set(signatures) == {"encode", "decode", "sample", "reconstruct"}
    images, z = tf.constant(pictures(count)), tf.constant(codes(count))
    close = {"rtol": 0, "atol": 1e-5}
    np.testing.assert_allclose(
        signatures["encode"](images=images)["z"], vae.encode(images), **close
    )
    np.testing.assert_allclose(signatures["decode"](z=z)["images"], vae.decode(z), **close)
    np.testing.assert_allclose(
        signatures["reconstruct"](images=images)["images"], vae.reconstruct(images), **close
    )


def test_sample_draws_the_models_own_images(vae, written):
    sample = written[1].signatures["sample"]
    first = sample(count=tf.constant(4), seed=tf.constant(7))["images"].numpy()
    np.testing.assert_allclose(first, vae.sample(4, seed=7), rtol=0, atol=1e-5)
    other = sample(count=tf.constant(4), seed=tf.constant(8))["images"].numpy()
    assert np.abs(first - other).max() > 1e-3


def test_an_autoencoder_has_no_sample(tmp_path):
    model = small("dense_ae")
    export.saved_model(model, tmp_path / "ae")
    signatures = tf.saved_model.load(str(tmp_path / "ae")).signatures
    assert set(signatures) == {"encode", "decode", "reconstruct"}
    images = pictures(3)
    given = signatures["reconstruct"](images=tf.constant(images))["images"]
    np.testing.assert_allclose(given, model.reconstruct(images), rtol=0, atol=1e-5)


@pytest.mark.shelf
def test_a_mixed_precision_model_is_served_in_float32(set_policy, tmp_path):
    set_policy("mixed_bfloat16")
    mixed = small("conv_vae", spread=2.0)
    set_policy("float32")
    plain = small("conv_vae")
    plain.set_weights(mixed.get_weights())
    z, images = codes(), pictures()
    assert np.abs(mixed.decode(z) - plain.decode(z)).max() > 1e-4  # the two really differ
    export.saved_model(mixed, tmp_path / "m")
    signatures = tf.saved_model.load(str(tmp_path / "m")).signatures
    decoded = signatures["decode"](z=tf.constant(z))["images"]
    encoded = signatures["encode"](images=tf.constant(images))["z"]
    assert decoded.dtype == encoded.dtype == tf.float32
    np.testing.assert_allclose(decoded, plain.decode(z), rtol=0, atol=1e-5)
    np.testing.assert_allclose(encoded, plain.encode(images), rtol=0, atol=1e-5)


def test_an_old_saved_model_is_replaced_as_a_whole(tmp_path):
    old, new = small("dense_vae"), small("dense_vae", seed=1)
    export.saved_model(old, tmp_path / "m")
    (tmp_path / "m" / "assets" / "stale.txt").write_text("of the old one")
    export.saved_model(new, tmp_path / "m")
    z = tf.constant(codes())
    given = tf.saved_model.load(str(tmp_path / "m")).signatures["decode"](z=z)["images"]
    np.testing.assert_allclose(given, new.decode(z), rtol=0, atol=1e-5)
    assert not (tmp_path / "m" / "assets" / "stale.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]  # nothing left aside


def test_a_failed_export_keeps_the_old_one(vae, tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        export.saved_model(vae, tmp_path / "m")
    assert (tmp_path / "m" / "saved_model.pb").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_other_peoples_files_are_never_replaced(vae, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("text")
    with pytest.raises(FileExistsError, match=r"holds other files and no saved_model\.pb"):
        export.saved_model(vae, tmp_path / "notes")
    with pytest.raises(FileExistsError, match="it is a file"):
        export.saved_model(vae, tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        export.saved_model(vae, tmp_path / "missing" / "m")
    assert (tmp_path / "notes" / "thesis.tex").read_text() == "years"


def test_something_without_a_decoder(tmp_path):
    with pytest.raises(TypeError, match="received dict, which has none"):
        export.saved_model({}, tmp_path / "m")
    assert not list(tmp_path.iterdir())
