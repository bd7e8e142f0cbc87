"""What this library reaches for in other packages that they do not promise to keep.

Each function is one hook: what it reaches into, and why no public way serves. Nothing else in
`keras_vae` touches such names; tests/test_private_api.py tries each hook alone, so that a new
version of a package which breaks one is named. Packages are imported where they are used: the
command's listing does without them.
"""

import contextlib

# Methods and attributes of Keras that a class here overrides, each in its own file because Keras
# looks for it there: (class of Keras, name) -> the class of ours.
OVERRIDES = {
    # Keras's own runs a batch to build the optimizer, which fails where a batch is uneven.
    ("Model", "_maybe_symbolic_build"): "keras_vae.models.ImageModel",
    # Keras reads the number at each step, and here it depends on the step.
    ("optimizers.Adam", "ema_momentum"): "keras_vae.averaging.AveragedAdam",
}

# ---- Keras --------------------------------------------------------------------------------------


def strategy(model):
    """The tf.distribute.Strategy that a model was built under: `Model.distribute_strategy`.

    `tf.distribute.get_strategy()` tells the same only within the strategy's scope, and `fit` is
    called outside.
    """
    return model.distribute_strategy


def is_validation_of_fit(options):
    """Whether `evaluate` was called by `fit`, with data that were prepared before.

    `fit` says so by the argument `_use_cached_eval_dataset` of `evaluate`, and by nothing else.
    """
    return bool(options.get("_use_cached_eval_dataset"))


def operations(network):
    """All operations of a functional network, operators among them: `Function.operations`.

    `Model.layers` leaves out what is no layer, `x + y` or `keras.ops.exp(x)`.
    """
    return network.operations


def adam_moments(adam, variable):
    """The averages of a variable's gradient and of its square, tf.Variables that an Adam keeps.

    `Optimizer.variables` has them among others, in an order that versions of Keras changed.

    Args:
        adam: keras.optimizers.Adam, built.
        variable: tf.Variable that it was built for.
    """
    index = adam._get_variable_index(variable)
    return adam._momentums[index].value, adam._velocities[index].value


def set_mode(callback, mode):
    """Tells a callback with mode="auto" that its tracker is to rise ("max") or to fall ("min").

    Keras knows the direction of its own metrics, and of no tracker of a custom `train_step`.

    Args:
        callback: keras.callbacks.Callback that watches a tracker.
        mode: "min" or "max".

    Returns:
        Whether the callback follows it. Callbacks before Keras 3.11 chose in their constructors and
        forgot what was asked; then the direction is that of their `monitor_op`, "min" for lack of a
        better one.
    """
    import numpy as np

    if getattr(callback, "mode", None) == "auto":
        callback.mode = mode
    forgot = not hasattr(callback, "mode")
    return not (mode == "max" and forgot and getattr(callback, "monitor_op", None) is np.less)


# ---- TensorFlow ---------------------------------------------------------------------------------


def operators_without_kernel(error):
    """Names of the operators that kept a model from becoming a .tflite file.

    Args:
        error: what the converter raised, an exception of a private type.

    Returns:
        sorted list of TensorFlow's names, out of the text: no attribute has them.
    """
    import re

    return sorted(set(re.findall(r"'tf\.(\w+)' op is neither a custom op", str(error))))


# ---- tensorflow_datasets ------------------------------------------------------------------------


def tensorflow_datasets_folder():
    """Where data sets are prepared by default: `core.constants.DATA_DIR`, expanded.

    `tfds.builder` knows it and does not tell it, and an error has to name it.
    """
    import os

    from tensorflow_datasets.core import constants

    return os.path.expanduser(constants.DATA_DIR)


@contextlib.contextmanager
def download_retries(count):
    """Lets a download of tensorflow_datasets be tried so often: `downloader.MAX_RETRIES`.

    Its own ten wait for 200 s where there is no network, and DownloadConfig has no such field.
    """
    import importlib

    downloader = importlib.import_module("tensorflow_datasets.core.download.downloader")
    before, downloader.MAX_RETRIES = downloader.MAX_RETRIES, count
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before


