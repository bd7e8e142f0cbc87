"""keras_vae itself: plain `fit` on arrays and on batches, importance samples, exported files."""

import warnings

import keras
import numpy as np

from benchmarks import work
from keras_vae import data, evaluate, export, models, zoo

warnings.simplefilter("ignore")


def model_of(network):
    """The VAE that all contenders train, not compiled."""
    builder = {"dense": models.dense_vae, "conv": models.conv_vae}[network]
    model = builder(work.IMAGE_SHAPE, work.LATENT_DIM[network])
    work.check_parameters(network, model.count_params())
    return model


def fit_array(network, steps_per_execution=1, jit_compile="auto"):
    images, model = work.images(), model_of(network)
    options = {"jit_compile": jit_compile, "steps_per_execution": steps_per_execution}
    model.compile(keras.optimizers.Adam(work.LEARNING_RATE), **options)

    def fit():
        model.fit(images, batch_size=work.BATCH, epochs=work.EPOCHS, verbose=0)
        return work.EPOCHS * len(images)

    return fit


def fit_batches(network):
    split = data.Split("noise", (255 * work.images()).astype("uint8"))
    batches, model = data.batches(split, work.BATCH, shuffle=True), model_of(network)
    model.compile(keras.optimizers.Adam(work.LEARNING_RATE))

    def fit():
        model.fit(batches, epochs=work.EPOCHS, verbose=0)
        return work.EPOCHS * work.IMAGES

    return fit


def importance(network, images, samples):
    model, pixels = model_of(network), work.images()[:images]

    def measure():
        evaluate.report(model, pixels, importance_samples=samples, progress=False)
        return images * samples

    return measure


def keras_decoder(entry, batch):
    """`decoder(z)` of the Keras model as a graph of TensorFlow."""
    import tensorflow as tf

    model = zoo.load(entry)
    graph = tf.function(lambda z: model.likelihood_family.mean(model.decoder(z, training=False)))
    z = tf.constant(work.codes(batch, model.latent_dim))
    return work.decoding(lambda: graph(z).numpy(), batch)


def exported(entry, folder, batch):
    """Writes the decoder of an entry in each format; {name of the format: path}."""
    model, paths = zoo.load(entry), {}
    images = np.round(model.sample(200, seed=1))  # calibrate; speed does not depend on them
    for quantize in (None, "float16", "weights", "dynamic", "int8"):
        path = paths[quantize or "float32"] = f"{folder}/{entry}_{quantize}_{batch}.tflite"
        options = {"calibration_images": images, "batch": batch, "signatures": ("decode",)}
        export.tflite(model, path, quantize, **options)
    return paths


def latent_dim(entry):
    return zoo.load(entry).latent_dim
