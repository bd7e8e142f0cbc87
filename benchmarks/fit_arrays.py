"""Alternates `fit(array)` and `fit(data.batches(...))`, an epoch each, and prints their times.

    python benchmarks/fit_arrays.py                      # convolutional VAE, 50 steps of 128 images
    python benchmarks/fit_arrays.py --builder dense_vae --data digits --epochs 20

Both are the same pipeline, so the ratios are 1 but for noise. A ratio near 2 in some epochs is the
thread of tf.data that tunes pipelines: the end of an epoch waits for it. Run it on an idle machine.
"""

import argparse
import statistics
import time
import warnings

import keras
import numpy as np

from keras_vae import data, models


def images_of(name, count):
    """`count` training images of a data set; 28x28 noise where it is called "noise"."""
    if name != "noise":
        return data.Split("images", data.load(name).train.images[:count])
    noise = np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), "uint8")
    return data.Split("images", noise)


def seconds(model, *arguments, **options):
    start = time.perf_counter()
    model.fit(*arguments, epochs=1, verbose=0, **options)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--builder", default="conv_vae", choices=sorted(models.BUILDERS))
    parser.add_argument("--data", default="noise", help='name for data.load, or "noise"')
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=10, help="of each kind")
    arguments = parser.parse_args()

    warnings.filterwarnings("ignore", message="The code is hardly used")  # noise has no code
    split = images_of(arguments.data, arguments.images)
    array, batch_size = data.pixels(split), arguments.batch_size
    dataset = data.batches(split, batch_size, shuffle=True)
    model = models.build(arguments.builder, image_shape=array.shape[1:])
    model.compile(keras.optimizers.Adam(1e-4))
    model.fit(array, batch_size=batch_size, verbose=0)  # traces
    model.fit(dataset, verbose=0)
    ratios = []
    for epoch in range(arguments.epochs):
        of_array = seconds(model, array, batch_size=batch_size)
        of_batches = seconds(model, dataset)
        ratios.append(of_array / of_batches)
        print(
            f"epoch {epoch + 1}: array {len(array) / of_array:,.0f} images/s, batches "
            f"{len(array) / of_batches:,.0f} images/s, ratio of the times {ratios[-1]:.2f}"
        )
    print(f"median ratio {statistics.median(ratios):.2f}, largest {max(ratios):.2f}")


if __name__ == "__main__":
    main()
