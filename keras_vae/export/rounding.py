"""int8 weights for float32 arithmetic, each rounded up or down so that outputs change least.

The layers are those of the .tflite file itself, whatever network they come from: the file is run on
codes, and what its layers are given says which errors of their weights matter. What is rounded
first is made up for by what is rounded later, as in GPTQ (Frantar et al., arXiv 2210.17323).
"""

import collections
import copy
import dataclasses

import numpy as np
import tensorflow as tf

from keras_vae.export.artefact import parse
from keras_vae.export.equalise import equalise_weights
from keras_vae.export.quantize import calibration_codes, some
from keras_vae.export.rewrite import frozen, rewritten
from keras_vae.quiet import quiet

LEVELS = 127  # the integers are symmetric, -127 to 127
SMALL = 1024  # layers of fewer weights stay float32: few bytes
CODES = 1024  # of each kind that the file is run on
ROWS = 16_384  # inputs of a layer that decide on its weights
DAMPING = 0.01  # of an input's mean square, added to every input's
AXES = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "TRANSPOSE_CONV": 0, "DEPTHWISE_CONV_2D": 3}


@dataclasses.dataclass(frozen=True)
class Rounded:
    """A kernel on a grid: integers times the scale of their channel.

    Attributes:
        integers: int8, of the shape that the kernel has in the file.
        scales: (channels,) float32.
        axis: of the channels.
    """

    integers: np.ndarray
    scales: np.ndarray
    axis: int = 0

    def kernel(self):
        """float32: to the bit what DEQUANTIZE makes of it."""
        return self.integers.astype("float32") * _along(self.scales, self.axis, self.integers.ndim)


def nearest(kernel, axis=0):
    """Rounded, each weight to the nearest; the largest of a channel is 127 or -127."""
    others = tuple(other for other in range(kernel.ndim) if other != axis)
    largest = np.abs(kernel).max(others)
    scales = np.where(largest > 0, largest / LEVELS, 1).astype("float32")
    steps = np.round(kernel / _along(scales, axis, kernel.ndim))
    return Rounded(np.clip(steps, -LEVELS, LEVELS).astype("int8"), scales, axis)


def least_error(kernel, moments):
    """Rounds a linear layer so that its outputs change little: W~ near W in E |(W~ - W) x|^2.

    The inputs are taken one after the other, the strongest first. Each is rounded to the nearest,
    and the weights of those that follow take over what its error did to the output, as far as they
    vary with it (arXiv 2210.17323). A channel for which that is no better than rounding each weight
    to the nearest is rounded so.

    Args:
        kernel: (channels, inputs) float32.
        moments: (inputs, inputs), E x x^T; of a layer whose bias may move, the covariance.

    Returns:
        Rounded; its scales are those of `nearest`.
    """
    plain = nearest(kernel)
    damping = DAMPING * max(np.mean(np.diag(moments)), 1e-12)
    order = np.argsort(-np.diag(moments), kind="stable")
    damped = moments[np.ix_(order, order)] + damping * np.eye(len(order))
    spread = np.linalg.cholesky(np.linalg.inv(damped)).T  # row i: how the rest makes up for i
    left, scales = kernel.astype("float64")[:, order], plain.scales.astype("float64")
    integers = np.zeros(kernel.shape)
    for i in range(len(order)):
        integers[:, i] = np.clip(np.round(left[:, i] / scales), -LEVELS, LEVELS)
        error = (left[:, i] - integers[:, i] * scales) / spread[i, i]
        left[:, i + 1 :] -= error[:, None] * spread[i, i + 1 :]
    chosen = np.zeros(kernel.shape, "int8")
    chosen[:, order] = integers
    found = Rounded(chosen, plain.scales)
    loss = [output_error(kernel, rounded, moments) for rounded in (found, plain)]
    chosen[loss[1] <= loss[0]] = plain.integers[loss[1] <= loss[0]]
    return found


def output_error(kernel, rounded, moments):
    """(channels,) E ((W~ - W) x)^2 of a kernel (channels, inputs)."""
    error = rounded.kernel().astype("float64") - kernel
    return np.einsum("ci,ci->c", error @ moments, error)


def networks(model, images=None):
    """The networks of a model in units that lose little to int8, see `equalise.equalise_weights`.

    Args:
        model: Autoencoder or VAE.
        images: see `quantize.calibration_codes`; the encoder needs images.

    Returns:
        function (network, kept) -> function of tensors, in the place of `rewrite.served`.
    """

    def serve(network, kept=None):
        twin = rewritten(network)
        if network is model.decoder:
            inputs = calibration_codes(model, images, count=CODES)
            if kept is not None:
                inputs = inputs * np.isin(np.arange(inputs.shape[1]), kept).astype("float32")
        else:
            inputs = some(images, CODES)
        scale = equalise_weights(twin, inputs)
        function = frozen(rewritten(twin, kept))
        if scale is None:
            return function
        inverse = 1 / (scale if kept is None else scale[list(kept)])
        # Without the maximum, which changes nothing, the converter multiplies the weights instead.
        return lambda z: function(tf.maximum(z * inverse, tf.float32.min))

    return serve


