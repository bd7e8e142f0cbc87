"""Runs a .tflite decoder by LiteRT, the runtime of phones, on one thread."""

import statistics
import time

import numpy as np

from keras_vae.export.flatbuffer.broken import check_identifier, named
from keras_vae.quiet import quiet


class Decoder:
    """A .tflite decoder, opened once in LiteRT's interpreter.

    Args:
        content: bytes of the file; its first signature is the decoder.
        name: for the errors.

    Attributes:
        interpreter: ai_edge_litert Interpreter, its tensors allocated.
        batch: codes of a call.
        latent_dim: numbers of a code.
        takes: name of its input, "z" or, where the prior is inside, "noise".

    Raises:
        ValueError: not a .tflite file, a broken one, or its first signature is no decoder (one
            float32 input (B, latent_dim), one float32 or uint8 output (B, H, W, C)).
    """

    def __init__(self, content, name="the .tflite file"):
        self.name, self.interpreter = name, opened(content, name)
        with named(name):
            ends = (self.interpreter.get_input_details(), self.interpreter.get_output_details())
            signatures = list(self.interpreter.get_signature_list().values())
            self.takes = signatures[0]["inputs"][0] if signatures else "z"
        found = [(tuple(map(int, end["shape"])), end["dtype"]) for side in ends for end in side]
        ranks = [len(shape) for shape, _ in found]
        types = [dtype for _, dtype in found]
        if ranks != [2, 4] or types[0] != np.float32 or types[1] not in (np.float32, np.uint8):
            raise ValueError(
                f"{name} is no decoder: it should map float32 (B, latent_dim) to (B, H, W, C); its "
                f"tensors are {[(shape, dtype.__name__) for shape, dtype in found]}."
            )
        (self.batch, self.latent_dim), _ = found[0]
        self._input, self._output = (side[0]["index"] for side in ends)

    def decode(self, z):
        """(N, latent_dim) float32 -> (N, H, W, C) as the file gives it.

        A last batch is filled up with zeros.
        """
        if z.shape[1] != self.latent_dim:
            raise ValueError(
                f"{self.name} takes codes of {self.latent_dim} numbers; received {z.shape[1]}."
            )
        images = []
        for start in range(0, len(z), self.batch):
            part = np.zeros((self.batch, self.latent_dim), "float32")
            rows = z[start : start + self.batch]
            part[: len(rows)] = rows
            with named(self.name):
                self.interpreter.set_tensor(self._input, part)
                self.interpreter.invoke()
                images.append(self.interpreter.get_tensor(self._output)[: len(rows)])
        return np.concatenate(images)

    def microseconds_per_image(self, repeats=50):
        """Median time of a call divided by its batch, on one thread, after five to warm up."""
        z = np.random.default_rng(0).standard_normal((self.batch, self.latent_dim))
        self.interpreter.set_tensor(self._input, z.astype("float32"))
        return median_microseconds(self.interpreter.invoke, repeats) / self.batch


def opened(content, name="the .tflite file"):
    """A file in LiteRT's interpreter, on one thread.

    LiteRT verifies that every place in the file lies within it, and its operators their shapes. It
    cannot tell another weight from the right one: such a file runs and gives other pixels.

    Args:
        content: bytes of the file.
        name: for the errors.

    Returns:
        ai_edge_litert Interpreter, its tensors allocated.

    Raises:
        ValueError: not a .tflite file, or a broken one.
    """
    from ai_edge_litert.interpreter import Interpreter

    check_identifier(content, name)
    with named(name), quiet():
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


def run(content, z, name="the .tflite file"):
    """(N, latent_dim) codes -> (N, H, W, C) as the file gives it, see `Decoder`."""
    return Decoder(content, name).decode(z)


def median_microseconds(call, repeats=50):
    """Median duration of a call in microseconds, after five calls to warm up."""
    seconds = []
    for _ in range(repeats + 5):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds[5:])
