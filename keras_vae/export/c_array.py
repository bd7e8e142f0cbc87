"""A .tflite file as a C header that a microcontroller's program includes."""

import collections
import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np

from keras_vae import atomic, private_api
from keras_vae.export.artefact import Artefact
from keras_vae.export.flatbuffer.contents import operators
from keras_vae.export.output_file import writable
from keras_vae.export.runtime import micro
from keras_vae.export.runtime.runtimes import open_file

TRIES = 8  # inputs on which Micro and LiteRT are compared
LIMIT = 0.02  # of the range of the outputs: how far they may be apart in the mean
C_TYPES = {"float32": "float", "int8": "int8_t", "uint8": "uint8_t", "int32": "int32_t"}
C_WORDS = frozenset(
    "alignas alignof auto bool break case char class const continue default delete do double else "
    "enum extern false float for goto if inline int long namespace new operator private public "
    "register return short signed sizeof static struct switch template this throw true try typedef "
    "union unsigned using virtual void volatile while".split()
)


@dataclasses.dataclass(frozen=True)
class CArray:
    """A header that `c_array` wrote.

    Attributes:
        path: of the header.
        flash_bytes: of the array: what the model takes of the flash.
        arena_bytes: that the interpreter needs for tensors and plans, see `micro.arena_bytes`.
        ops: dict of operator name to how often it stands in the graph.
    """

    path: Path
    flash_bytes: int
    arena_bytes: int
    ops: dict


def c_array(source, path, *, name=None):
    """Writes a .tflite file as a C header, after running it in TensorFlow Lite Micro.

    The header needs C11 or C++11 and nothing else. With NAME the name in capitals it defines

        static const unsigned char name[NAME_BYTES]    the file, aligned to 16 bytes
        NAME_ARENA_BYTES                               measured, see `micro.arena_bytes`
        NAME_INPUT_COUNT, NAME_OUTPUT_COUNT
        NAME_INPUT_0_NAME, _TYPE (of C), _RANK, _SHAPE ({...}), _ELEMENTS, _SCALE, _ZERO_POINT
            and NAME_OUTPUT_0_...; scale 0 means that the numbers are not quantised
        NAME_OPERATOR_COUNT, NAME_ADD_OPERATORS(resolver)
            for a tflite::MicroMutableOpResolver; true if all could be added

    Args:
        source: path of a .tflite file with one signature, or the Artefact of `export.tflite`.
        path: header to write, ending in .h; an older file is replaced.
        name: of the array; by default that of the header, without its ending.

    Returns:
        CArray.

    Raises:
        ValueError: not a .tflite file, or one that Micro cannot run or runs wrongly, with the
            reason; a name that C does not allow; a path without .h.
        FileNotFoundError, IsADirectoryError: a path that cannot be read or written.
        ImportError: the package tflite-micro is missing.
    """
    source = source.path if isinstance(source, Artefact) else Path(source)
    path = writable(path, ".h")
    name = path.stem if name is None else name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in C_WORDS:
        raise ValueError(f"{name!r} is no name for an array in C; give name='decoder', say.")
    if not source.is_file():
        raise FileNotFoundError(f"No .tflite file at {source}.")
    content = source.read_bytes()
    micro.check(content, str(source))
    arena = micro.arena_bytes(content, str(source))
    _check_images(content, arena, source)
    ops = dict(collections.Counter(step.name for step in operators(content)))
    atomic.write(path, _header(content, name, source.name, arena, ops).encode())
    return CArray(path, len(content), arena, ops)


def _check_images(content, arena, source):
    """Raises ValueError where Micro, in just this arena, computes something else than LiteRT."""
    name = str(source)
    here, there = micro.TFLiteMicro(content, arena, name), open_file(content, "interpreter", name)
    random = np.random.default_rng(0)
    for _ in range(TRIES):
        inputs = {}
        for end, index in here.inputs.items():
            details = here.interpreter.get_input_details(index)
            drawn = random.standard_normal(details["shape"])
            inputs[end] = np.clip(drawn * 127, -128, 127) if _is_integer(details) else drawn
            inputs[end] = inputs[end].astype(details["dtype"])
        found, expected = here(here.signature, **inputs), there(here.signature, **inputs)
        for end, right in expected.items():
            right = right.astype("float64")
            apart = np.abs(found[end] - right).mean() / max(np.ptp(right), 1e-6)
            if not apart <= LIMIT:
                raise ValueError(
                    f"TensorFlow Lite Micro runs {source} wrongly: {end!r} is {apart:.1%} of its "
                    f"range from what LiteRT gives, above {LIMIT:.0%}. Nothing was written."
                )


