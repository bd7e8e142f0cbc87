"""The entries of the shelf in every format: the file itself is run and compared with Keras.

int8 is calibrated on the golden images, which each entry carries, so that a file is the same on
every machine; the files of the certificates, calibrated on validation images, need the data. One
entry is looked at by default, and all of them by `pytest -m shelf`.
"""

import judges
import numpy as np
import pytest
from integers import logit_step, within_one_step

from keras_vae import data, export, zoo
from keras_vae.export.runtime.runtimes import LITERT, open_file

QUICK = {"conv_vae_digits"}
FORMATS = [  # by default those that are run with other arithmetic
    pytest.param(q, marks=[] if q in (None, "int8") else pytest.mark.shelf) for q in export.QUANTIZE
]
MAX_ERROR_FLOAT32 = 1e-5
MEAN_ERROR = {"float16": 1 / 255, "weights": 1 / 255, "dynamic": 3 / 255, "int8": 3 / 255}
# What TensorFlow Lite Micro does not run of any entry, with its reason in its own words; and what
# it runs but not within a step of LiteRT for about 99 % of the pixels.
MICRO_REFUSES = {
    "float16": "dequantize_common.cc",  # stored as float16 and expanded while running
    "weights": "int8 weights for float32 arithmetic",  # which it would get wrong and not say
    "dynamic": "FLOAT32 with filter type: INT8 not supported|Hybrid models are not supported",
}
MICRO_DIFFERS = {  # its kernels round halves otherwise than XNNPACK's, and here it adds up
    "conv_ae_mnist": (0.80, 0.96),
    "conv_ae_mnist_rae": (0.80, 0.96),
    "conv_vae_binarized_mnist_flow": (0.80, 0.96),
    "conv_vae_fashion_mnist": (0.80, 0.96),
    "conv_vae_mnist": (0.80, 0.96),
    "conv_vae_mnist_flow": (0.80, 0.96),
    "conv_vae_mnist_iaf": (0.80, 0.96),
    "conv_vae_mnist_micro": (0.80, 0.96),
    "conv_vae_mnist_mixture": (0.80, 0.96),
    "conv_vae_mnist_vamp": (0.80, 0.96),
    "conv_vae_omniglot": (0.80, 0.96),
    "conv_vae_shapes": (0.97, 0.995),
    "dense_vae_fashion_mnist": (0.94, 0.999),
    "dense_vae_mnist": (0.97, 0.999),
}
MICRO_AGREES = (0.99, 1.0)


def marked(name, with_data=False):
    """An entry as a parameter: most are the shelf's, and its data is needed where it is read."""
    marks = [] if name in QUICK else [pytest.mark.shelf]
    source = zoo.info(name)["data"]["name"]
    if with_data and source not in data.BUILT_IN:
        marks = [pytest.mark.shelf, pytest.mark.data(source)]
    return pytest.param(name, marks=marks)


@pytest.fixture(scope="module")
def entry(request):
    return request.param, zoo.load(request.param)


each_entry = pytest.mark.parametrize(
    "entry", [marked(name) for name in zoo.names(decoders=True)], indirect=True
)
each_certificate = pytest.mark.parametrize(
    "entry", [marked(name, with_data=True) for name in zoo.names(decoders=True)], indirect=True
)


def alone(model):
    """Signatures of a file for Micro, which runs one: None where that is the default."""
    return None if model.served == ("decode",) else ("decode",)


@pytest.fixture(scope="module")
def files(entry, tmp_path_factory):
    """function (quantize, decode_alone) -> Artefact of the entry's decoder, converted once."""
    name, model = entry
    folder, done = tmp_path_factory.mktemp(name), {}
    _, images = zoo.golden(name)

    def file(quantize, decode_alone=False):
        signatures = alone(model) if decode_alone else None
        if (quantize, signatures) not in done:
            done[quantize, signatures] = export.tflite(
                model,
                folder / f"{quantize}_{bool(signatures)}.tflite",
                quantize,
                calibration_images=images,
                signatures=signatures,
            )
        return done[quantize, signatures]

    return file


@pytest.mark.shelf
@each_entry
def test_saved_model(entry, tmp_path):
    _, model = entry
    export.saved_model(model, tmp_path / "model")
    row = export.verify(tmp_path / "model", model)
    assert row["max_abs_error"] < MAX_ERROR_FLOAT32


