"""TensorFlow Lite Micro, the runtime of microcontrollers, in its package tflite-micro."""

import subprocess
import sys

import numpy as np

from keras_vae import private_api
from keras_vae.choice import unknown
from keras_vae.export.flatbuffer.broken import named
from keras_vae.export.flatbuffer.contents import operators
from keras_vae.export.runtime.interpreter import opened
from keras_vae.quiet import quiet

ROOMY = 64 << 20  # bytes of arena that any decoder fits in; the pages are not touched
OPERATORS = frozenset(
    "ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS "
    "BROADCAST_TO CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE "
    "DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR "
    "FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH "
    "L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR "
    "LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD "
    "PADV2 PRELU QUANTIZE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR "
    "RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX "
    "SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE "
    "STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNPACK ZEROS_LIKE".split()
)  # of its MicroMutableOpResolver, without variables and control flow
_IRREGULAR = {"BATCH_MATMUL": "AddBatchMatMul", "CUMSUM": "AddCumSum", "PADV2": "AddPadV2"}

# Runs in a process of its own and forks for each try: too small an arena may end the process.
_MEASURE = """
import os, re, sys, tempfile
import numpy as np
from tflite_micro import runtime

content, most = sys.stdin.buffer.read(), int(sys.argv[1])


def fits(size):
    child = os.fork()
    if not child:
        try:
            runtime.Interpreter.from_bytes(content, arena_size=size).invoke()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


roomy = runtime.Interpreter.from_bytes(content, arena_size=most)
roomy.invoke()
saved = os.dup(2)
with tempfile.TemporaryFile() as said:
    os.dup2(said.fileno(), 2)
    roomy.print_allocations()
    os.dup2(saved, 2)
    said.seek(0)
    kept = int(re.search(rb"Arena allocation total (\\d+)", said.read())[1])
    os.dup2(said.fileno(), 2)  # what the tries say
    low = kept // 16 - 1
    high = low + 1  # in units of 16; preparing may need more than what is kept
    while not fits(16 * high):
        low, high = high, high + max(kept // 16, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(16 * middle) else (middle, high)
    os.dup2(saved, 2)
print(16 * high)
"""


def resolver_call(operator):
    """The method of MicroMutableOpResolver that brings an operator: "AddConv2D" for "CONV_2D"."""
    words = (word if word == "2D" else word.capitalize() for word in operator.split("_"))
    return _IRREGULAR.get(operator, "Add" + "".join(words))


def check(content, name="the .tflite file"):
    """Raises ValueError with the reason where TensorFlow Lite Micro cannot run a file.

    Args:
        content: bytes of the file.
        name: for the errors.
    """
    opened(content, name)  # Micro verifies nothing: a broken file would end the process
    with named(name):
        _check(content, name)


def _check(content, name):
    model = private_api.schema().Model.GetRootAs(content, 0)
    signatures = [model.SignatureDefs(i).SignatureKey() for i in range(model.SignatureDefsLength())]
    if len(signatures) != 1 or model.SubgraphsLength() != 1:
        raise ValueError(
            f"{name} has the signatures {[key.decode() for key in signatures]} in "
            f"{model.SubgraphsLength()} subgraphs; TensorFlow Lite Micro runs one. Export each "
            'into a file of its own: signatures=("decode",), say.'
        )
    foreign = sorted({step.name for step in operators(content)} - OPERATORS)
    if foreign:
        raise ValueError(
            f"{name} needs {foreign}, which TensorFlow Lite Micro does not have. Replace the "
            "layers that need them."
        )
    if _expands_weights(model):
        raise ValueError(
            f"{name} keeps int8 weights for float32 arithmetic; TensorFlow Lite Micro would expand "
            "them by one scale in the place of one for each channel, and give wrong pixels. Export "
            "it with quantize='int8'."
        )
    for number in range(model.BuffersLength()):
        constant = model.Buffers(number)
        if constant.Offset() > 1:
            raise ValueError(f"{name} keeps constants behind its graph, where Micro reads zeros.")
        if constant.DataLength() and private_api.place(constant) % 16:
            raise ValueError(
                f"{name} has constants that do not start at a multiple of 16 bytes, which some "
                "processors cannot read. Export it again."
            )


