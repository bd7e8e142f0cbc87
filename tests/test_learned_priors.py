"""Each family that learns, through the life of a model: trained, published, loaded, exported."""

import numpy as np
import pytest
from test_export_programs import load as program

from keras_vae import data, export, recipe, training, zoo
from keras_vae.distributions import priors
from keras_vae.export.runtime.runtimes import open_file
from keras_vae.zoo import exporting

pytestmark = pytest.mark.shelf
CHOICES = {
    "flow": {"prior": priors.Flow(couplings=2, units=8)},
    "mixture": {"prior": priors.Mixture(components=4)},
    "vamp": {"prior": priors.VampPrior(components=4)},
    "iaf": {"posterior": "iaf", "prior": "flow"},
    "full_normal": {"prior": "full_normal"},
}


@pytest.fixture(scope="module", params=CHOICES)
def entry(request, tmp_path_factory):
    """(Run, folder of its entry)."""
    chosen = recipe.Recipe(
        name=f"dense_vae_{request.param}",
        data="digits",
        builder="dense_vae",
        arguments={"latent_dim": 4, "hidden_units": (16,), **CHOICES[request.param]},
        binarize="dynamic",
        epochs=1,
        importance_samples=5,
    )
    folder = tmp_path_factory.mktemp(request.param)
    run = training.run(chosen, folder / "states", verbose=0)
    zoo.publish(run, folder / "entry")
    return run, folder / "entry"


def test_the_entry_is_the_model(entry):
    run, folder = entry
    model, (z, pixels) = zoo.load(str(folder)), zoo.golden(str(folder))
    np.testing.assert_allclose(model.decode(z), pixels, atol=1e-5)
    np.testing.assert_allclose(model.sample(3, seed=2), run.model.sample(3, seed=2), atol=1e-5)
    np.testing.assert_allclose(model.prior.log_prob(z), run.model.prior.log_prob(z), atol=1e-4)
    assert model.fit(np.round(pixels), epochs=1, verbose=0).history["loss"][0] > 0


def test_the_same_call_finds_the_training_done(entry):
    run, folder = entry
    same = recipe.load(folder / "recipe.py")  # families anew, described as before
    again = training.run(same, folder.with_name("states"), verbose=0)
    assert again.numbers == run.numbers


@pytest.mark.parametrize("quantize", export.QUANTIZE)
def test_its_files_draw_and_decode(entry, quantize, tmp_path):
    run, _ = entry
    images = data.pixels(run.data.test, binarize="dynamic")[:32]
    path = tmp_path / "d.tflite"
    options = {"signatures": export.SIGNATURES, "calibration_images": images}
    made = export.tflite(run.model, path, quantize, **options)
    assert made.signatures == export.SIGNATURES
    assert export.verify(path, run.model)["mean_abs_error"] < 3 / 255
    drawn = open_file(path.read_bytes(), "interpreter")
    noise = np.random.default_rng(0).standard_normal((1, run.model.prior_family.noise_dim))
    noise = noise.astype("float32")
    expected = run.model.decode(np.asarray(run.model.prior_family.from_noise(noise)))
    found = drawn("from_noise", noise=noise)["images"]
    assert np.abs(found - expected).mean() < 6 / 255


def test_a_header_carries_the_prior(entry, tmp_path):
    """TensorFlow Lite Micro runs one signature: the one that draws, where normals are no codes."""
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 alone")
    run, folder = entry
    written = exporting.write(str(folder), tmp_path / "decoder.h", "c", "int8")
    assert written.row["mean_abs_error"] < 3 / 255
    header = (tmp_path / "decoder.h").read_text()
    inside = run.model.prior_family.makes_codes
    assert f'DECODER_INPUT_0_NAME "{"noise" if inside else "z"}"' in header


def test_a_program_without_the_library_draws_from_the_prior(entry, tmp_path):
    run, _ = entry
    export.tflite(run.model, tmp_path / "d.tflite")
    images, _ = program("run_tflite.py").decode(tmp_path / "d.tflite", 4, 3)
    noise = np.random.default_rng(3).standard_normal((4, run.model.prior_family.noise_dim))
    z = np.asarray(run.model.prior_family.from_noise(noise.astype("float32")))
    np.testing.assert_allclose(images, run.model.decode(z), atol=1e-4)


def test_its_saved_model_decodes(entry, tmp_path):
    run, _ = entry
    kept = export.saved_model(run.model, tmp_path / "saved")
    assert export.verify(kept.path, run.model)["max_abs_error"] < 1e-5