@each_entry
@pytest.mark.parametrize("quantize", FORMATS)
def test_tflite(entry, files, quantize):
    """The file in LiteRT's runtimes, against the golden pixels."""
    name, model = entry
    artefact = files(quantize)
    published = zoo.info(name)["export"].get(quantize or "float32")
    if published is not None:  # certified since this format is there
        assert artefact.bytes == pytest.approx(published["bytes"], rel=0.01)
    _check_litert(name, model, artefact)


@each_entry
@pytest.mark.parametrize("quantize", FORMATS)
def test_tflite_in_micro(entry, files, quantize):
    """float32 gives the golden pixels; int8 the integers of LiteRT, or the table says why not."""
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 alone")
    name, _ = entry
    content = files(quantize, decode_alone=True).path.read_bytes()
    if quantize in MICRO_REFUSES:
        with pytest.raises(ValueError, match=MICRO_REFUSES[quantize]):
            open_file(content, "micro")
    elif quantize is None:
        z, pixels = zoo.golden(name)
        found = decoded(content, "micro", z)
        np.testing.assert_allclose(found, pixels, rtol=0, atol=MAX_ERROR_FLOAT32)
    else:
        _check_integers_of_micro(name, content)


@pytest.mark.shelf
@each_entry
def test_quantised_files_are_smaller(entry, files):
    sizes = {
        quantize: files(quantize).bytes for quantize in (None, "float16", "weights", "dynamic")
    }
    assert sizes["float16"] < 0.6 * sizes[None]
    assert max(sizes["weights"], sizes["dynamic"]) < sizes["float16"]


@each_certificate
@pytest.mark.parametrize("quantize", FORMATS)
def test_the_published_nats_on_a_few_of_the_images(entry, quantize, tmp_path):
    """The file, calibrated on the entry's own data, is as good as its card says."""
    name, model = entry
    images, held_out = judges.of_entry(name)
    artefact = export.tflite(model, tmp_path / "d.tflite", quantize, calibration_images=images)
    published = zoo.info(name)["export"][quantize or "float32"]
    row = export.certify(artefact.path, model, held_out[:300])
    error = np.hypot(row["nats_lost_error"], published["nats_lost_error"])
    assert row["nats_lost"] == pytest.approx(published["nats_lost"], abs=4 * error + 1e-3)
    assert row["psnr_db"] == pytest.approx(published["psnr_db"], abs=2)
    if quantize == "int8":  # the others are the files that the tests above have run
        _check_litert(name, model, artefact)
        pytest.importorskip("tflite_micro", reason="tflite-micro: Linux on x86-64 alone")
        if alone(model):
            given = {"calibration_images": images, "signatures": alone(model)}
            artefact = export.tflite(model, tmp_path / "one.tflite", quantize, **given)
        _check_integers_of_micro(name, artefact.path.read_bytes())


def decoded(content, runtime, z):
    """(N, D) codes -> (N, H, W, C)."""
    file = open_file(content, runtime)
    return np.concatenate([file("decode", z=code[None])["images"] for code in z])


def _check_litert(name, model, artefact):
    z, pixels = zoo.golden(name)
    row = export.verify(artefact.path, model, latents=z)
    if artefact.quantize is None:
        assert row["max_abs_error"] < MAX_ERROR_FLOAT32
    else:
        assert row["mean_abs_error"] < MEAN_ERROR[artefact.quantize]
    content = artefact.path.read_bytes()
    found = {runtime: decoded(content, runtime, z) for runtime in LITERT}
    for images in found.values():
        assert images.shape == pixels.shape
        error = np.abs(images - pixels)
        assert error.max() < MAX_ERROR_FLOAT32 or artefact.quantize is not None
        assert error.mean() == pytest.approx(row["mean_abs_error"], abs=1e-5)
        np.testing.assert_allclose(images, found["interpreter"], atol=1e-6)


def _check_integers_of_micro(name, content):
    """The integers are those behind the logits, which may differ by one where kernels round."""
    z, pixels = zoo.golden(name)
    found, expected = decoded(content, "micro", z), decoded(content, "interpreter", z)
    within = within_one_step(found, expected, logit_step(content))
    lowest, highest = MICRO_DIFFERS.get(name, MICRO_AGREES)
    assert lowest <= within <= highest, f"{within:.2%} within a step"
    steps = 1.0 if name in MICRO_DIFFERS else 0.5  # of 255, on average
    assert np.abs(found - expected).mean() < steps / 255
    assert np.abs(found - pixels).mean() < MEAN_ERROR["int8"]
