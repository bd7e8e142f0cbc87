"""Every entry of the shelf in every format: the file itself is run and compared with Keras."""

import numpy as np
import pytest
from integers import logit_step, within_one_step

from keras_vae import certification, export, zoo
from keras_vae.export.runtimes import LITERT, open_file

MAX_ERROR_FLOAT32 = 1e-5
MEAN_ERROR = {"float16": 1 / 255, "dynamic": 3 / 255, "int8": 3 / 255}
# What TensorFlow Lite Micro does not run of any entry, with its reason in its own words; and what
# it runs but not within a step of LiteRT for 99 % of the pixels.
MICRO_REFUSES = {
    "float16": "dequantize_common.cc",  # stored as float16 and expanded while running
    "dynamic": "FLOAT32 with filter type: INT8 not supported|Hybrid models are not supported",
}
MICRO_DIFFERS = {  # its kernels round halves otherwise than XNNPACK's, and here it adds up
    ("conv_ae_mnist", "int8"),
    ("conv_vae_mnist", "int8"),
    ("conv_vae_mnist_micro", "int8"),
    ("dense_vae_mnist", "int8"),
}


@pytest.fixture(scope="module", params=zoo.names())
def entry(request):
    return request.param, zoo.load(request.param)


@pytest.fixture(scope="module")
def files(entry, tmp_path_factory):
    """function (quantize) -> Artefact of the entry's decoder, converted once."""
    name, model = entry
    folder, done = tmp_path_factory.mktemp(name), {}

    def file(quantize):
        calibration = certification.calibration_images(name) if quantize == "int8" else None
        if quantize == "int8" and calibration is None and not hasattr(model, "prior"):
            pytest.skip(f"{name} is calibrated on images; TFDS_DATA_DIR does not have its data")
        if quantize not in done:
            path = folder / f"{quantize}.tflite"
            done[quantize] = export.tflite(model, path, quantize, calibration_images=calibration)
        return done[quantize]

    return file


def test_saved_model(entry, tmp_path):
    _, model = entry
    export.saved_model(model, tmp_path / "model")
    row = export.verify(tmp_path / "model", model)
    assert row["max_abs_error"] < MAX_ERROR_FLOAT32


@pytest.mark.parametrize("quantize", export.QUANTIZE)
def test_tflite(entry, files, quantize):
    """The file in every runtime, against the golden pixels and against its certificate."""
    name, model = entry
    artefact = files(quantize)
    path = artefact.path
    z, pixels = zoo.golden(name)
    row = export.verify(path, model, latents=z)
    if quantize is None:
        assert row["max_abs_error"] < MAX_ERROR_FLOAT32
    else:
        assert row["mean_abs_error"] < MEAN_ERROR[quantize]
    found = {runtime: decoded(path.read_bytes(), runtime, z) for runtime in LITERT}
    for images in found.values():
        assert images.shape == pixels.shape
        error = np.abs(images - pixels)
        assert error.max() < MAX_ERROR_FLOAT32 or quantize is not None
        assert error.mean() == pytest.approx(row["mean_abs_error"], abs=1e-5)
        np.testing.assert_allclose(images, found["interpreter"], atol=1e-6)
    _check_certificate(name, model, artefact)


@pytest.mark.parametrize("quantize", export.QUANTIZE)
def test_tflite_in_micro(entry, files, quantize):
    """float32 gives the golden pixels; int8 the integers of LiteRT, or it is in the table why not.

    The integers are those behind the logits, which differ by one where kernels round differently.
    """
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 alone")
    name, _ = entry
    content = files(quantize).path.read_bytes()
    z, pixels = zoo.golden(name)
    if quantize in MICRO_REFUSES:
        with pytest.raises(ValueError, match=MICRO_REFUSES[quantize]):
            open_file(content, "micro")
        return
    found = decoded(content, "micro", z)
    if quantize is None:
        np.testing.assert_allclose(found, pixels, rtol=0, atol=MAX_ERROR_FLOAT32)
        return
    expected = decoded(content, "interpreter", z)
    within = within_one_step(found, expected, logit_step(content))
    assert (within < 0.99) == ((name, quantize) in MICRO_DIFFERS), f"{within:.1%} within a step"
    assert np.abs(found - expected).mean() < 0.5 / 255
    assert np.abs(found - pixels).mean() < MEAN_ERROR[quantize]


def decoded(content, runtime, z):
    """(N, D) codes -> (N, H, W, C)."""
    file = open_file(content, runtime)
    return np.concatenate([file("decode", z=code[None])["images"] for code in z])


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


def test_quantised_files_are_smaller(files):
    sizes = {quantize: files(quantize).bytes for quantize in (None, "float16", "dynamic")}
    assert sizes["float16"] < 0.6 * sizes[None]
    assert sizes["dynamic"] < sizes["float16"]
