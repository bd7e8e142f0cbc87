"""Every builder, quantisation and likelihood as a .tflite file of builtin operators."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_models import LATENT_DIM, SHAPE, codes, every_format, exported, pictures, small

from keras_vae import export, models
from keras_vae.distributions import likelihoods
from keras_vae.export.flatbuffer.contents import count_builtin, operators
from keras_vae.export.int8.calibration import calibration_codes
from keras_vae.export.runtime.interpreter import Decoder, run

MAX_ERROR = {None: 1e-5, "float16": 3e-3, "weights": 0.02, "dynamic": 0.05, "int8": 0.08}
MEAN_ERROR = {None: 1e-6, "float16": 1e-3, "weights": 1 / 255, "dynamic": 2 / 255, "int8": 3 / 255}


@pytest.fixture(scope="module")
def vae():
    return small("dense_vae")


def assert_close(artefact, model, quantize, z):
    error = np.abs(run(artefact.path.read_bytes(), z) - model.decode(z))
    assert error.max() <= MAX_ERROR[quantize]
    assert error.mean() <= MEAN_ERROR[quantize]


@pytest.mark.parametrize(("builder", "quantize"), every_format())
def test_contract(builder, quantize):
    model, artefact = exported(builder, quantize)
    content = artefact.path.read_bytes()
    assert (artefact.bytes, artefact.quantize) == (len(content), quantize)
    assert artefact.ops == count_builtin(content)
    interpreter = Decoder(content).interpreter
    (entry,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (tuple(entry["shape"]), entry["dtype"]) == ((1, LATENT_DIM), np.float32)
    assert (tuple(end["shape"]), end["dtype"]) == ((1, *SHAPE), np.float32)
    assert ("QUANTIZE" in artefact.ops) == (quantize == "int8")
    assert_close(artefact, model, quantize, model.encode(pictures(16)))


# By default one in each format, of another activation each.
QUICK = {("normal", "int8"), ("discretized_logistic", None)}


@pytest.mark.parametrize(
    ("likelihood", "quantize"),
    [
        pytest.param(name, quantize, marks=[] if (name, quantize) in QUICK else pytest.mark.shelf)
        for name in likelihoods.FAMILIES
        for quantize in (None, "int8")
        if (name, quantize) != ("categorical", "int8")  # refused: its 256 logits need more levels
    ],
)
def test_every_likelihood_and_residual_blocks(likelihood, quantize, tmp_path):
    model = small(likelihood=likelihood, residual_blocks=1, head_filters=4)
    artefact = export.tflite(model, tmp_path / "d.tflite", quantize)
    assert_close(artefact, model, quantize, codes(16))


def test_sharp_discretized_logistics_do_not_overflow(tmp_path):
    model = small("dense_vae", likelihood="discretized_logistic")
    last = model.decoder.layers[-2]
    bias = last.bias.numpy().reshape(*SHAPE[:2], 4)
    bias[..., 2:] = -30  # the smallest scale there is
    last.bias.assign(bias.reshape(-1))
    artefact = export.tflite(model, tmp_path / "d.tflite")
    assert_close(artefact, model, None, codes(16))


def test_int8_keeps_the_sigmoid_in_float(tmp_path):
    artefact = export.tflite(small("dense_vae"), tmp_path / "d.tflite", "int8")
    names = [operator.name for operator in operators(artefact.path.read_bytes())]
    assert names.index("DEQUANTIZE") < names.index("LOGISTIC")
    between = names[names.index("CONCATENATION") : names.index("DEQUANTIZE")]
    assert between.count("FULLY_CONNECTED") == 2
    assert "QUANTIZE" not in between  # all of it is int8


@pytest.mark.shelf
def test_quantised_files_are_smaller(tmp_path):
    model = small("dense_vae", hidden_units=(300,))
    size = {q: export.tflite(model, tmp_path / f"{q}.tflite", q).bytes for q in export.QUANTIZE}
    assert size["float16"] < 0.6 * size[None]
    assert size["weights"] < 0.4 * size[None]
    assert size["dynamic"] < 0.4 * size[None]
    assert size["int8"] < 0.4 * size[None]


@pytest.mark.parametrize("quantize", [None, pytest.param("int8", marks=pytest.mark.shelf)])
def test_a_static_batch_of_several(vae, quantize, tmp_path):
    artefact = export.tflite(vae, tmp_path / "d.tflite", quantize, batch=4)
    interpreter = Decoder(artefact.path.read_bytes()).interpreter
    assert tuple(interpreter.get_input_details()[0]["shape"]) == (4, LATENT_DIM)
    assert_close(artefact, vae, quantize, codes(6))  # one batch and a half


def test_a_mixed_precision_model_gives_a_float32_graph(set_policy, tmp_path):
    set_policy("mixed_bfloat16")
    mixed = small(residual_blocks=1, spread=2.0)
    set_policy("float32")
    plain = small(residual_blocks=1)
    plain.set_weights(mixed.get_weights())
    assert np.abs(mixed.decode(codes()) - plain.decode(codes())).max() > 1e-4  # they do differ
    artefact = export.tflite(mixed, tmp_path / "d.tflite")
    assert_close(artefact, plain, None, codes())
    assert mixed.decoder.layers[1].compute_dtype == "bfloat16"  # the model stays as it was


def test_nothing_is_printed(vae, tmp_path, capfd):
    export.tflite(vae, tmp_path / "d.tflite", "int8")
    assert capfd.readouterr() == ("", "")


# ---- calibration ---------------------------------------------------------------------------------


def test_calibration_takes_prior_means_and_samples(vae):
    assert calibration_codes(vae).shape == (256, LATENT_DIM)
    given = calibration_codes(vae, pictures(40))
    assert given.shape == (256 + 40 + 40, LATENT_DIM)
    means = vae.encode(pictures(40))
    distance = np.abs(given[:, None] - means[None]).max(-1).min(0)  # of each mean to a code
    assert distance.max() < 1e-5
    np.testing.assert_array_equal(given, calibration_codes(vae, pictures(40)))


def test_calibration_of_an_autoencoder(tmp_path):
    model = small("dense_ae")
    assert calibration_codes(model, pictures(40)).shape == (40, LATENT_DIM)
    with pytest.raises(ValueError, match="needs calibration_images"):
        export.tflite(model, tmp_path / "d.tflite", "int8")
    assert not list(tmp_path.iterdir())


def test_calibration_refuses_bytes_and_nothing(vae):
    with pytest.raises(ValueError, match=r"received values in \[0, 255\]. Divide"):
        calibration_codes(vae, np.full((2, *SHAPE), [[[0, 255]]], "uint8"))
    with pytest.raises(ValueError, match="holds no image"):
        calibration_codes(vae, pictures(0))


def test_int8_that_damages_the_pixels_is_refused(tmp_path):
    model = small("dense_vae", likelihood="continuous_bernoulli")
    last = model.decoder.layers[-2]
    last.bias.assign(np.where(np.arange(len(last.bias.numpy())) == 0, -40000.0, 0.5))
    with pytest.raises(ValueError, match=r"int8 changes the pixels.*nothing was written.*dynamic"):
        export.tflite(model, tmp_path / "d.tflite", "int8")
    assert not list(tmp_path.iterdir())


# ---- errors --------------------------------------------------------------------------------------


def test_wrong_arguments(vae, tmp_path):
    good = tmp_path / "d.tflite"
    with pytest.raises(ValueError, match=r"'flaot16'\. Did you mean 'float16'\?"):
        export.tflite(vae, good, "flaot16")
    with pytest.raises(ValueError, match=r"must end in \.tflite; received 'd\.bin'"):
        export.tflite(vae, tmp_path / "d.bin")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        export.tflite(vae, tmp_path / "missing" / "d.tflite")
    (tmp_path / "folder.tflite").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        export.tflite(vae, tmp_path / "folder.tflite")
    for batch in (0, 1.5, True):
        with pytest.raises(ValueError, match="batch must be an integer"):
            export.tflite(vae, good, batch=batch)
    with pytest.raises(TypeError, match="received list, which has none"):
        export.tflite([], good)
    assert not good.exists()


def test_a_decoder_that_litert_cannot_run(tmp_path):
    code = x = keras.Input((LATENT_DIM,))
    x = keras.layers.Reshape((1, 1, LATENT_DIM))(x)
    x = keras.layers.UpSampling2D((10, 7))(x)
    x = keras.layers.Lambda(tf.math.erfinv)(keras.layers.Conv2D(2, 1)(x))
    model = models.VAE(small().encoder, keras.Model(code, x))
    (tmp_path / "d.tflite").write_bytes(b"the old file")
    with pytest.raises(ValueError, match=r"needs \['Erfinv'\].*Replace the layers"):
        export.tflite(model, tmp_path / "d.tflite")
    assert (tmp_path / "d.tflite").read_bytes() == b"the old file"
    assert [path.name for path in tmp_path.iterdir()] == ["d.tflite"]


def test_custom_operators_are_found():
    function = tf.function(tf.math.erfinv, input_signature=[tf.TensorSpec((1, 3))])
    graph = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
    converter.allow_custom_ops = True
    with pytest.raises(ValueError, match=r"needs \['CUSTOM:Erfinv'\]"):
        count_builtin(converter.convert())


def test_a_failed_write_leaves_the_old_file(vae, tmp_path, monkeypatch):
    path = tmp_path / "d.tflite"
    path.write_bytes(b"the old file")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        export.tflite(vae, path)
    assert path.read_bytes() == b"the old file"
    assert [file.name for file in tmp_path.iterdir()] == ["d.tflite"]
