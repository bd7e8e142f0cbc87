"""Each hook into another package, alone: a version that breaks one is named, with the hook."""

import ast
import contextlib
import functools
import importlib
import importlib.metadata
import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import private_api

INT8 = 9  # code of the type in .tflite files
PACKAGE = Path(private_api.__file__).parent
# What only private_api.py may name.
MODULES = (
    "keras.src",
    "tensorflow.python",
    "tensorflow_datasets.core.",
    "ai_edge_litert.tools",
    "ai_edge_litert.schema_py_generated",
    "litert_quantizer",
)
NAMES = {"monitor_op", "distribute_strategy", "operations", "MAX_RETRIES", "DATA_DIR", "_tab"}


def hook(package, name):
    """Whatever goes wrong in such a test is told as what it means for the reader of a log."""

    def decorate(test):
        @functools.wraps(test)
        def told(*arguments, **options):
            with named(package, name):
                test(*arguments, **options)

        return told

    return decorate


@contextlib.contextmanager
def named(package, name):
    try:
        yield
    except Exception as error:
        version = importlib.metadata.version(package)
        pytest.fail(
            f"{package} {version}: {name} is gone or has changed, see keras_vae/private_api.py "
            f"({type(error).__name__}: {error})",
            pytrace=False,
        )


def dense():
    """A functional network with an operation that is no layer."""
    entry = keras.Input((3,))
    return keras.Model(entry, keras.layers.Dense(4, activation="relu")(entry) + 1.0)


@pytest.fixture(scope="module")
def content():
    """A small .tflite file with two dense layers."""
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(2)])
    return tf.lite.TFLiteConverter.from_keras_model(network).convert()


def test_a_hook_that_is_gone_is_named_with_its_package():
    version = re.escape(importlib.metadata.version("keras"))
    with pytest.raises(pytest.fail.Exception, match=rf"keras {version}: Model\.gone is gone"):
        hook("keras", "Model.gone")(lambda: keras.Model.gone)()


# ---- Keras --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", private_api.OVERRIDES, ids=lambda place: ".".join(place))
def test_what_is_overridden_is_there(place):
    path, name = place
    with named("keras", ".".join(place)):
        made = functools.reduce(getattr, path.split("."), keras)
        assert hasattr(made() if name == "ema_momentum" else made, name)
    module, _, own = private_api.OVERRIDES[place].rpartition(".")
    assert name in vars(getattr(importlib.import_module(module), own))