def _expands_weights(model):
    """Whether a DEQUANTIZE reads int8 constants."""
    schema, graph = private_api.schema(), model.Subgraphs(0)
    for number in range(graph.OperatorsLength()):
        step = graph.Operators(number)
        code = model.OperatorCodes(step.OpcodeIndex()).BuiltinCode()
        if code == schema.BuiltinOperator.DEQUANTIZE:
            tensor = graph.Tensors(step.Inputs(0))
            buffer = model.Buffers(tensor.Buffer())
            stored = buffer.DataLength() or buffer.Offset() > 1
            if tensor.Type() == schema.TensorType.INT8 and stored:
                return True
    return False


def arena_bytes(content, name="the .tflite file"):
    """The smallest arena, a multiple of 16 bytes, in which a file runs, found by trying.

    Of the reference kernels on this 64-bit machine. Pointers are shorter on a microcontroller;
    kernels made for a processor may want scratch memory on top.

    Args:
        content: bytes of a file that passes `check`.
        name: for the errors.

    Raises:
        ImportError: the package tflite-micro is missing.
        ValueError: TensorFlow Lite Micro refuses the file; its own words say why.
    """
    _runtime()
    command = [sys.executable, "-c", _MEASURE, str(ROOMY)]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    if done.returncode:
        raise _refused(name, done.stderr.decode(errors="replace"))
    return int(done.stdout)


class TFLiteMicro:
    """TensorFlow Lite Micro with its reference kernels, the arithmetic of a microcontroller.

    Args:
        content: bytes of a file with one signature.
        arena: bytes of memory for tensors and plans.
        name: for the errors.

    Raises:
        ImportError: the package tflite-micro is missing.
        ValueError: TensorFlow Lite Micro cannot run the file, and why; some operators say it only
            at the first call.
    """

    def __init__(self, content, arena=ROOMY, name="the .tflite file"):
        runtime, self.name = _runtime(), name
        check(content, name)
        with quiet() as said:
            try:
                self.interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
            except RuntimeError:
                self.interpreter = None
            log = said()
        if self.interpreter is None:
            raise _refused(name, log)
        with named(name):
            self._read(content)

    def _read(self, content):
        """The signature, and at which place each of its tensors stands."""
        model = private_api.schema().Model.GetRootAs(content, 0)
        signature, graph = model.SignatureDefs(0), model.Subgraphs(0)
        self.signature = signature.SignatureKey().decode()
        takes, gives = graph.InputsAsNumpy().tolist(), graph.OutputsAsNumpy().tolist()
        ends = [signature.Inputs(i) for i in range(len(takes))]
        self.inputs = {end.Name().decode(): takes.index(end.TensorIndex()) for end in ends}
        ends = [signature.Outputs(i) for i in range(len(gives))]
        self.outputs = {end.Name().decode(): gives.index(end.TensorIndex()) for end in ends}

    def __call__(self, signature, **inputs):
        if signature != self.signature:
            raise unknown(f"signature of {self.name}:", signature, [self.signature])
        for name, index in self.inputs.items():
            self.interpreter.set_input(np.ascontiguousarray(inputs[name]), index)
        with quiet() as said:
            try:
                self.interpreter.invoke()
                log = None
            except RuntimeError:
                log = said()
        if log is not None:
            raise _refused(self.name, log)
        return {name: self.interpreter.get_output(index) for name, index in self.outputs.items()}


def _runtime():
    try:
        from tflite_micro import runtime
    except ImportError as error:
        raise ImportError(
            "TensorFlow Lite Micro is not here: `pip install tflite-micro` (Linux on x86-64)."
        ) from error
    return runtime


def _refused(name, log):
    """A ValueError with what TensorFlow Lite Micro said, without Python's own traceback."""
    reason = " ".join(log.split("Traceback (most recent call last)")[0].split())
    return ValueError(
        f"TensorFlow Lite Micro does not run {name}: {reason or 'it does not say why'}"
    )
