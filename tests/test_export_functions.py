"""Every signature of a file does what its name says, in the file itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from export_models import LATENT_DIM, SHAPE, codes, every_format, exported, pictures, small

from keras_vae import export, models, networks
from keras_vae.distributions import priors
from keras_vae.export.flatbuffer.contents import note_of
from keras_vae.export.graph.generator import normal

ATOL = {None: 1e-5, "float16": 5e-3, "weights": 0.03, "dynamic": 0.05, "int8": 0.12}


def open_file(artefact):
    return Interpreter(model_content=artefact.path.read_bytes(), num_threads=1)


def call(artefact, name, **inputs):
    """The output of one signature, run row by row."""
    runner = open_file(artefact).get_signature_runner(name)
    rows = [
        next(iter(runner(**{key: rows[i : i + 1] for key, rows in inputs.items()}).values()))
        for i in range(len(next(iter(inputs.values()))))
    ]
    return np.concatenate(rows)


@pytest.mark.parametrize(("builder", "quantize"), every_format())
def test_contract(builder, quantize):
    """Each signature against the model, in every builder and quantisation."""
    model, file = exported(builder, quantize)
    atol, images = ATOL[file.quantize], pictures(8)
    z = model.encode(images)
    listed = open_file(file).get_signature_list()
    assert set(listed) == set(file.signatures)
    np.testing.assert_allclose(call(file, "decode", z=z), model.decode(z), atol=atol)
    spread = np.abs(z).max()  # a code has no unit of its own
    np.testing.assert_allclose(call(file, "encode", images=images), z, atol=atol * (1 + spread))
    rebuilt = call(file, "reconstruct", images=images)
    np.testing.assert_allclose(rebuilt, model.reconstruct(images), atol=2 * atol)
    ends = {"start": z[:4], "end": z[4:]}
    for position, expected in ((0.0, z[:4]), (1.0, z[4:])):
        at = np.full((4, 1), position, "float32")
        found = call(file, "interpolate", position=at, **ends)
        np.testing.assert_allclose(found, model.decode(expected), atol=atol)
    if "generate" in file.signatures:
        noise = codes(4)
        made = np.asarray(model.prior_family.from_noise(noise))
        np.testing.assert_allclose(call(file, "draw", noise=noise), made, atol=1e-5)
        np.testing.assert_allclose(
            call(file, "from_noise", noise=noise), model.decode(made), atol=atol
        )
        seeds = np.arange(6, dtype="int32")
        drawn = normal(tf.constant(seeds), LATENT_DIM).numpy()
        found = call(file, "generate", seed=seeds)
        np.testing.assert_allclose(found, model.decode(drawn), atol=atol)


@pytest.mark.parametrize("quantize", [None, "float16"])
def test_a_file_draws_the_very_bits_of_the_generator(quantize, tmp_path):
    """Seen through a decoder that shows its code: ones on the diagonal, no bias."""
    code = keras.Input((24,))
    shows = keras.layers.Dense(24, kernel_initializer="identity")(code)
    decoder = keras.Model(code, keras.layers.Reshape((4, 6, 1))(shows))
    model = models.VAE(networks.dense_encoder((4, 6, 1), 48), decoder)
    file = export.tflite(
        model, tmp_path / "d.tflite", quantize, signatures=("generate",), output="logits"
    )
    seeds = np.array([0, 1, 2**31 - 1, -(2**31)], "int32")
    found = call(file, "generate", seed=seeds).reshape(4, 24)
    np.testing.assert_array_equal(found, normal(tf.constant(seeds), 24))


def test_weights_are_shared(tmp_path):
    model = small("dense_vae", hidden_units=(200, 200))
    one = export.tflite(model, tmp_path / "1.tflite").bytes
    both = export.tflite(model, tmp_path / "2.tflite", signatures=("decode", "encode")).bytes
    whole = export.tflite(model, tmp_path / "5.tflite", signatures=export.SIGNATURES).bytes
    assert one < 0.6 * both
    assert whole < both + 30_000  # graphs and the table of normal quantiles, no weights


def test_the_middle_of_an_interpolation(tmp_path):
    vae, ae = small("dense_vae"), small("dense_ae")
    z, half = codes(), np.full((3, 1), 0.5, "float32")
    ends = {"start": z[:3], "end": z[3:], "position": half}
    middle = (z[:3] + z[3:]) / 2
    for model, expected in ((vae, middle * np.sqrt(2)), (ae, middle)):
        file = export.tflite(model, tmp_path / "d.tflite", signatures=("interpolate",))
        np.testing.assert_allclose(
            call(file, "interpolate", **ends), model.decode(expected), atol=1e-5
        )


def test_a_draw_between_draws_is_a_draw():
    generator = np.random.default_rng(0)
    start, end = generator.normal(size=(2, 20_000, 1)).astype("float32")
    for position in (0.1, 0.5, 0.8):
        between = priors.StandardNormal().between(start, end, tf.fill((20_000, 1), position))
        assert np.std(between) == pytest.approx(1, abs=0.02)


class Shifted(priors.StandardNormal):
    def from_noise(self, noise):
        return 2.0 + noise


def test_generate_draws_from_the_models_own_prior(tmp_path):
    shifted = small("dense_vae", prior=Shifted())
    file = export.tflite(shifted, tmp_path / "d.tflite", signatures=("generate",))
    seeds = np.arange(4, dtype="int32")
    drawn = 2.0 + normal(tf.constant(seeds), LATENT_DIM).numpy()
    found = call(file, "generate", seed=seeds)
    np.testing.assert_allclose(found, shifted.decode(drawn), atol=1e-5)


def test_a_prior_that_does_not_say_how_it_is_drawn(tmp_path):
    class Silent(priors.Prior):
        distribution = priors.StandardNormal.distribution

    with pytest.raises(NotImplementedError, match=r"Silent does not say.*without the signature"):
        export.tflite(
            small("dense_vae", prior=Silent()), tmp_path / "d.tflite", signatures=("generate",)
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("builder", "quantize"),
    [
        pytest.param("dense_ae", None, marks=pytest.mark.shelf),
        pytest.param("conv_vae", "int8", marks=pytest.mark.shelf),
        ("dense_ae", "int8"),
        pytest.param("conv_vae", None, marks=pytest.mark.shelf),
    ],
)
def test_outputs(builder, quantize, tmp_path):
    model, z = small(builder), codes()
    expected = model.decode(z)
    found = {}
    for output in export.OUTPUTS:
        path = tmp_path / f"{output}.tflite"
        file = export.tflite(model, path, quantize, output=output, calibration_images=pictures(64))
        found[output] = call(file, "decode", z=z)
        assert file.output == note_of(path.read_bytes())["output"] == output
        assert export.verify(path, model, z)["max_abs_error"] < ATOL[quantize] + 1 / 500
    assert found["uint8"].dtype == np.uint8
    assert np.abs(found["uint8"] / 255 - found["pixels"]).max() < 0.51 / 255
    logistic = 1 / (1 + np.exp(-found["logits"]))
    np.testing.assert_allclose(logistic, expected, atol=ATOL[quantize])
    assert found["logits"].min() < 0 < found["pixels"].min()


def test_larger_batches(tmp_path):
    vae = small("dense_vae")
    file = export.tflite(vae, tmp_path / "d.tflite", signatures=export.SIGNATURES, batch=3)
    runner = open_file(file).get_signature_runner("generate")
    seeds = np.array([5, 6, 7], "int32")
    drawn = normal(tf.constant(seeds), LATENT_DIM).numpy()
    np.testing.assert_allclose(runner(seed=seeds)["images"], vae.decode(drawn), atol=1e-5)
    assert runner(seed=seeds)["images"].shape == (3, *SHAPE)


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"signatures": ("decod",)}, "signature 'decod'. Did you mean 'decode'"),
        ({"signatures": "decode"}, r"must be a tuple of names.*received 'decode'"),
        ({"signatures": ()}, r"must be a tuple of names.*received \(\)"),
        ({"output": "logit"}, "output 'logit'. Did you mean 'logits'"),
    ],
)
def test_wrong_choices(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.tflite(small("dense_vae"), tmp_path / "d.tflite", **arguments)
    assert not list(tmp_path.iterdir())


def test_an_autoencoder_generates_once_its_prior_is_fitted(tmp_path):
    with pytest.raises(ValueError, match=r"prior of this Autoencoder was not fitted.*'generate'"):
        export.tflite(small("dense_ae"), tmp_path / "d.tflite", signatures=("decode", "generate"))


def test_an_int8_encoder_is_calibrated_on_images(tmp_path):
    with pytest.raises(ValueError, match="an encoder is calibrated on images"):
        export.tflite(small("dense_vae"), tmp_path / "d.tflite", "int8", signatures=("encode",))
