"""What stands in a .tflite file: its operators, and a note that the file carries of itself."""

import collections
import dataclasses
import json

import flatbuffers
import numpy as np

from keras_vae import private_api


@dataclasses.dataclass(frozen=True)
class Operator:
    """One step of a .tflite graph.

    Attributes:
        name: of the operator, "CONV_2D".
        output: name of its first output tensor.
        graph: number of the graph in the file; each signature has one.
    """

    name: str
    output: str
    graph: int = 0


def operators(content):
    """The operators of a .tflite file, in the order in which they run.

    Args:
        content: bytes of the file.

    Returns:
        list of Operator. A custom operator is named "CUSTOM:" and its own name; those that start
        with "Flex" need the TensorFlow runtime.
    """
    schema, names = private_api.schema(), private_api.enum_names("BuiltinOperator")
    model = schema.Model.GetRootAs(content, 0)
    found = []
    for number in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(number)
        for index in range(subgraph.OperatorsLength()):
            operator = subgraph.Operators(index)
            code = model.OperatorCodes(operator.OpcodeIndex())
            # Codes below 127 once had a field of one byte; a reader takes the larger of the two.
            builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = names.get(builtin, f"UNKNOWN:{builtin}")
            if builtin == schema.BuiltinOperator.CUSTOM:
                name = "CUSTOM:" + (code.CustomCode() or b"").decode(errors="replace")
            output = (
                subgraph.Tensors(operator.Outputs(0)).Name() if operator.OutputsLength() else b""
            )
            found.append(Operator(name, output.decode(errors="replace"), number))
    return found


def count_builtin(content):
    """Operator name -> count of a .tflite file.

    Raises:
        ValueError: an operator that the plain LiteRT runtime does not have, or a variable, which
            would come up empty in a new interpreter.
    """
    ops = dict(collections.Counter(operator.name for operator in operators(content)))
    foreign = [name for name in ops if name.startswith(("CUSTOM:", "UNKNOWN:", "VAR_HANDLE"))]
    if foreign:
        raise not_builtin(foreign)
    return ops


def parse(content):
    """A .tflite file as objects of its schema, schema.ModelT; the bytes stay as they are.

    litert-quantizer writes large constants behind the flatbuffer, where a buffer says no more than
    their place; here they are part of the objects again.
    """
    model = private_api.unpacked(content)
    for buffer in model.buffers:
        if buffer.offset:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


NOTE = "keras_vae"  # name of the metadata entry in which a file says what it is


def with_note(content, note):
    """The file with a note about itself, a dict of JSON values, that `note_of` reads.

    It replaces an older one. The file is written anew, its equal arrays once.
    """
    schema, model = private_api.schema(), parse(content)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(json.dumps(note).encode())
    entry.name, entry.buffer = NOTE.encode(), len(model.buffers)
    model.buffers.append(buffer)
    others = (other for other in model.metadata or [] if other.name != entry.name)
    model.metadata = [*others, entry]
    for constant in model.buffers:
        private_api.align(constant)
    builder = _SharingBuilder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Writes equal arrays once: int8 has a zero point for each channel, and all of them are 0."""

    def __init__(self, size):
        super().__init__(size)
        self.arrays = {}

    def CreateNumpyVector(self, x):  # noqa: N802 - a method of flatbuffers
        key = x.dtype.str, x.tobytes()
        if x.dtype == "uint8":  # the constants themselves, which are aligned one by one
            return super().CreateNumpyVector(x)
        if key not in self.arrays:
            self.arrays[key] = super().CreateNumpyVector(x)
        return self.arrays[key]


def note_of(content):
    """The note of a .tflite file, {} where it carries none."""
    model = private_api.schema().Model.GetRootAs(content, 0)
    for number in range(model.MetadataLength()):
        entry = model.Metadata(number)
        if entry.Name() == NOTE.encode():
            return json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return {}


def not_builtin(names):
    """A ValueError that names the operators which LiteRT does not have."""
    return ValueError(
        f"The decoder needs {names}, which LiteRT does not run as builtin operators. Replace the "
        "layers of the decoder that need them (for one: bicubic UpSampling2D by Conv2DTranspose)."
    )