def weights_file(content, inputs):
    """A float32 file with its weights as int8, which it expands while it runs.

    Args:
        content: bytes of a float32 .tflite file.
        inputs: of `quantize.calibration_inputs`.

    Returns:
        bytes.
    """
    return packed(*simulated(content, inputs))


def simulated(content, inputs):
    """Chooses the integers of a file.

    A kernel that signatures share is rounded once, by what the first of them gives it. Kernels
    whose inputs are not understood (neither FULLY_CONNECTED nor CONV_2D) are rounded to nearest.

    Args:
        content, inputs: of `weights_file`.

    Returns:
        bytes of a float32 file that computes what the int8 weights compute, and dict of the number
        of a buffer in it -> Rounded.
    """
    model = parse(content)
    kernels, rounded = _kernels(model), {}
    seen = _moments(content, model, kernels, inputs)
    for number, (kernel, axis, steps) in kernels.items():
        if number not in seen:
            rounded[number] = nearest(kernel, axis)
        else:
            rows, (moments, mean) = kernel.reshape(len(kernel), -1), seen[number]
            biased = all(len(step.inputs) > 2 and step.inputs[2] >= 0 for _, step in steps)
            found = least_error(rows, moments - np.outer(mean, mean) if biased else moments)
            if biased:  # what the errors do on average
                _move_biases(model, number, steps, (rows - found.kernel()) @ mean)
            rounded[number] = dataclasses.replace(
                found, integers=found.integers.reshape(kernel.shape)
            )
        model.buffers[number].data = rounded[number].kernel().ravel().view("uint8")
    return _bytes(model), rounded


