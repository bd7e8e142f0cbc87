"""Runs a .tflite decoder by LiteRT, the runtime of phones, on one thread."""

import statistics
import time

import numpy as np

from keras_vae.quiet import quiet

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite file


def open_decoder(content, name="the .tflite file"):
    """Makes an interpreter for the bytes of a .tflite decoder.

    Args:
        content: bytes.
        name: for the errors.

    Returns:
        ai_edge_litert Interpreter, its tensors allocated.

    Raises:
        ValueError: not a .tflite file, a broken one, or its first signature is no decoder (one
            float32 input (B, latent_dim), one float32 or uint8 output (B, H, W, C)).
    """
    from ai_edge_litert.interpreter import Interpreter

    if content[4:8] != IDENTIFIER:
        raise ValueError(f"{name} is not a .tflite file ({len(content)} bytes, no TFL3 in them).")
    try:
        with quiet():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} is broken ({len(content)} bytes); export it again. LiteRT says: {error}"
        ) from error
    ends = (interpreter.get_input_details(), interpreter.get_output_details())
    found = [(tuple(map(int, end["shape"])), end["dtype"]) for side in ends for end in side]
    ranks = [len(shape) for shape, _ in found]
    types = [dtype for _, dtype in found]
    if ranks != [2, 4] or types[0] != np.float32 or types[1] not in (np.float32, np.uint8):
        raise ValueError(
            f"{name} is no decoder: it should map float32 (B, latent_dim) to (B, H, W, C); its "
            f"tensors are {[(shape, dtype.__name__) for shape, dtype in found]}."
        )
    return interpreter


def run(content, z, name="the .tflite file"):
    """(N, D) codes -> (N, H, W, C) as the file gives it; a last batch is filled up with zeros."""
    interpreter = open_decoder(content, name)
    (entry,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
    batch, latent_dim = map(int, entry["shape"])
    if z.shape[1] != latent_dim:
        raise ValueError(f"{name} takes codes of {latent_dim} numbers; received {z.shape[1]}.")
    images = []
    for start in range(0, len(z), batch):
        part = np.zeros((batch, latent_dim), "float32")
        rows = z[start : start + batch]
        part[: len(rows)] = rows
        interpreter.set_tensor(entry["index"], part)
        interpreter.invoke()
        images.append(interpreter.get_tensor(end["index"])[: len(rows)])
    return np.concatenate(images)


def microseconds_per_image(content, repeats=50):
    """Median time of a call divided by its batch, on one thread, after five calls to warm up."""
    interpreter = open_decoder(content)
    entry = interpreter.get_input_details()[0]
    shape = tuple(map(int, entry["shape"]))
    z = np.random.default_rng(0).standard_normal(shape).astype("float32")
    interpreter.set_tensor(entry["index"], z)
    return median_microseconds(interpreter.invoke, repeats) / shape[0]


def median_microseconds(call, repeats=50):
    """Median duration of a call in microseconds, after five calls to warm up."""
    seconds = []
    for _ in range(repeats + 5):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds[5:])
