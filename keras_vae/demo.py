"""The tour: train, look, load, export, run. Needs no network and no prepared data."""

from pathlib import Path

import keras

from keras_vae import callbacks, data, export, models, plot, zoo

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
    _say(f"1. A small VAE learns 8x8 digits: {EPOCHS} epochs of model.fit")
    _train_and_draw(output)
    _say(f"2. {PRETRAINED} from the zoo generates")
    model = zoo.load(PRETRAINED)
    plot.save(plot.grid(model.sample(64, seed=7), scale=2), output / "mnist_samples.png")
    _say("3. Its decoder leaves the building; each exported file is run and compared with Keras")
    return _export(model, output)


def _train_and_draw(output):
    digits = data.load("digits")
    model = models.dense_vae(digits.image_shape, 8, hidden_units=(256, 128))
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(
        data.batches(digits.train, 64, shuffle=True, binarize="dynamic"),
        validation_data=data.pixels(digits.validation, "dynamic"),
        epochs=EPOCHS,
        callbacks=[callbacks.BetaWarmup(EPOCHS / 2)],
    )
    test = data.pixels(digits.test)
    plot.save(plot.grid(model.sample(64, seed=7), scale=6), output / "digits_samples.png")
    pairs = plot.pairs(test[:40], model.reconstruct(test[:40]), scale=6)
    plot.save(pairs, output / "digits_reconstructions.png")
    title = "Codes of the test digits"
    plot.latent_map(model, test, digits.test.labels, title).savefig(output / "digits_map.png")


def _export(model, output):
    folder = output / "saved_model"
    export.saved_model(model, folder)
    rows = [export.verify(folder, model)]
    for quantize in export.QUANTIZE:
        path = output / f"decoder_{quantize or 'float32'}.tflite"
        export.tflite(model, path, quantize)
        rows.append(export.verify(path, model))
    return rows


def _say(text):
    print(f"\n{text}", flush=True)
