"""Small autoencoders and variational autoencoders: train, measure, carry to a device.

The modules, in the order in which a model lives:

    data           image data sets by name, batches, binarisation
    networks       plain functional encoders and decoders
    distributions  likelihoods, posteriors, priors: raw parameters -> tfp distributions
    objectives     per-image terms in, loss out
    models         Autoencoder, VAE and their builders; fit
    callbacks      beta warm-up, sample grid
    evaluate       ELBO, importance-sampled nll, active units, mse, psnr
    plot           grids, reconstructions, latent maps
    recipe         a training run as a value
    zoo            pretrained models by name
    export         SavedModel and quantised TFLite, and their verification
"""

import importlib
import os

__version__ = "0.1.0"

try:
    import keras

    _backend = keras.backend.backend()
except ImportError:  # Keras could not import its backend: the name says which it was to be
    _backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if _backend == "tensorflow":
        raise

if _backend != "tensorflow":
    raise ImportError(
        f"keras_vae runs on the TensorFlow backend of Keras; the backend is {_backend!r}. "
        "Set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )

__all__ = [
    "callbacks",
    "data",
    "distributions",
    "evaluate",
    "export",
    "models",
    "networks",
    "objectives",
    "plot",
    "recipe",
    "zoo",
]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'keras_vae' has no attribute {name!r}")
    return importlib.import_module(f"keras_vae.{name}")


def __dir__():
    return sorted([*globals(), *__all__])
