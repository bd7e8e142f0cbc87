"""Every entry of the shelf in every format: the file itself is run and compared with Keras."""

import numpy as np
import pytest

from keras_vae import certification, export, zoo
from keras_vae.export.runtimes import LITERT, open_file

MAX_ERROR_FLOAT32 = 1e-5
MEAN_ERROR = {"float16": 1 / 255, "dynamic": 3 / 255, "int8": 3 / 255}
COARSER = {("conv_vae_mnist", "int8"): 4 / 255}  # deep and narrow: its activations need more bits


@pytest.fixture(scope="module", params=zoo.names())
def entry(request):
    return request.param, zoo.load(request.param)


def test_saved_model(entry, tmp_path):
    _, model = entry
    export.saved_model(model, tmp_path / "model")
    row = export.verify(tmp_path / "model", model)
    assert row["max_abs_error"] < MAX_ERROR_FLOAT32


@pytest.mark.parametrize("quantize", export.QUANTIZE)
def test_tflite(entry, quantize, tmp_path):
    """The file in every runtime, against the golden pixels and against its certificate."""
    name, model = entry
    path = tmp_path / "decoder.tflite"
    calibration = certification.calibration_images(name) if quantize == "int8" else None
    if quantize == "int8" and calibration is None and not hasattr(model, "prior"):
        pytest.skip(f"{name} is calibrated on images; TFDS_DATA_DIR does not have its data")
    artefact = export.tflite(model, path, quantize, calibration_images=calibration)
    z, pixels = zoo.golden(name)
    row = export.verify(path, model, latents=z)
    if quantize is None:
        assert row["max_abs_error"] < MAX_ERROR_FLOAT32
    else:
        assert row["mean_abs_error"] < COARSER.get((name, quantize), MEAN_ERROR[quantize])
    files = {runtime: open_file(path.read_bytes(), runtime) for runtime in LITERT}
    found = {
        runtime: np.concatenate([file("decode", z=code[None])["images"] for code in z])
        for runtime, file in files.items()
    }
    for images in found.values():
        assert images.shape == pixels.shape
        error = np.abs(images - pixels)
        assert error.max() < MAX_ERROR_FLOAT32 or quantize is not None
        assert error.mean() == pytest.approx(row["mean_abs_error"], abs=1e-5)
        np.testing.assert_allclose(images, found["interpreter"], atol=1e-6)
    _check_certificate(name, model, artefact)


def _check_certificate(name, model, artefact):
    """The published nats against a few of the images: the file is as good as its card says."""
    published = zoo.info(name)["export"][artefact.quantize or "float32"]
    assert artefact.bytes == pytest.approx(published["bytes"], rel=0.01)
    try:
        images = certification.held_out_images(name, 300)
    except FileNotFoundError:
        return  # verified above; its nats need the data
    row = export.certify(artefact.path, model, images)
    error = np.hypot(row["nats_lost_error"], published["nats_lost_error"])
    assert row["nats_lost"] == pytest.approx(published["nats_lost"], abs=4 * error + 1e-3)
    assert row["psnr_db"] == pytest.approx(published["psnr_db"], abs=2)


def test_quantised_files_are_smaller(entry, tmp_path):
    _, model = entry
    sizes = {}
    for quantize in (None, "float16", "dynamic"):
        artefact = export.tflite(model, tmp_path / f"{quantize}.tflite", quantize)
        sizes[quantize] = artefact.bytes
    assert sizes["float16"] < 0.6 * sizes[None]
    assert sizes["dynamic"] < sizes["float16"]
