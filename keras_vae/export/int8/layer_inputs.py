"""The layers with weights of a float32 .tflite file, and what they are given while it runs."""

import dataclasses

import numpy as np

from keras_vae import private_api
from keras_vae.quiet import quiet

ROWS = 16_384  # inputs of a layer that are looked at
AXES = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "TRANSPOSE_CONV": 0, "DEPTHWISE_CONV_2D": 3}
PRODUCTS = ("FULLY_CONNECTED", "CONV_2D")  # each output is a kernel's row times an input


@dataclasses.dataclass(frozen=True)
class Kernel:
    """The weights of a layer.

    Attributes:
        values: float32 of the shape in the file.
        axis: of the output channels.
        name: of the operator.
        uses: list of (graph, step), objects of the schema; several where signatures share it.
    """

    values: np.ndarray
    axis: int
    name: str
    uses: list


def kernels(model, smallest):
    """The kernels of at least `smallest` weights.

    Args:
        model: schema.ModelT, of `contents.parse`.
        smallest: number of weights.

    Returns:
        dict of the number of a buffer -> Kernel, in the order of the computation.
    """
    found, shapes = {}, {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            shape = () if tensor.shape is None else tuple(tensor.shape)
            shapes.setdefault(tensor.buffer, set()).add(shape)
    for graph in model.subgraphs:
        for step in graph.operators:
            name = _name(model, step)
            if name is None:
                continue
            tensor = graph.tensors[step.inputs[1]]
            data = model.buffers[tensor.buffer].data
            is_float32 = tensor.type == 0 and data is not None
            # equal bytes of two shapes are one buffer: their channels are not the same
            if not is_float32 or len(data) < 4 * smallest or len(shapes[tensor.buffer]) > 1:
                continue
            values = np.asarray(data, "uint8").view("float32").reshape(tensor.shape)
            kernel = found.setdefault(tensor.buffer, Kernel(values, AXES[name], name, []))
            kernel.uses.append((graph, step))
    return found


def moments(content, model, layers, inputs):
    """Runs a file and takes the moments of the inputs that its layers multiply by their kernels.

    Args:
        content: bytes of the file.
        model: `contents.parse` of it.
        layers: of `kernels`. One that several signatures share is seen in the first of them.
        inputs: of `calibration.calibration_inputs`.

    Returns:
        dict of the number of a buffer -> (covariance, mean), float64 of shapes (inputs, inputs) and
        (inputs,): of the rows x of a dense layer's input, patches of a convolution's. Kernels that
        are no PRODUCTS, or that no signature of `inputs` uses, are not in it.
    """
    with quiet():
        interpreter = private_api.interpreter_of_all_tensors(content)
    graphs = {entry.signatureKey.decode(): entry.subgraphIndex for entry in model.signatureDefs}
    random, found = np.random.default_rng(0), {}
    for signature, calls in inputs.items():
        number = graphs[signature]
        steps = {
            buffer: step
            for buffer, kernel in layers.items()
            for graph, step in kernel.uses
            if graph is model.subgraphs[number] and kernel.name in PRODUCTS and buffer not in found
        }
        sums = {buffer: _Sums() for buffer in steps}
        runner, most = interpreter.get_signature_runner(signature), max(ROWS // len(calls), 1)
        for call in calls:
            runner(**call)
            for buffer, step in steps.items():
                x = interpreter.get_tensor(int(step.inputs[0]), number)
                rows = _rows(x, layers[buffer].values.shape, step.builtinOptions)
                if len(rows) > most:
                    rows = rows[random.choice(len(rows), most, replace=False)]
                sums[buffer].add(rows.reshape(len(rows), -1))
        found |= {buffer: total.moments() for buffer, total in sums.items()}
    return found


class _Sums:
    """Adds up x x^T and x, many rows at a time, x seen from about its mean.

    From elsewhere the covariance of inputs that hardly vary would be lost in float32.
    """

    def __init__(self):
        self.rows, self.count, self.squares, self.total, self.origin = [], 0, 0.0, 0.0, None

    def add(self, rows):
        self.rows.append(rows)
        if len(self.rows) >= 256:
            self._flush()

    def _flush(self):
        rows = np.concatenate(self.rows)
        self.origin = rows.mean(axis=0) if self.origin is None else self.origin
        rows = rows - self.origin
        self.squares = self.squares + (rows.T @ rows).astype("float64")
        self.total = self.total + rows.sum(axis=0, dtype="float64")
        self.rows, self.count = [], self.count + len(rows)

    def moments(self):
        if self.rows:
            self._flush()
        mean = self.total / self.count
        return self.squares / self.count - np.outer(mean, mean), self.origin + mean


def _name(model, step):
    code = model.operatorCodes[step.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = private_api.enum_names("BuiltinOperator").get(number)
    return name if name in AXES else None


def _rows(x, shape, options):
    """What a kernel of this shape multiplies: (rows, ...), each of the size of one channel of it.

    Of a convolution: (B, H, W, C) -> (positions, h, w, C), without a copy where it can be.
    """
    if len(shape) == 2:
        return x.reshape(-1, shape[1])
    strides = options.strideH, options.strideW
    dilations = options.dilationHFactor, options.dilationWFactor
    windows = [(taps - 1) * dilation + 1 for taps, dilation in zip(shape[1:3], dilations)]
    if options.padding == private_api.schema().Padding.SAME:
        pads = [
            max((-(-size // stride) - 1) * stride + window - size, 0)
            for size, stride, window in zip(x.shape[1:3], strides, windows)
        ]
        x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    view = np.lib.stride_tricks.sliding_window_view(x, windows, axis=(1, 2))
    view = view[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    view = np.moveaxis(view, 3, -1)  # (B, rows, columns, h, w, C)
    return view.reshape(-1, *view.shape[3:])
