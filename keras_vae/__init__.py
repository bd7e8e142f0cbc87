"""Small autoencoders and variational autoencoders: train, measure, carry to a device.

The modules, in the order in which a model lives:

    data           image data sets by name, batches, binarisation
    networks       plain functional encoders and decoders
    causal         networks of PixelCNN and PixelRNN, and drawing from them pixel by pixel
    distributions  likelihoods, posteriors, priors: raw parameters -> tfp distributions
    objectives     per-image terms in, loss out
    penalties      what an autoencoder's code costs
    adversaries    the discriminator of codes
    models         Autoencoder, VAE, Autoregressive and their builders; fit
    plot           grids, reconstructions, ways through the latent space, maps, curves
    callbacks      beta warm-up, sample grid
    evaluate       nats, pixel errors, codes, disentanglement, generated images
    recipe         a training run as a value
    export         SavedModel and quantised TFLite, verified and certified in nats
    training       runs a recipe
    zoo            pretrained models by name, and what writes an entry
    web            the browser page of the zoo

Each is imported at its first use. Only `models` is imported at once, because
`keras.saving.load_model` finds a class by its name once it is registered.
"""

import importlib
import json
import os
import platform
import sys
from pathlib import Path

__version__ = "0.1.0"

__all__ = [
    "adversaries",
    "callbacks",
    "causal",
    "data",
    "distributions",
    "evaluate",
    "export",
    "image_folder",
    "models",
    "networks",
    "objectives",
    "penalties",
    "plot",
    "recipe",
    "training",
    "web",
    "zoo",
]


def _keras_backend():
    """The backend that Keras uses or will use, without importing Keras."""
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return json.loads((home / "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError):
        return "tensorflow"


if _keras_backend() != "tensorflow":
    raise ImportError(
        f"keras_vae runs on the TensorFlow backend of Keras; the backend is {_keras_backend()!r}. "
        "Set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )


if platform.machine() in ("x86_64", "AMD64"):
    # TensorFlow reads it when it is imported, and takes 1 where a processor has AVX-512 VNNI; the
    # kernels are faster on the others too, see docs/performance.md.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'keras_vae' has no attribute {name!r}")
    return importlib.import_module(f"keras_vae.{name}")


def __dir__():
    return sorted([*globals(), *__all__])


def _is_the_command():
    """Whether this process is `keras-vae` or `python -m keras_vae.cli`."""
    module = sys.argv[0] == "-m" and "keras_vae.cli" in sys.orig_argv
    return module or Path(sys.argv[0]).stem == "keras-vae"


if not _is_the_command():  # which imports TensorFlow later, and quietly
    importlib.import_module("keras_vae.models")
