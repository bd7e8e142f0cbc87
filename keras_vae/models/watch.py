"""What `fit` watches: losses that are not finite, directions of trackers, codes without use."""

import warnings

import keras
import numpy as np

from keras_vae import collapse, private_api

LOOKED_AT = 256  # images whose codes tell which latents are active
MODES = {"elbo": "max", "distortion": "min", "mse": "min"}  # the better direction of a tracker


def as_list(callbacks):
    """The argument of `fit` as a list."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def set_directions(callbacks):
    """Tells callbacks of Keras with mode="auto" whether a tracker of ours is to rise or to fall.

    Keras knows the direction of its own metrics alone. The rate has none: it keeps Keras's error,
    which asks for a mode.
    """
    for callback in callbacks:
        mode = MODES.get(str(getattr(callback, "monitor", "")).removeprefix("val_"))
        if mode and not private_api.set_mode(callback, mode):
            warnings.warn(
                f"{type(callback).__name__} keeps the lowest {callback.monitor}, which is the "
                'worst: pass mode="max".',
                stacklevel=3,
            )


def warn_of_collapse(model, x, history):
    """Warns where a VAE hardly uses its code after `fit`.

    The rate is that of the last epoch; latents are counted where x is an array.
    """
    if not history.get("rate") or not model.encoder.trainable:
        return  # nothing was trained that could have used the code
    rate, active = history["rate"][-1], None
    if hasattr(x, "__array__") and len(x) > 1:
        active = collapse.active_units(model.encode(x[:LOOKED_AT]))
    found = collapse.describe(model.latent_dim, active, rate)
    if found:
        warnings.warn(f"The code is hardly used: {found}. {collapse.REMEDY}", stacklevel=3)


class StopOnNaN(keras.callbacks.Callback):
    """Ends `fit` with an error at the first batch whose loss is not finite."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = float((logs or {}).get("loss", 0.0))
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} in epoch {self.epoch + 1}, batch {batch + 1}; training "
                "stopped, the weights are of no use. Lower the learning rate, clip the gradients "
                "(optimizer clipnorm=1.0; in a recipe learning_rate and clip_norm), or look for "
                "NaN in the data. The checkpoints of `keras-vae train` stay; another recipe needs "
                "another folder, and the same command goes on from the last epoch."
            )
