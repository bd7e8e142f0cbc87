"""The tour: train, look, load, export, run. Needs no network and no prepared data."""

import functools
from pathlib import Path

import keras

from keras_vae import callbacks, data, export, models, plot, progress, zoo

PRETRAINED = "conv_vae_mnist"
EPOCHS = 30


def run(output):
    """Runs the tour and writes its pictures and files.

    Args:
        output: folder; made if it is not there.

    Returns:
        Rows of `export.verify`, one for each exported file of the pretrained model.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    _say("1. A small VAE learns 8x8 digits")
    _train_and_draw(output)
    _say(f"2. {PRETRAINED} from the zoo generates")
    model = zoo.load(PRETRAINED)
    _draw(model.sample(64, seed=7), output / "mnist_samples.png")
    _say(
        "3. Its decoder leaves the building: as a SavedModel, and as TFLite in float32,\n"
        "   with float16 or 8-bit weights (weights, dynamic), all in 8 bits (int8).\n"
        "   Each file is run and compared with Keras."
    )
    return _export(model, output)


def _train_and_draw(output):
    digits = data.load("digits")
    model = models.dense_vae(digits.image_shape, 8, hidden_units=(256, 128))
    model.compile(keras.optimizers.Adam(3e-3))
    with progress.training(lines=2) as (verbose, shown):
        model.fit(
            data.batches(digits.train, 64, shuffle=True, binarize="dynamic"),
            validation_data=data.pixels(digits.validation, "dynamic"),
            epochs=EPOCHS,
            callbacks=[callbacks.BetaWarmup(EPOCHS / 2), *shown],
            verbose=verbose,
        )
    test = data.pixels(digits.test)
    _draw(model.sample(64, seed=7), output / "digits_samples.png")
    pairs = plot.pairs(test[:40], model.reconstruct(test[:40]), scale=_scale(test))
    plot.save(pairs, output / "digits_reconstructions.png")
    title = "Codes of the test digits"
    plot.save(plot.latent_map(model, test, digits.test.labels, title), output / "digits_map.png")


def _draw(images, path):
    plot.save(plot.grid(images, scale=_scale(images)), path)


def _scale(images):
    return plot.legible_scale(images.shape[1:])


def _export(model, output):
    files = {output / "saved_model": export.saved_model}
    for quantize in export.QUANTIZE:
        path = output / f"decoder_{quantize or 'float32'}.tflite"
        files[path] = functools.partial(export.tflite, quantize=quantize)
    rows, bar = [], progress.Bar(len(files), "file")
    for path, write in files.items():
        bar.begin(path.name)
        write(model, path)
        rows.append(export.verify(path, model))
        bar.add(1)
    return rows


def _say(text):
    print(f"\n{text}", flush=True)
