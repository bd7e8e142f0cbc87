"""Small rewrites of a finished int8 file: what the converter leaves in float32, and should not.

Both change which kernel computes a step, not what is computed, but for the last rounding.
"""

import copy

from keras_vae import private_api
from keras_vae.export.flatbuffer.contents import parse

MOVES = ("RESHAPE", "DEPTH_TO_SPACE", "STRIDED_SLICE")


def tidy(content):
    """Applies both rewrites to each graph of a .tflite file.

    - DEQUANTIZE, ELU, QUANTIZE becomes ELU: LiteRT has an int8 kernel (a table of 256 values), and
      the converter does not know it.
    - LOGISTIC, DEQUANTIZE becomes DEQUANTIZE, LOGISTIC, and LOGISTIC, QUANTIZE, DEQUANTIZE becomes
      LOGISTIC: a probability that is a multiple of 1/256 costs nats, and the float32 kernel costs
      nothing to speak of.

    Args:
        content: bytes of the file.

    Returns:
        bytes.
    """
    model = parse(content)
    for graph in model.subgraphs:
        _integer_elu(_Graph(model, graph))
        _float_logistic(_Graph(model, graph))
    return private_api.packed(model)


class _Graph:
    """A graph of a schema.ModelT, with the step that writes and those that read each tensor."""

    def __init__(self, model, graph):
        self.graph, self.codes = graph, model.operatorCodes
        self.names = private_api.enum_names("BuiltinOperator")
        self.writer, self.readers = {}, {}
        for step in graph.operators:
            for tensor in step.outputs:
                self.writer[int(tensor)] = step
            for tensor in step.inputs:
                self.readers.setdefault(int(tensor), []).append(step)

    def name(self, step):
        """Name of a step's operator, "LOGISTIC"; None of one that the schema does not know."""
        code = self.codes[step.opcodeIndex]
        return self.names.get(max(code.builtinCode, code.deprecatedBuiltinCode))

    def only_reader(self, step):
        """The step that alone reads what this one gives, or None."""
        tensor = int(step.outputs[0])
        readers = self.readers.get(tensor, [])
        ends = {int(end) for end in self.graph.outputs}
        return readers[0] if len(readers) == 1 and tensor not in ends else None

    def remove(self, *steps):
        """Takes steps out of the graph; who reads their outputs is the caller's business."""
        gone = {id(step) for step in steps}
        self.graph.operators = [step for step in self.graph.operators if id(step) not in gone]


def _integer_elu(graph):
    for step in list(graph.graph.operators):
        before = graph.writer.get(int(step.inputs[0])) if len(step.inputs) else None
        after = graph.only_reader(step)
        if before is None or after is None:
            continue
        if [graph.name(s) for s in (before, step, after)] != ["DEQUANTIZE", "ELU", "QUANTIZE"]:
            continue
        shared = graph.only_reader(before) is None  # another step needs the float32, too
        step.inputs, step.outputs = [before.inputs[0]], [after.outputs[0]]
        graph.remove(after, *([] if shared else [before]))


def _float_logistic(graph):
    for step in list(graph.graph.operators):
        chain = [step] if graph.name(step) == "LOGISTIC" else []
        while chain and graph.name(chain[-1]) != "DEQUANTIZE":
            reader = graph.only_reader(chain[-1])
            known = (*MOVES, "DEQUANTIZE", *(["QUANTIZE"] if len(chain) == 1 else []))
            if reader is None or graph.name(reader) not in known:
                chain = []
            else:
                chain.append(reader)
        if not chain:
            continue
        tensors = graph.graph.tensors
        *moved, dequantize = chain
        given, last = int(step.inputs[0]), dequantize.outputs
        if len(moved) > 1 and graph.name(moved[1]) == "QUANTIZE":  # the sigmoid itself is float32
            quantize = moved.pop(1)
            if len(moved) > 1:
                moved[1].inputs[0] = step.outputs[0]
            moved[-1].outputs = last
            for earlier in moved[1:-1]:
                number = int(earlier.outputs[0])
                tensors[number] = _as_float(tensors[number])
            graph.remove(quantize, dequantize)
            continue
        tensors.append(_as_float(tensors[given]))
        dequantize.inputs, dequantize.outputs = [given], [len(tensors) - 1]
        step.inputs, moved[-1].outputs = dequantize.outputs, last
        for earlier in moved[:-1]:
            number = int(earlier.outputs[0])
            tensors[number] = _as_float(tensors[number])
        graph.remove(dequantize)
        graph.graph.operators.insert(
            [id(s) for s in graph.graph.operators].index(id(step)), dequantize
        )


def _as_float(tensor):
    made = copy.copy(tensor)
    made.type, made.quantization, made.buffer = 0, None, 0
    made.name = tensor.name + b"_float"
    return made
