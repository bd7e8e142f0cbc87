"""int8 weights with float32 arithmetic: rounded so that outputs change least, stored to the bit."""

import judges
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from export_models import DECODED, LATENT_DIM, codes, pictures, small

from keras_vae import data, export, models, zoo
from keras_vae.export.flatbuffer.contents import operators, parse
from keras_vae.export.int8 import layer_inputs, rounding
from keras_vae.export.int8.calibration import calibration_inputs
from keras_vae.export.int8.equalise import equalise_weights
from keras_vae.export.runtime.interpreter import run
from keras_vae.export.runtime.runtimes import open_file
from keras_vae.export.tflite import converted

NATS = 0.02  # what an entry of the shelf may lose


def layer(channels=20, inputs=30, seed=0):
    """A kernel (channels, inputs) and the second moments of inputs of five factors and noise."""
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(channels, inputs)).astype("float32")
    factors = random.normal(size=(inputs, 5))
    return kernel, factors @ factors.T + 0.1 * np.eye(inputs)


QUICK = ("conv_vae", "dense_ae")  # the other builders with the shelf


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.shelf) for name in DECODED
    ],
)
def files(request):
    """(model, simulated float32 file, Rounded by buffer, packed file) of every layer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounding, "SMALL", 1)
        extra = {"residual_blocks": 1, "activation": "elu"} if "conv" in request.param else {}
        model = small(request.param, **extra)
        return model, *both(model, ("decode", "encode", "reconstruct"))


def both(model, signatures=("decode",), tmp=None):
    """The simulated file, its grids, and the packed file."""
    serve = rounding.networks(model, pictures(32))
    content = converted(model, signatures, "pixels", 1, serve=serve)
    inputs = calibration_inputs(model, signatures, 1, pictures(32), count=64)
    simulated, rounded = rounding.simulated(content, inputs)
    return simulated, rounded, rounding.packed(simulated, rounded)


class TestLeastError:
    def test_inputs_that_are_one(self):
        """Errors of 0.4 and 0.4 steps: one is rounded up, for the outputs add them."""
        kernel = np.float32([[127, 0.4, 0.4]])
        moments = np.float64([[1, 0, 0], [0, 4, 4], [0, 4, 4]])
        assert rounding.nearest(kernel).integers.tolist() == [[127, 0, 0]]
        found = rounding.least_error(kernel, moments)
        assert sorted(found.integers[0].tolist()) == [0, 1, 127]
        error = rounding.output_error(kernel, found, moments)
        np.testing.assert_allclose(error, 4 * 0.2**2, rtol=1e-4)
        error = rounding.output_error(kernel, rounding.nearest(kernel), moments)
        np.testing.assert_allclose(error, 4 * 0.8**2, rtol=1e-4)

    def test_less_error_than_nearest(self):
        kernel, moments = layer()
        found, plain = rounding.least_error(kernel, moments), rounding.nearest(kernel)
        error = [rounding.output_error(kernel, grid, moments) for grid in (found, plain)]
        assert error[0].sum() < 0.5 * error[1].sum()
        assert (error[0] <= error[1]).all()  # in each channel
        np.testing.assert_array_equal(found.scales, plain.scales)

    def test_independent_inputs_round_to_nearest(self):
        kernel, _ = layer()
        moments = np.diag(np.random.default_rng(1).uniform(0.1, 2, 30))
        found = rounding.least_error(kernel, moments)
        np.testing.assert_array_equal(found.integers, rounding.nearest(kernel).integers)

    def test_its_error_is_that_of_the_outputs(self):
        kernel, _ = layer()
        x = np.random.default_rng(2).normal(size=(500, 30))
        grid = rounding.nearest(kernel)
        expected = np.square(x @ (grid.kernel() - kernel).T.astype("float64")).mean(axis=0)
        np.testing.assert_allclose(rounding.output_error(kernel, grid, x.T @ x / 500), expected)

    def test_the_same_each_time(self):
        kernel, moments = layer()
        first, second = (rounding.least_error(kernel, moments) for _ in range(2))
        np.testing.assert_array_equal(first.integers, second.integers)

    @pytest.mark.parametrize("moments", [np.zeros((30, 30)), np.ones((30, 30))])
    def test_inputs_that_say_nothing(self, moments):
        kernel, _ = layer()
        kernel[3] = 0
        found = rounding.least_error(kernel, moments)
        assert np.isfinite(found.kernel()).all()
        assert not found.kernel()[3].any()

    def test_nearest_is_within_half_a_step(self):
        kernel, _ = layer()
        for axis in (0, 1):
            grid = rounding.nearest(kernel, axis)
            assert (np.abs(grid.integers).max(axis=1 - axis) == 127).all()
            half = np.expand_dims(grid.scales, 1 - axis) / 2
            assert (np.abs(grid.kernel() - kernel) <= 1.0001 * half).all()


class TestLayerInputs:
    @pytest.mark.parametrize("padding", ["same", "valid"])
    @pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
    def test_patches_are_what_a_convolution_multiplies(self, padding, strides, dilation):
        random = np.random.default_rng(0)
        x = random.normal(size=(2, 9, 8, 3)).astype("float32")
        kernel = random.normal(size=(3, 2, 3, 5)).astype("float32")
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = strides
        options.dilationHFactor = options.dilationWFactor = dilation
        options.padding = getattr(schema.Padding, padding.upper())
        rows = layer_inputs._rows(x, (5, 3, 2, 3), options)
        found = rows.reshape(len(rows), -1) @ kernel.reshape(-1, 5)
        expected = tf.nn.conv2d(x, kernel, strides, padding.upper(), dilations=dilation)
        np.testing.assert_allclose(found, np.reshape(expected, (-1, 5)), atol=1e-4)

    def test_moments_of_the_codes(self, tmp_path):
        model, path = small("dense_vae"), tmp_path / "d.tflite"
        content = export.tflite(model, path).path.read_bytes()
        parsed = parse(content)
        found = layer_inputs.kernels(parsed, 1)
        assert [kernel.values.shape for kernel in found.values()] == [(12, LATENT_DIM), (140, 12)]
        inputs = calibration_inputs(model, ("decode",), 1)
        seen = layer_inputs.moments(content, parsed, found, inputs)
        z = np.concatenate([call["z"] for call in inputs["decode"]])
        covariance, mean = seen[next(iter(found))]
        expected = np.cov(z, rowvar=False, bias=True)
        np.testing.assert_allclose(covariance, expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(mean, z.mean(axis=0), rtol=1e-4, atol=1e-6)

    def test_inputs_that_hardly_vary(self):
        random = np.random.default_rng(0)
        x = (1000 + random.normal(0, 1, (600, 4)) * [1, 2, 3, 0]).astype("float32")
        sums = layer_inputs._Sums()
        for row in x:
            sums.add(row[None])
        covariance, mean = sums.moments()
        expected = np.cov(x.astype("float64"), rowvar=False, bias=True)
        np.testing.assert_allclose(covariance, expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(mean, x.mean(axis=0, dtype="float64"), rtol=1e-6)


class TestEqualise:
    @pytest.mark.parametrize("activation", ["relu", "gated"])
    def test_the_same_function_of_divided_codes(self, activation):
        decoder = small("dense_vae", hidden_units=(16, 12), activation=activation).decoder
        last = decoder.get_layer("parameters")
        kernel, bias = last.get_weights()
        kernel[3] *= 30
        last.set_weights([kernel, bias])
        before = decoder(codes(50)).numpy()
        largest = lambda: np.abs(last.kernel.numpy()).max(axis=1)
        spread = largest().max() / np.median(largest())
        scale = equalise_weights(decoder, codes(50))
        assert scale.shape == (LATENT_DIM,)
        np.testing.assert_allclose(decoder(codes(50) / scale), before, rtol=1e-4, atol=1e-4)
        assert largest().max() / np.median(largest()) < 0.3 * spread

    def test_images_are_not_scaled(self):
        encoder = small("conv_vae").encoder
        before = encoder(pictures()).numpy()
        assert equalise_weights(encoder, pictures()) is None
        np.testing.assert_allclose(encoder(pictures()), before, rtol=1e-4, atol=1e-5)


class TestFile:
    def test_it_computes_what_was_simulated(self, files):
        model, simulated, _, packed = files
        assert len(packed) < len(simulated)
        for signature, call in (("decode", {"z": codes(1)}), ("encode", {"images": pictures(1)})):
            found, expected = (
                open_file(content, "interpreter")(signature, **call)
                for content in (packed, simulated)
            )
            for key in expected:
                np.testing.assert_allclose(found[key], expected[key], rtol=0, atol=1e-5)
        error = np.abs(run(packed, codes()) - model.decode(codes()))
        assert 0 < error.max() < 0.02

    def test_it_holds_the_integers(self, files):
        """Each layer's, with their scales; and DEQUANTIZE gives the simulated kernel to the bit."""
        _, _, rounded, packed = files
        interpreter = Interpreter(
            model_content=packed,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
        interpreter.invoke()
        details = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
        model = parse(packed)
        assert len(rounded) >= 4  # of the encoder and of the decoder
        seen = 0
        for step in model.subgraphs[0].operators:
            tensor = model.subgraphs[0].tensors[step.inputs[0]]
            if tensor.buffer not in rounded:
                continue
            grid = rounded[tensor.buffer]
            given, made = int(step.inputs[0]), int(step.outputs[0])
            np.testing.assert_array_equal(interpreter.get_tensor(given), grid.integers)
            told = details[given]["quantization_parameters"]
            np.testing.assert_array_equal(told["scales"], grid.scales)
            np.testing.assert_array_equal(interpreter.get_tensor(made), grid.kernel())
            seen += 1
        layers = {"FULLY_CONNECTED", "CONV_2D"}
        weighted = [step for step in operators(packed) if step.name in layers and not step.graph]
        assert seen == len(weighted)

    def test_signatures_share_their_weights(self, files):
        _, _, _, packed = files
        first, second, third = (
            {
                graph.tensors[step.inputs[0]].buffer
                for step in graph.operators
                if is_int8(graph, step)
            }
            for graph in parse(packed).subgraphs
        )
        assert first | second == third
        assert not first & second

    def test_the_same_bytes_each_time(self):
        model = small("dense_vae")
        assert both(model)[2] == both(model)[2]

    def test_a_bias_that_layers_share_stays_what_the_others_need(self, monkeypatch):
        """Equal biases are one constant in the file, and each layer's errors are its own."""
        monkeypatch.setattr(rounding, "SMALL", 1)
        model = small("dense_vae", hidden_units=(12, 12))
        bias = np.random.default_rng(0).normal(size=12)
        for layer in model.decoder.layers[1:3]:
            layer.bias.assign(bias)
        packed = both(model)[2]
        assert np.abs(run(packed, codes()) - model.decode(codes())).max() < 0.01

    def test_other_layers_round_to_nearest(self, tmp_path, monkeypatch):
        monkeypatch.setattr(rounding, "SMALL", 1)
        code = x = keras.Input((LATENT_DIM,))
        x = keras.layers.Dense(10 * 7 * 2, use_bias=False)(x)
        x = keras.layers.Reshape((10, 7, 2))(x)
        x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
        x = keras.layers.Conv2DTranspose(2, 3, padding="same")(x)
        model = models.VAE(small().encoder, keras.Model(code, x))
        artefact = export.tflite(model, tmp_path / "d.tflite", "weights")
        assert {"DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"} <= set(artefact.ops)
        assert artefact.ops["DEQUANTIZE"] == 3
        error = np.abs(run(artefact.path.read_bytes(), codes()) - model.decode(codes()))
        assert 0 < error.max() < 0.02

    def test_outputs_count(self, tmp_path):
        """A larger decoder loses less than with every weight rounded to the nearest."""
        model, images = small("dense_vae", hidden_units=(64, 32), spread=2.0), pictures(64)
        error = []
        for name in ("weights", "nearest"):
            with pytest.MonkeyPatch.context() as patch:
                if name == "nearest":
                    patch.setattr(rounding, "least_error", lambda rows, _: rounding.nearest(rows))
                    patch.setattr(rounding, "equalise_weights", lambda *_: None)
                path = tmp_path / f"{name}.tflite"
                export.tflite(model, path, "weights", calibration_images=images)
            error.append(np.square(run(path.read_bytes(), codes(200)) - model.decode(codes(200))))
        assert error[0].mean() < 0.6 * error[1].mean()


class TestErrors:
    def test_an_autoencoder_and_an_encoder_need_images(self, tmp_path):
        with pytest.raises(ValueError, match=r"was not fitted.*needs calibration_images"):
            export.tflite(small("dense_ae"), tmp_path / "d.tflite", "weights")
        with pytest.raises(ValueError, match=r"quantize='weights' with signatures=.*encode.*needs"):
            export.tflite(small(), tmp_path / "d.tflite", "weights", signatures=("encode",))
        assert not list(tmp_path.iterdir())

    def test_micro_refuses_the_file(self, tmp_path):
        """It would expand the weights by one scale for all channels, and not say so."""
        pytest.importorskip("tflite_micro", reason="tflite-micro: Linux on x86-64 alone")
        artefact = export.tflite(small("dense_vae"), tmp_path / "d.tflite", "weights")
        with pytest.raises(ValueError, match=r"int8 weights for float32.*quantize='int8'"):
            open_file(artefact.path.read_bytes(), "micro")
        with pytest.raises(ValueError, match="int8 weights for float32"):
            export.c_array(artefact.path, tmp_path / "d.h")


def is_int8(graph, step):
    return bool(len(step.inputs)) and graph.tensors[step.inputs[0]].type == schema.TensorType.INT8


def shelf():
    """The VAEs of the shelf, one by default; those of MNIST need its images."""
    for name in zoo.names():
        if "_vae_" in name:
            source = zoo.info(name)["data"]["name"]
            marked = [] if source in data.BUILT_IN else [pytest.mark.data(source)]
            marks = [] if name == "conv_vae_digits" else [pytest.mark.shelf, *marked]
            yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", shelf())
def test_the_shelf_loses_next_to_nothing(name, tmp_path):
    model, path = zoo.load(name), tmp_path / "d.tflite"
    images, held_out = judges.of_entry(name)
    export.tflite(model, path, "weights", calibration_images=images)
    row = export.certify(path, model, held_out)
    assert row["nats_lost"] <= NATS
    assert row["bytes"] < 0.4 * zoo.info(name)["export"]["float32"]["bytes"]
