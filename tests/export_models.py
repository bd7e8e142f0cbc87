"""The small models that the tests of export share: every builder, awkward shapes, real biases."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_vae import export, models

SHAPE = (10, 7, 2)  # not square, odd, two channels: the decoder crops
LATENT_DIM = 3


def small(builder="conv_vae", *, image_shape=SHAPE, spread=1.0, seed=0, **arguments):
    """A model with random weights, the same for the same seed, and biases that are not zero.

    A decoder whose biases are zero converts to another graph than a trained one.
    """
    kind = {"filters": (4, 6), "hidden_units": 8} if "conv" in builder else {"hidden_units": (12,)}
    model = models.build(
        builder, image_shape=image_shape, latent_dim=LATENT_DIM, **{**kind, **arguments}
    )
    random = np.random.default_rng(seed)
    for number, variable in enumerate([*model.encoder.weights, *model.decoder.weights]):
        if len(variable.shape) == 1:
            variable.assign(random.normal(0, 0.3, variable.shape))
        else:
            initial = keras.initializers.GlorotUniform(seed=1000 * seed + number)(variable.shape)
            variable.assign(initial * spread)
    return model


def pictures(count=8, image_shape=SHAPE):
    """(count, H, W, C) float32 in [0, 1]."""
    return np.random.default_rng(1).random((count, *image_shape), "float32")


def codes(count=6):
    """(count, LATENT_DIM) float32."""
    return np.random.default_rng(2).normal(size=(count, LATENT_DIM)).astype("float32")


# Builders of models with a decoder.
DECODED = sorted(name for name in models.BUILDERS if not name.startswith("pixel"))
# Each format once by default; every builder in every format with the shelf.
QUICK = {
    ("conv_vae", None),
    ("dense_ae", "float16"),
    ("dense_vae", "weights"),
    ("dense_ae", "dynamic"),
    ("conv_vae", "int8"),
}


def every_format(builders=None, quick=QUICK):
    """Parameters (builder, quantize): all of them, those beside `quick` marked `shelf`."""
    return [
        pytest.param(b, q, marks=[] if (b, q) in quick else pytest.mark.shelf)
        for b in builders or DECODED
        for q in export.QUANTIZE
    ]


@functools.cache
def exported(builder, quantize):
    """(small(builder), its Artefact with every signature that it has), made once a process."""
    model = small(builder)
    drawing = () if model.can_sample else ("generate", "from_noise", "draw")
    names = [name for name in export.SIGNATURES if name not in drawing]
    path = _folder() / f"{builder}_{quantize or 'float32'}.tflite"
    options = {"signatures": names, "calibration_images": pictures(64)}
    return model, export.tflite(model, path, quantize, **options)


@functools.cache
def _folder():
    folder = tempfile.mkdtemp(prefix="exported_models_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
