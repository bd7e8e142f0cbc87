"""Draws images with an exported SavedModel. Needs numpy, pillow and tensorflow, nothing else.

    python export/run_saved_model.py decoder/ --count 16 --seed 7 --output grid.png

A VAE draws from its own prior, the images of `model.sample(count, seed=seed)`; an autoencoder has
none, its codes are standard normal. Exit status: 0 done, 1 the folder cannot be used, 2 wrong
arguments.
"""

import argparse
import math
import os
import sys
import time

import numpy as np


def main(arguments=None):
    options = parse(arguments)
    try:
        images, microseconds = draw(options.folder, options.count, options.seed)
        save_grid(images, options.output)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"run_saved_model.py: error: {error}", file=sys.stderr)
        return 1
    print(f"{microseconds:.0f} microseconds per image ({len(images)} images in one call)")
    print(f"{options.output}: {len(images)} images of {images.shape[1:]}")
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="a SavedModel of keras_vae.export.saved_model")
    parser.add_argument("--count", type=positive, default=16, help="images to draw (16)")
    parser.add_argument("--seed", type=seed, default=0, help="of the codes (0)")
    parser.add_argument("--output", default="grid.png", help="PNG to write (grid.png)")
    return parser.parse_args(arguments)


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; received {value}")
    return value


def seed(text):
    value = int(text)
    if not -(2**31) <= value < 2**31:
        raise argparse.ArgumentTypeError(f"must fit into 32 bits; received {value}")
    return value


def draw(folder, count, seed):
    """(count, H, W, C) float32 images in [0, 1], and the microseconds that one takes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    if not os.path.isfile(os.path.join(folder, "saved_model.pb")):
        raise ValueError(f"{folder} is not a SavedModel folder: it has no saved_model.pb")
    signatures = tf.saved_model.load(folder).signatures
    if "decode" not in signatures:
        raise ValueError(f"{folder} has no signature 'decode', only {sorted(signatures)}")
    if "sample" in signatures:
        function = signatures["sample"]
        inputs = {"count": tf.constant(count), "seed": tf.constant(seed)}
    else:
        function = signatures["decode"]
        latent_dim = function.structured_input_signature[1]["z"].shape[1]
        z = np.random.default_rng(abs(seed)).standard_normal((count, latent_dim))
        inputs = {"z": tf.constant(z, tf.float32)}
    function(**inputs)  # the first call is slower
    begin = time.perf_counter()
    images = function(**inputs)["images"].numpy()
    return images, 1e6 * (time.perf_counter() - begin) / count


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
