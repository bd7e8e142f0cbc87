"""Every entry of the shelf in every format: the file itself is run and compared with Keras."""

import numpy as np
import pytest

from keras_vae import certification, export, zoo

MAX_ERROR_FLOAT32 = 1e-5
MEAN_ERROR = {"float16": 1 / 255, "dynamic": 3 / 255, "int8": 3 / 255}


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
    name, model = entry
    path = tmp_path / "decoder.tflite"
    images = None
    if quantize == "int8":
        images = certification.calibration_images(name)
        if images is None and not hasattr(model, "prior"):
            pytest.skip(f"{name} is calibrated on images; TFDS_DATA_DIR does not have its data")
    export.tflite(model, path, quantize, calibration_images=images)
    z, pixels = zoo.golden(name)
    row = export.verify(path, model, latents=z)
    if quantize is None:
        assert row["max_abs_error"] < MAX_ERROR_FLOAT32
    else:
        assert row["mean_abs_error"] < MEAN_ERROR[quantize]
    assert pixels.shape == (len(z), *model.image_shape)


@pytest.mark.parametrize("quantize", export.QUANTIZE)
def test_the_certificate_holds(entry, quantize, tmp_path):
    """Published nats against a few of the images: the file is as good as its card says."""
    name, model = entry
    published = zoo.info(name)["export"][quantize or "float32"]
    path = tmp_path / "decoder.tflite"
    try:
        images = certification.held_out_images(name, 300)
    except FileNotFoundError:
        pytest.skip(f"TFDS_DATA_DIR does not have the data of {name}")
    calibration = certification.calibration_images(name)
    artefact = export.tflite(model, path, quantize, calibration_images=calibration)
    assert artefact.bytes == pytest.approx(published["bytes"], rel=0.01)
    row = export.certify(path, model, images)
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