# ---- ai_edge_litert -----------------------------------------------------------------------------


def schema():
    """The schema of .tflite files as Python classes: `schema_py_generated`.

    The package brings it for its own tools. The Interpreter tells tensors, and neither operators'
    codes in all graphs nor metadata, and changes nothing.
    """
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def enum_names(enum):
    """Code -> name of an enum of the schema, "BuiltinOperator" or "TensorType"."""
    return {code: name for name, code in vars(getattr(schema(), enum)).items() if name[0] != "_"}


def unpacked(content):
    """A .tflite file, bytes, as objects that can be changed, schema.ModelT: `flatbuffer_utils`."""
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.convert_bytearray_to_object(bytearray(content))


def packed(model):
    """A schema.ModelT as the bytes of a .tflite file: `flatbuffer_utils`, as `unpacked`."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def interpreter_of_all_tensors(content):
    """An Interpreter whose `get_tensor` gives any tensor of the last call.

    By two arguments that are called experimental: without them the tensors between operators share
    memory, or are a delegate's own affair.

    Args:
        content: bytes of a .tflite file.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def align(constant, size=16):
    """Makes a schema.BufferT start at a multiple of 16 bytes, which its `Pack` forgets.

    The schema itself demands it (`force_align: 16`), but flatbuffers generates no Python for that.
    """
    pack = constant.Pack

    def aligned_pack(builder):
        builder.Prep(size, len(constant.data))
        return pack(builder)

    if constant.data is not None and len(constant.data):
        constant.Pack = aligned_pack


def place(constant):
    """Where the bytes of a schema.Buffer start in the file: the `_tab` of its flatbuffer.

    `DataAsNumpy` gives the bytes and not their place, on which a microcontroller depends.
    """
    return constant._tab.Vector(constant._tab.Offset(4))  # 4: the slot of the first field, data


# ---- litert_quantizer ---------------------------------------------------------------------------


def quantisation_recipe(schemes):
    """A `recipe_manager.RecipeManager`: which steps are quantised, and how.

    Quantizer has the same methods, but no calibrator takes a Quantizer (see `measured_ranges`).

    Args:
        schemes: list of (regular expression for the name of a step's output, "int8", "dynamic" or
            "weights").
    """
    from litert_quantizer import qtyping, recipe_manager

    recipe, every = recipe_manager.RecipeManager(), qtyping.TFLOperationName.ALL_SUPPORTED
    for scope, scheme in schemes:
        if scheme == "int8":
            recipe.add_static_config(scope, every, activation_num_bits=8, weight_num_bits=8)
        elif scheme == "dynamic":
            recipe.add_dynamic_config(scope, every, num_bits=8)
        else:
            recipe.add_weight_only_config(scope, every, num_bits=8)
    return recipe


def measured_ranges(content, recipe, inputs, estimator):
    """Ranges of activations: `calibrator.Calibrator` with an estimator of `utils.qsv_utils`.

    `Quantizer.calibrate` knows the moving average alone.

    Args:
        content: bytes of a float32 .tflite file.
        recipe: of `quantisation_recipe`.
        inputs: dict of signature -> list of dicts of input name -> array.
        estimator: "min_max" or "moving_average".

    Returns:
        dict of tensor name -> statistics, for `quantised`.
    """
    from litert_quantizer import calibrator
    from litert_quantizer.utils import qsv_utils

    update = getattr(qsv_utils, f"{estimator}_update")
    ranges = calibrator.Calibrator(content, num_threads=1, qsv_update_func=update)
    ranges.calibrate(inputs, recipe)
    return ranges.get_model_qsvs()


def quantised(content, recipe, ranges=None):
    """A float32 .tflite file quantised by a recipe and, where a step is int8, by its ranges."""
    from litert_quantizer import quantizer

    tool = quantizer.Quantizer(content, recipe.get_quantization_recipe())
    return bytes(tool.quantize(ranges).quantized_model)
