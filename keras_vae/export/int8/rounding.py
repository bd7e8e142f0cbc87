"""int8 weights for float32 arithmetic, each rounded up or down so that outputs change least.

The layers are those of the .tflite file itself, whatever network they come from: the file is run on
codes, and what its layers are given says which errors of their weights matter. What is rounded
first is made up for by what is rounded later, as in GPTQ (Frantar et al., arXiv 2210.17323).
"""

import copy
import dataclasses

import numpy as np

from keras_vae import private_api
from keras_vae.export.flatbuffer.contents import parse
from keras_vae.export.graph.rewrite import frozen, rewritten
from keras_vae.export.int8.calibration import calibration_codes, some
from keras_vae.export.int8.equalise import equalise_weights
from keras_vae.export.int8.layer_inputs import kernels, moments

LEVELS = 127  # the integers are symmetric, -127 to 127
SMALL = 256  # layers of fewer weights stay float32: a few bytes
CODES = 1024  # of each kind that the file is run on
DAMPING = 0.01  # of an input's mean square, added to every input's


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
        images: see `calibration.calibration_codes`; the encoder needs images.

    Returns:
        function (network) -> function of tensors, in the place of `rewrite.served`.
    """

    def serve(network):
        twin = rewritten(network)
        if network is model.decoder:
            inputs = calibration_codes(model, images, count=CODES)
        else:
            inputs = some(images, CODES)
        scale = equalise_weights(twin, inputs)
        function = frozen(rewritten(twin))
        if scale is None:
            return function
        more = 1 / scale - 1
        # As a sum: a lone product would be multiplied into the weights before or behind it.
        return lambda z: function(z + z * more)

    return serve


def weights_file(content, inputs):
    """A float32 file with its weights as int8, which it expands while it runs.

    Args:
        content: bytes of a float32 .tflite file.
        inputs: of `calibration.calibration_inputs`.

    Returns:
        bytes.
    """
    return packed(*simulated(content, inputs))


def simulated(content, inputs):
    """Chooses the integers of a file.

    A kernel that signatures share is rounded once, by what the first of them gives it. Kernels of
    layers that are no plain product (transposed and depthwise convolutions) are rounded to nearest.

    Args:
        content, inputs: of `weights_file`.

    Returns:
        bytes of a float32 file that computes what the int8 weights compute, and dict of the number
        of a buffer in it -> Rounded.
    """
    model = parse(content)
    layers, rounded = kernels(model, SMALL), {}
    seen = moments(content, model, layers, inputs)
    for number, layer in layers.items():
        if number not in seen:
            rounded[number] = nearest(layer.values, layer.axis)
        else:
            rows, (moving, mean) = layer.values.reshape(len(layer.values), -1), seen[number]
            biased = all(len(step.inputs) > 2 and step.inputs[2] >= 0 for _, step in layer.uses)
            # A bias is free to take back what the errors do on average.
            found = least_error(rows, moving if biased else moving + np.outer(mean, mean))
            if biased:
                _move_biases(model, layer.uses, (rows - found.kernel()) @ mean)
            integers = found.integers.reshape(layer.values.shape)
            rounded[number] = dataclasses.replace(found, integers=integers)
        model.buffers[number].data = rounded[number].kernel().ravel().view("uint8")
    return private_api.packed(model), rounded


def packed(content, rounded):
    """Stores kernels as their integers; DEQUANTIZE expands them in front of their first reader.

    Args:
        content, rounded: of `simulated`.

    Returns:
        bytes of a file that computes the same.
    """
    schema, model = private_api.schema(), parse(content)
    if not rounded:
        return content
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
    return private_api.packed(model)


# ---- the file ------------------------------------------------------------------------------------


def _along(scales, axis, rank):
    """(channels,) -> the same with 1 for each other axis."""
    return scales.reshape([-1 if other == axis else 1 for other in range(rank)])


def _move_biases(model, uses, shift):
    """Adds to the biases of steps; a buffer or tensor that others read, too, is copied first."""
    own = {id(step) for _, step in uses}
    elsewhere = {
        graph.tensors[tensor].buffer
        for graph in model.subgraphs
        for step in graph.operators
        for place, tensor in enumerate(step.inputs)
        if tensor >= 0 and (place != 2 or id(step) not in own)
    }
    moved = {}  # number of a buffer -> of the moved one
    for graph, step in uses:
        tensor = graph.tensors[step.inputs[2]]
        before = tensor.buffer
        if before not in moved:
            buffer = copy.copy(model.buffers[before])
            bias = np.asarray(buffer.data, "uint8").view("float32")
            buffer.data = (bias + shift).astype("float32").view("uint8")
            moved[before] = len(model.buffers) if before in elsewhere else before
            model.buffers[moved[before] : moved[before] + 1] = [buffer]
        if moved[before] != before:
            graph.tensors.append(copy.copy(tensor))
            graph.tensors[-1].buffer = moved[before]
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