def packed(content, rounded):
    """Stores kernels as their integers; DEQUANTIZE expands them in front of their first reader.

    Args:
        content, rounded: of `simulated`.

    Returns:
        bytes of a file that computes the same.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = parse(content)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 5  # the first with a scale for each channel
    model.operatorCodes.append(code)
    for graph in model.subgraphs:
        for index in range(len(graph.tensors)):
            tensor = graph.tensors[index]
            if tensor.buffer not in rounded:
                continue
            grid, expanded = rounded[tensor.buffer], copy.copy(tensor)
            expanded.name, expanded.buffer = tensor.name + b"_float", 0
            graph.tensors.append(expanded)
            tensor.type = schema.TensorType.INT8
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = grid.scales
            tensor.quantization.zeroPoint = np.zeros(len(grid.scales), "int64")
            tensor.quantization.quantizedDimension = grid.axis
            _expand(graph, index, len(model.operatorCodes) - 1, schema)
    for number, grid in rounded.items():
        model.buffers[number].data = grid.integers.ravel().view("uint8")
    return _bytes(model)


# ---- the file ------------------------------------------------------------------------------------


def _along(scales, axis, rank):
    """(channels,) -> the same with 1 for each other axis."""
    return scales.reshape([-1 if other == axis else 1 for other in range(rank)])


def _bytes(model):
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _name(model, step):
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[step.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return next((name for name in AXES if getattr(schema.BuiltinOperator, name) == number), None)


def _kernels(model):
    """Buffer -> (float32 kernel, axis of its channels, its [(graph, step)]), the large ones."""
    found, shapes = {}, collections.defaultdict(set)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            shapes[tensor.buffer].add(tuple(() if tensor.shape is None else tensor.shape))
        for step in graph.operators:
            name = _name(model, step)
            if name is None:
                continue
            tensor = graph.tensors[step.inputs[1]]
            data = model.buffers[tensor.buffer].data
            if tensor.type or data is None or len(data) < 4 * SMALL:  # type 0 is float32
                continue
            if len(shapes[tensor.buffer]) > 1:  # one buffer, seen as different arrays
                continue
            kernel = np.frombuffer(np.asarray(data, "uint8").tobytes(), "float32")
            kernel = kernel.reshape(tensor.shape)
            found.setdefault(tensor.buffer, (kernel, AXES[name], []))[2].append((graph, step))
    return found


def _move_biases(model, number, steps, shift):
    """Adds to the biases of the steps; one that others read, too, is copied."""
    own = {id(step) for _, step in steps}
    elsewhere = {
        graph.tensors[tensor].buffer
        for graph in model.subgraphs
        for step in graph.operators
        for place, tensor in enumerate(step.inputs)
        if tensor >= 0 and (place != 2 or id(step) not in own)
    }
    moved = {}
    for graph, step in steps:
        tensor = copy.copy(graph.tensors[step.inputs[2]])
        if tensor.buffer not in moved:
            buffer = copy.copy(model.buffers[tensor.buffer])
            bias = np.frombuffer(np.asarray(buffer.data, "uint8").tobytes(), "float32")
            buffer.data = (bias + shift).astype("float32").view("uint8")
            moved[tensor.buffer] = tensor.buffer
            if tensor.buffer in elsewhere:
                moved[tensor.buffer] = len(model.buffers)
                model.buffers.append(buffer)
            model.buffers[moved[tensor.buffer]] = buffer
        tensor.buffer = moved[tensor.buffer]
        if tensor.buffer != graph.tensors[step.inputs[2]].buffer:
            graph.tensors.append(tensor)
            step.inputs = [*step.inputs[:2], len(graph.tensors) - 1]


def _expand(graph, index, code, schema):
    """Puts a DEQUANTIZE of a tensor, into the last one, in front of its first reader."""
    end, first = len(graph.tensors) - 1, len(graph.operators)
    for place, step in enumerate(graph.operators):
        if index in step.inputs:
            first = min(first, place)
            step.inputs = [end if tensor == index else tensor for tensor in step.inputs]
    step = schema.OperatorT()
    step.opcodeIndex, step.inputs, step.outputs = code, [index], [end]
    graph.operators.insert(first, step)


# ---- what the layers are given -------------------------------------------------------------------


def _moments(content, model, kernels, inputs):
    """Buffer -> (E x x^T, E x) of the inputs x of its layer, in float64."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with quiet():
        interpreter = Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    graphs = {entry.signatureKey.decode(): entry.subgraphIndex for entry in model.signatureDefs}
    random, found = np.random.default_rng(0), {}
    for signature, calls in inputs.items():
        steps = {
            number: next(
                step for graph, step in uses if graph is model.subgraphs[graphs[signature]]
            )
            for number, (_, _, uses) in kernels.items()
            if number not in found
            and any(graph is model.subgraphs[graphs[signature]] for graph, _ in uses)
            and _name(model, uses[0][1]) in ("FULLY_CONNECTED", "CONV_2D")
        }
        sums = {number: _Sums() for number in steps}
        runner = interpreter.get_signature_runner(signature)
        for call in calls:
            runner(**call)
            for number, step in steps.items():
                x = interpreter.get_tensor(int(step.inputs[0]), graphs[signature])
                shape = kernels[number][0].shape
                if len(shape) == 2:
                    rows = x.reshape(-1, shape[1])
                else:
                    rows = _patches(x, shape, step.builtinOptions)
                count = max(ROWS // len(calls), 1)
                if len(rows) > count:
                    rows = rows[random.choice(len(rows), count, replace=False)]
                sums[number].add(rows.reshape(len(rows), -1))
        found |= {number: total.moments() for number, total in sums.items()}
    return found


class _Sums:
    """Adds up x x^T and x, many rows at a time."""

    def __init__(self):
        self.rows, self.count, self.squares, self.total = [], 0, 0.0, 0.0

    def add(self, rows):
        self.rows.append(rows.astype("float64"))
        if len(self.rows) >= 256:
            self._flush()

    def _flush(self):
        rows = np.concatenate(self.rows)
        self.squares, self.total = self.squares + rows.T @ rows, self.total + rows.sum(axis=0)
        self.rows, self.count = [], self.count + len(rows)

    def moments(self):
        if self.rows:
            self._flush()
        return self.squares / self.count, self.total / self.count


def _patches(x, shape, options):
    """(B, H, W, C) -> (positions, h, w, C), what a CONV_2D of this kernel shape multiplies."""
    from ai_edge_litert import schema_py_generated as schema

    sides = zip(
        x.shape[1:3],
        shape[1:3],
        (options.strideH, options.strideW),
        (options.dilationHFactor, options.dilationWFactor),
    )
    widths, windows, strides, dilations = [], [], [], []
    for size, taps, stride, dilation in sides:
        window = (taps - 1) * dilation + 1
        pad = max((-(-size // stride) - 1) * stride + window - size, 0)
        pad = pad if options.padding == schema.Padding.SAME else 0
        widths.append((pad // 2, pad - pad // 2))
        windows.append(window)
        strides.append(stride)
        dilations.append(dilation)
    x = np.pad(x, [(0, 0), *widths, (0, 0)])
    view = np.lib.stride_tricks.sliding_window_view(x, windows, axis=(1, 2))
    view = view[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    view = np.moveaxis(view, 3, -1)  # (B, rows, columns, h, w, C)
    return view.reshape(-1, *view.shape[3:])