def _is_integer(details):
    return np.issubdtype(details["dtype"], np.integer)


def _header(content, name, source, arena, ops):
    upper = name.upper()
    tensors = _tensors(content)
    calls = [micro.resolver_call(op) for op in sorted(ops)]
    lines = [
        f"/* {source} for TensorFlow Lite Micro, written by keras_vae.export.c_array.",
        " *",
        f" * {len(content):,} bytes of flash; {arena:,} bytes of arena, which is what the",
        " * reference kernels need on a 64-bit machine.",
        *(
            f" * {kind.lower()} {number}: {tensor['NAME']}, {tensor['TYPE']} {tensor['SHAPE']}"
            for kind, number, tensor in tensors
        ),
        " * operators: " + ", ".join(f"{ops[op]} {op}" for op in sorted(ops)),
        f" * sha256: {hashlib.sha256(content).hexdigest()}",
        " */",
        f"#ifndef {upper}_H_",
        f"#define {upper}_H_",
        "",
        "#include <stdint.h>",
        "",
        f"#define {upper}_BYTES {len(content)}",
        f"#define {upper}_ARENA_BYTES {arena}",
    ]
    for kind in ("INPUT", "OUTPUT"):
        chosen = [(number, tensor) for which, number, tensor in tensors if which == kind]
        lines += ["", f"#define {upper}_{kind}_COUNT {len(chosen)}"]
        for number, tensor in chosen:
            for key, value in tensor.items():
                value = f'"{value}"' if key == "NAME" else value
                lines.append(f"#define {upper}_{kind}_{number}_{key} {value}")
    lines += [
        "",
        f"#define {upper}_OPERATOR_COUNT {len(calls)}",
        f"#define {upper}_ADD_OPERATORS(resolver) \\",
        "  (" + " && \\\n   ".join(f"(resolver).{call}() == kTfLiteOk" for call in calls) + ")",
        "",
        "#ifdef __cplusplus",
        "alignas(16)",
        "#else",
        "_Alignas(16)",
        "#endif",
        f"static const unsigned char {name}[{upper}_BYTES] = {{",
        *("  " + ",".join(map(str, content[i : i + 24])) + "," for i in range(0, len(content), 24)),
        "};",
        "",
        f"#endif /* {upper}_H_ */",
        "",
    ]
    return "\n".join(lines)


def _tensors(content):
    """(kind, number, what the header says of it) of each input and output."""
    types = {code: name.lower() for code, name in private_api.enum_names("TensorType").items()}
    model = private_api.schema().Model.GetRootAs(content, 0)
    graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    sides = {
        "INPUT": (graph.InputsAsNumpy(), signature.InputsLength(), signature.Inputs),
        "OUTPUT": (graph.OutputsAsNumpy(), signature.OutputsLength(), signature.Outputs),
    }
    found = []
    for kind, (indices, count, end) in sides.items():
        names = {end(i).TensorIndex(): end(i).Name().decode() for i in range(count)}
        for number, index in enumerate(indices.tolist()):
            tensor = graph.Tensors(index)
            scales = tensor.Quantization() and tensor.Quantization().ScaleLength()
            shape = tensor.ShapeAsNumpy().tolist()
            told = {
                "NAME": names[index],
                "TYPE": C_TYPES[types[tensor.Type()]],
                "RANK": len(shape),
                "SHAPE": "{" + ", ".join(map(str, shape)) + "}",
                "ELEMENTS": int(np.prod(shape)),
                "SCALE": f"{tensor.Quantization().Scale(0):.9e}f" if scales else "0.0f",
                "ZERO_POINT": tensor.Quantization().ZeroPoint(0) if scales else 0,
            }
            found.append((kind, number, told))
    return found