@hook("keras", "Model._maybe_symbolic_build, called by fit and evaluate")
def test_symbolic_build():
    called = []

    class Watched(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Dense(1)

        def call(self, x):
            return self.layer(x)

        def _maybe_symbolic_build(self, *args, **kwargs):
            called.append(kwargs)

    model = Watched()
    model.compile(loss="mse")
    model.fit(np.zeros((2, 1)), np.zeros((2, 1)), verbose=0)
    assert len(called) == 1


@hook("keras", "Optimizer.ema_momentum, read at each step")
def test_ema_momentum():
    class Watched(keras.optimizers.Adam):
        reads = 0

        @property
        def ema_momentum(self):
            type(self).reads += 1
            return 0.5

        @ema_momentum.setter
        def ema_momentum(self, value):
            pass

    optimizer, weight = Watched(use_ema=True), keras.Variable([1.0])
    for step in (1, 2):
        before = Watched.reads
        optimizer.apply([tf.constant([1.0])], [weight])
        assert Watched.reads > before, f"not in step {step}"


@hook("keras", "Adam._momentums, _velocities and _get_variable_index")
def test_adam_moments():
    weights = [keras.Variable([1.0]), keras.Variable([1.0, 2.0])]
    optimizer = keras.optimizers.Adam(beta_1=0.5, beta_2=0.75)
    optimizer.apply([tf.constant([4.0]), tf.constant([8.0, 0.0])], weights)
    first, second = private_api.adam_moments(optimizer, weights[1].value)
    np.testing.assert_allclose(first, [4.0, 0.0])
    np.testing.assert_allclose(second, [16.0, 0.0])
    assert all(hasattr(moment, "handle") for moment in (first, second))


@hook("keras", "Optimizer.update_step, looked up on the instance at each step")
def test_update_step():
    called, weight = [], keras.Variable([1.0])
    optimizer = keras.optimizers.Adam()
    optimizer.update_step = lambda gradient, variable, rate: called.append(variable)
    optimizer.apply([tf.constant([1.0])], [weight])
    (variable,) = called
    assert isinstance(variable, tf.Variable)


@hook("keras", "Model.distribute_strategy")
def test_strategy():
    assert private_api.strategy(dense()) is tf.distribute.get_strategy()
    mirrored = tf.distribute.MirroredStrategy(["CPU:0"])
    with mirrored.scope():
        model = dense()
    assert private_api.strategy(model) is mirrored


@hook("keras", "the argument _use_cached_eval_dataset of Model.evaluate")
def test_validation_of_fit():
    seen = []

    class Watched(keras.Sequential):
        def evaluate(self, *args, **kwargs):
            seen.append(private_api.is_validation_of_fit(kwargs))
            return super().evaluate(*args, **kwargs)

    model = Watched([keras.layers.Dense(1)])
    model.compile(loss="mse")
    x = np.zeros((2, 1))
    model.fit(x, x, validation_data=(x, x), verbose=0)
    model.evaluate(x, x, verbose=0)
    assert seen == [True, False]


@hook("keras", "Function.operations")
def test_operations():
    network = dense()
    found = private_api.operations(network)
    assert [type(operation).__name__ for operation in found] == ["InputLayer", "Dense", "Add"]
    assert id(found[-1].output) == id(network.output)


@pytest.mark.parametrize(("mode", "better"), [("max", 2.0), ("min", 0.0)])
def test_mode(mode, better, tmp_path):
    with named("keras", "the attributes mode and monitor_op of callbacks"):
        callback = keras.callbacks.ModelCheckpoint(
            tmp_path / "best.weights.h5", "elbo", save_best_only=True, save_weights_only=True
        )
        followed, model = private_api.set_mode(callback, mode), dense()
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate((1.0, better)):
            callback.on_epoch_end(epoch, {"elbo": value})
        # Keras before 3.11 does not let itself be told, and set_mode says so.
        assert (callback.best == better) == followed
        assert followed or not hasattr(callback, "mode")


# ---- TensorFlow ---------------------------------------------------------------------------------


@hook("tensorflow", "the words of the converter on an operator that LiteRT does not have")
def test_operators_without_kernel():
    spec = [tf.TensorSpec((2, 2), tf.float32)]
    graph = tf.function(tf.linalg.det, input_signature=spec).get_concrete_function()
    try:
        tf.lite.TFLiteConverter.from_concrete_functions([graph]).convert()
        found = "nothing was refused"
    except Exception as error:
        found = private_api.operators_without_kernel(error)
    assert found == ["MatrixDeterminant"]


# ---- tensorflow_datasets ------------------------------------------------------------------------


@hook("tensorflow-datasets", "core.constants.DATA_DIR")
def test_folder_of_data_sets():
    assert Path(private_api.tensorflow_datasets_folder()).is_absolute()


@hook("tensorflow-datasets", "core.download.downloader.MAX_RETRIES")
def test_download_retries():
    downloader = importlib.import_module("tensorflow_datasets.core.download.downloader")
    before = downloader.MAX_RETRIES
    with private_api.download_retries(2):
        assert downloader.MAX_RETRIES == 2
        # the function that makes a session reads it while it runs
        assert "MAX_RETRIES" in inspect.getsource(downloader).partition("MAX_RETRIES =")[2]
    assert downloader.MAX_RETRIES == before > 2


# ---- ai_edge_litert -----------------------------------------------------------------------------


@hook("ai-edge-litert", "schema_py_generated")
def test_schema(content):
    model = private_api.schema().Model.GetRootAs(content, 0)
    assert model.SubgraphsLength() == 1
    assert model.Subgraphs(0).OperatorsLength() == 2
    assert model.SignatureDefsLength() == 1


@hook("ai-edge-litert", "the enums of schema_py_generated")
def test_enum_names():
    operators = private_api.enum_names("BuiltinOperator")
    assert (operators[9], operators[32]) == ("FULLY_CONNECTED", "CUSTOM")
    assert private_api.enum_names("TensorType")[INT8] == "INT8"


@hook("ai-edge-litert", "tools.flatbuffer_utils")
def test_unpacked_and_packed(content):
    model = private_api.unpacked(content)
    model.description = b"changed"
    again = private_api.unpacked(private_api.packed(model))
    assert again.description == b"changed"
    assert len(again.subgraphs[0].operators) == 2


@hook("ai-edge-litert", "Interpreter(experimental_preserve_all_tensors, ..._op_resolver_type)")
def test_interpreter_of_all_tensors(content):
    graph = private_api.unpacked(content).subgraphs[0]
    first, second = graph.operators
    interpreter = private_api.interpreter_of_all_tensors(content)
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()
    runner(**{name: np.ones((1, 4), "float32")})
    read = lambda number: interpreter.get_tensor(int(number), 0)
    kernel, given = read(second.inputs[1]), read(first.outputs[0])
    np.testing.assert_allclose(read(second.outputs[0]), given @ kernel.T, rtol=1e-5, atol=1e-6)


@hook("ai-edge-litert", "BufferT.Pack, and the _tab of Buffer")
def test_align_and_place(content):
    weights = np.arange(32, dtype="float32").tobytes()
    for shift in range(4):  # a description moves what stands behind it
        model = private_api.unpacked(content)
        model.description = b"d" * (4 * shift + 1)
        for constant in model.buffers:
            private_api.align(constant)
        model.buffers[1].data = np.frombuffer(weights, np.uint8)
        private_api.align(model.buffers[1])
        written = private_api.packed(model)
        read = private_api.schema().Model.GetRootAs(written, 0)
        places = {}
        for number in range(read.BuffersLength()):
            if read.Buffers(number).DataLength():
                places[number] = private_api.place(read.Buffers(number))
        assert len(places) >= 2
        assert all(place % 16 == 0 for place in places.values())
        assert written[places[1] : places[1] + len(weights)] == weights


# ---- litert_quantizer ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["weights", "dynamic"])
def test_quantised(content, scheme):
    with named("litert-quantizer", "recipe_manager.RecipeManager, quantizer.Quantizer"):
        recipe = private_api.quantisation_recipe([(".*", scheme)])
        model = private_api.unpacked(private_api.quantised(content, recipe))
        types = [tensor.type for tensor in model.subgraphs[0].tensors]
        assert types.count(INT8) == 2, "two kernels of int8"
        steps = len(model.subgraphs[0].operators)
        assert (steps == 2) == (scheme == "dynamic"), "float32 arithmetic dequantises first"


@pytest.mark.parametrize("estimator", ["min_max", "moving_average"])
def test_measured_ranges(content, estimator):
    with named("litert-quantizer", f"calibrator.Calibrator, utils.qsv_utils.{estimator}_update"):
        model = private_api.unpacked(content)
        signature, tensors = model.signatureDefs[0], model.subgraphs[0].tensors
        entry = tensors[signature.inputs[0].tensorIndex].name.decode()
        rows = [np.full((1, 4), value, "float32") for value in (0.0, 1.0, 0.5)]
        name = signature.inputs[0].name.decode()
        inputs = {signature.signatureKey.decode(): [{name: row} for row in rows]}
        recipe = private_api.quantisation_recipe([(".*", "int8")])
        ranges = private_api.measured_ranges(content, recipe, inputs, estimator)
        assert (float(np.max(ranges[entry]["max"])) == 1.0) == (estimator == "min_max")
        model = private_api.unpacked(private_api.quantised(content, recipe, ranges))
        types = [tensor.type for tensor in model.subgraphs[0].tensors]
        assert types.count(INT8) >= 3, "kernels and what is between them"


# ---- nothing else reaches in --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "private_api.py"}),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_all_else_uses_the_hooks(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        imported = []
        if isinstance(node, ast.Import):
            imported = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            imported = [node.value] if re.fullmatch(r"[\w.]+", node.value) else []
        found += [name for name in imported if name.startswith(MODULES)]
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "private_api")
            own |= isinstance(node.value, ast.Call)  # super()._an_override
            private = node.attr[0] == "_" and node.attr[:2] != "__" and node.attr != "_exit"
            if (private or node.attr in NAMES) and not own:
                found.append(node.attr)
        elif isinstance(node, ast.Constant) and node.value == "_use_cached_eval_dataset":
            found.append(node.value)
    assert not found, "names of other packages that only private_api.py may use"


def test_every_hook_has_a_test():
    hooks = [name for name, value in vars(private_api).items() if inspect.isfunction(value)]
    here = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in hooks if f"private_api.{name}(" not in here] == []
