"""What is refused before the first step, and what stops a training that went wrong."""

import keras
import numpy as np
import tensorflow as tf


def prepare_inputs(x, y, image_shape, likelihood):
    """Checks the data of fit, evaluate or predict; arrays also get their channel axis.

    Args:
        x: (N, H, W, C) or, for one channel, (N, H, W) array; or a tf.data.Dataset, keras PyDataset
            or generator of batches of x or (x, y), of which the first batch is looked at.
        y: like x, or None. The values of y (of x, where there is no y) must lie in the support of
            the likelihood.
        image_shape: (H, W, C) of the model.
        likelihood: Likelihood of the model.

    Returns:
        x and y, arrays as float32 (N, H, W, C).

    Raises:
        ValueError: wrong rank or shape, NaN or infinity, values outside the support.
    """
    if isinstance(x, tf.data.Dataset):
        _check_batch(_first(x), image_shape, likelihood)
        return x, y
    if isinstance(x, keras.utils.PyDataset):
        _check_batch(x[0], image_shape, likelihood)
        return x, y
    if not hasattr(x, "__array__"):
        return x, y  # a generator: looking at it would use it up, the step checks its shapes
    x = as_images(x, image_shape, "x")
    if not len(x):
        raise ValueError("x holds no images.")
    _check_finite(x, "x")
    if y is None:
        likelihood.check(x)
        return x, None
    y = as_images(y, image_shape, "y")
    if len(y) != len(x):
        raise ValueError(f"x holds {len(x)} images and y {len(y)}; they must be pairs.")
    _check_finite(y, "y")
    likelihood.check(y)
    return x, y


def as_images(values, image_shape, name):
    """An array or tensor as float32 (N, H, W, C), its channel axis added where C is 1.

    Raises:
        ValueError: the rank or the shape is not the model's.
    """
    if isinstance(values, tf.Tensor) and values.shape.rank is None:
        # A graph that Keras made for batches with and without a channel axis.
        return tf.cast(tf.reshape(values, (-1, *image_shape)), tf.float32)
    shape = tuple(values.shape)
    height, width, channels = image_shape
    if len(shape) == 3 and channels == 1:
        values = values[..., None]
    if len(values.shape) != 4 or not _fits(values.shape[1:], image_shape):
        also = f" or (N, {height}, {width})" if channels == 1 else ""
        raise ValueError(
            f"{name} must have shape (N, {height}, {width}, {channels}){also}; received {shape}. "
            "Labels do not belong into fit(): the target of an autoencoder is an image."
        )
    if isinstance(values, tf.Tensor):
        return tf.cast(values, tf.float32)
    return np.asarray(values, "float32")


def _fits(shape, image_shape):
    return all(size in (None, wanted) for size, wanted in zip(shape, image_shape))


def _first(dataset):
    for batch in dataset.take(1):
        return batch
    raise ValueError("The tf.data.Dataset is empty: it gave no batch.")


def _check_batch(batch, image_shape, likelihood):
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    x = np.asarray(as_images(tf.convert_to_tensor(x), image_shape, "x of a batch"))
    _check_finite(x, "x")
    if y is not None:
        y = np.asarray(as_images(tf.convert_to_tensor(y), image_shape, "y of a batch"))
        _check_finite(y, "y")
    likelihood.check(x if y is None else y)


def _check_finite(values, name):
    bad = ~np.isfinite(values)
    if bad.any():
        images = np.flatnonzero(bad.reshape(len(values), -1).any(axis=1))
        raise ValueError(
            f"{name} has {int(bad.sum())} values that are NaN or infinite, first in image "
            f"{images[0]} ({len(images)} images in all). Remove or repair them before training."
        )


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
                "(optimizer clipnorm=1.0), or look for NaN in the data."
            )
