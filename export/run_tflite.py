"""Draws images with an exported decoder. Needs numpy, pillow and ai-edge-litert, nothing else.

    python export/run_tflite.py decoder.tflite --count 16 --seed 7 --output grid.png

It draws standard normal numbers. They are the code, for that is the prior of most VAEs; a file with
another prior inside makes a code of them ("from_noise"). Exit status: 0 done, 1 the file cannot be
used, 2 wrong arguments.
"""

import argparse
import math
import statistics
import sys
import time

import numpy as np


def main(arguments=None):
    options = parse(arguments)
    try:
        images, microseconds = decode(options.decoder, options.count, options.seed)
        save_grid(images, options.output)
    except (OSError, RuntimeError, ValueError) as error:
        named = str(error) if options.decoder in str(error) else f"{options.decoder}: {error}"
        print(f"run_tflite.py: error: {named}", file=sys.stderr)
        return 1
    print(f"{microseconds:.0f} microseconds per image (median of {len(images)} images, one thread)")
    print(f"{options.output}: {len(images)} images of {images.shape[1:]}")
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("decoder", help="a .tflite file of keras_vae.export.tflite")
    parser.add_argument("--count", type=positive, default=16, help="images to draw (16)")
    parser.add_argument("--seed", type=int, default=0, help="of the codes (0)")
    parser.add_argument("--output", default="grid.png", help="PNG to write (grid.png)")
    return parser.parse_args(arguments)


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; received {value}")
    return value


def decode(path, count, seed):
    """(count, H, W, C) float32 images in [0, 1], and the microseconds that one takes."""
    from ai_edge_litert.interpreter import Interpreter

    with open(path, "rb") as file:
        content = file.read()
    if content[4:8] != b"TFL3":
        raise ValueError(f"{path} is not a .tflite file")
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    signatures = list(interpreter.get_signature_list())
    if not signatures:
        raise ValueError(f"{path} has no signature: it is no file of keras_vae.export.tflite")
    name = "from_noise" if "from_noise" in signatures else signatures[0]
    run = interpreter.get_signature_runner(name)
    shapes = {
        name: tuple(details["shape"])
        for side in (run.get_input_details(), run.get_output_details())
        for name, details in side.items()
    }
    if [len(shape) for shape in shapes.values()] != [2, 4]:
        raise ValueError(f"{path} is no decoder: its tensors are {shapes}")
    entry, end = shapes
    batch, size = shapes[entry]  # the batch is static: 1, unless exported otherwise
    normal = np.random.default_rng(abs(seed)).standard_normal((count, size)).astype("float32")
    images, seconds = [], []
    for start in range(0, count, batch):
        part = np.zeros((batch, size), "float32")
        rows = normal[start : start + batch]
        part[: len(rows)] = rows
        if not start:
            run(**{entry: part})  # the first call is slower
        begin = time.perf_counter()
        found = run(**{entry: part})
        seconds.append((time.perf_counter() - begin) / batch)
        images.append(found[end][: len(rows)])
    return np.concatenate(images), 1e6 * statistics.median(seconds)


def save_grid(images, path):
    """Lays (N, H, W, C) images in [0, 1] out in a square and writes a PNG."""
    from PIL import Image

    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tiles = np.ones((rows * columns, height + 2, width + 2, channels), "float32")
    tiles[:count, 1:-1, 1:-1] = images
    grid = tiles.reshape(rows, columns, height + 2, width + 2, channels).swapaxes(1, 2)
    grid = grid.reshape(rows * (height + 2), columns * (width + 2), channels)
    pixels = np.round(np.clip(grid, 0, 1) * 255).astype("uint8")
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path, format="PNG")


if __name__ == "__main__":
    sys.exit(main())
