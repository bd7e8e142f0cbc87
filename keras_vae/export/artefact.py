"""What an export hands back, and what stands in a .tflite file."""

import collections
import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A file or folder that `export` wrote.

    Attributes:
        path: of the .tflite file or of the SavedModel folder.
        bytes: size on disk.
        ops: dict of operator name to how often it stands in the graph (of a SavedModel: in the
            graph of its `decode`).
        quantize: None, "float16", "dynamic" or "int8".
    """

    path: Path
    bytes: int
    ops: dict
    quantize: str | None = None


@dataclasses.dataclass(frozen=True)
class Operator:
    """One step of a .tflite graph: its name and the name of its first output tensor."""

    name: str
    output: str


def operators(content):
    """The operators of a .tflite file, in the order in which they run.

    Args:
        content: bytes of the file.

    Returns:
        list of Operator. A custom operator is named "CUSTOM:" and its own name; those that start
        with "Flex" need the TensorFlow runtime.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
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
            found.append(Operator(name, output.decode(errors="replace")))
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


def not_builtin(names):
    """A ValueError that names the operators which LiteRT does not have."""
    return ValueError(
        f"The decoder needs {names}, which LiteRT does not run as builtin operators. Replace the "
        "layers of the decoder that need them (for one: bicubic UpSampling2D by Conv2DTranspose)."
    )
