"""Keras callbacks for image models: the warm-up of beta, and pictures for TensorBoard."""

import importlib.util

import keras
import numpy as np
import tensorflow as tf

from keras_vae import plot


class BetaWarmup(keras.callbacks.Callback):
    """Lets the weight of the rate rise from 0 to the objective's beta while training starts.

    Linear (Bowman et al., arXiv 1511.06349; Sonderby et al., arXiv 1602.02282), or cyclical (Fu et
    al., arXiv 1903.10145): in each cycle beta rises for `rising` of the time and then stays. The
    objective's `warmup` is 1 again when training ends; evaluation never sees less than the whole.

    Args:
        epochs: length of the warm-up, all its cycles together; fractions are fine.
        cycles: how often beta rises from 0.
        rising: part of a cycle in which beta rises, in (0, 1]; with one cycle it is 1 as a rule.
    """

    def __init__(self, epochs, cycles=1, rising=None):
        super().__init__()
        rising = (1.0 if cycles == 1 else 0.5) if rising is None else rising
        if epochs <= 0 or cycles < 1 or not 0 < rising <= 1:
            raise ValueError(
                "BetaWarmup needs epochs above 0, cycles of at least 1 and rising in (0, 1]; "
                f"received epochs={epochs}, cycles={cycles}, rising={rising}."
            )
        self.epochs, self.cycles, self.rising = epochs, cycles, rising
        self.epoch, self.steps = 0, None

    def weight(self, progress):
        """Progress in epochs -> the factor on beta, in [0, 1]."""
        if progress >= self.epochs:
            return 1.0
        position = (progress * self.cycles / self.epochs) % 1.0  # within the cycle, [0, 1)
        return min(1.0, position / self.rising)

    def _set(self, weight):
        self.model.objective.warmup.assign(weight)

    def on_train_begin(self, logs=None):
        if self.model.objective is None:
            raise ValueError(f"BetaWarmup is for a VAE; {type(self.model).__name__} has no rate.")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self._set(self.weight(epoch))

    def on_train_batch_begin(self, batch, logs=None):
        steps = self.params.get("steps")
        if steps and self.epoch < self.epochs:  # without a known length: once an epoch
            self._set(self.weight(self.epoch + batch / steps))

    def on_train_end(self, logs=None):
        self._set(1.0)


class SampleGrid(keras.callbacks.Callback):
    """Writes a grid of images to TensorBoard at the end of epochs.

    Draws from the prior, always from the same codes; with `images` given (an autoencoder whose
    prior is not fitted yet needs them) also reconstructions below their originals.

    Args:
        log_dir: folder for the TensorBoard events.
        images: (N, H, W, C) or (N, H, W) images in [0, 1] to reconstruct, or None.
        count: images in the grid.
        every: epochs between two grids.
        seed: of the draws.
    """

    def __init__(self, log_dir, images=None, count=36, every=1, seed=0):
        super().__init__()
        if importlib.util.find_spec("tensorboard") is None:
            raise ImportError("SampleGrid writes for TensorBoard: pip install tensorboard.")
        self.log_dir, self.images = str(log_dir), images
        self.count, self.every, self.seed = count, every, seed

    def on_train_begin(self, logs=None):
        if self.images is None and not self.model.can_sample:
            raise ValueError(
                f"SampleGrid needs images= for {type(self.model).__name__}: its prior was not "
                "fitted yet."
            )
        self.writer = tf.summary.create_file_writer(self.log_dir)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        with self.writer.as_default(step=epoch + 1):
            if self.model.can_sample:
                self._write("samples", plot.grid(self.model.sample(self.count, seed=self.seed)))
            if self.images is not None:
                images = np.asarray(self.images, "float32")[: self.count]
                rebuilt = self.model.reconstruct(images)
                self._write("reconstructions", plot.pairs(images, rebuilt))

    def _write(self, name, image):
        tf.summary.image(name, np.atleast_3d(image)[None].astype("float32") / 255.0)

    def on_train_end(self, logs=None):
        self.writer.close()
