"""The runtimes in which an exported file is tried, all called the same way."""

import numpy as np

from keras_vae.choice import unknown
from keras_vae.export.flatbuffer.broken import named
from keras_vae.export.runtime.interpreter import opened
from keras_vae.export.runtime.micro import TFLiteMicro
from keras_vae.quiet import quiet


class LiteRTInterpreter:
    """LiteRT's interpreter, on one thread: what TensorFlow Lite has been on phones for years."""

    def __init__(self, content, name="the .tflite file"):
        self.name, self.interpreter = name, opened(content, name)

    def __call__(self, signature, **inputs):
        with named(self.name):
            _check_signature(self.name, signature, self.interpreter.get_signature_list())
            return self.interpreter.get_signature_runner(signature)(**inputs)


class LiteRTCompiledModel:
    """LiteRT's CompiledModel, the interface of its Kotlin, Swift and C++ packages, on the CPU."""

    def __init__(self, content, name="the .tflite file"):
        from ai_edge_litert.compiled_model import CompiledModel

        self.name = name
        opened(content, name)  # some broken files end a process that compiles them
        with named(name), quiet():
            self.model = CompiledModel.from_buffer(content)

    def __call__(self, signature, **inputs):
        with named(self.name):  # one that it does not know ends the process
            _check_signature(self.name, signature, self.model.get_signature_list())
            return self._run(signature, inputs)

    def _run(self, signature, inputs):
        index = self.model.get_signature_index(signature)
        names = self.model.get_signature_by_index(index)
        takes, gives = (
            self.model.create_input_buffers(index),
            self.model.create_output_buffers(index),
        )
        for name, buffer in zip(names["inputs"], takes, strict=True):
            buffer.write(np.ascontiguousarray(inputs[name]))
        self.model.run_by_index(index, takes, gives)
        details = self.model.get_output_tensor_details(signature)
        found = {}
        for name, buffer in zip(names["outputs"], gives, strict=True):
            shape, dtype = details[name]["shape"], np.dtype(details[name]["dtype"])
            found[name] = buffer.read(int(np.prod(shape)), dtype.type).reshape(shape)
        return found


LITERT = {"interpreter": LiteRTInterpreter, "compiled_model": LiteRTCompiledModel}
RUNTIMES = {**LITERT, "micro": TFLiteMicro}  # micro: one signature; float32 or int8


def _check_signature(name, signature, known):
    if signature not in known:
        raise unknown(f"signature of {name}:", signature, known)


def open_file(content, runtime, name="the .tflite file"):
    """Opens a .tflite file in a runtime.

    Args:
        content: bytes of the file.
        runtime: key of RUNTIMES.
        name: for the errors.

    Returns:
        function (signature, **inputs) -> dict of output name -> array; inputs by their names, of
        the file's static batch.

    Raises:
        ValueError: no such runtime, one that cannot run this file, or a broken file, by its name.
        ImportError: the package of the runtime is missing.
    """
    if runtime not in RUNTIMES:
        raise unknown("runtime", runtime, RUNTIMES)
    return RUNTIMES[runtime](content, name=name)
