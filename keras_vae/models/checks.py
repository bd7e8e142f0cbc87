"""Checks of images: of arrays before the first step, of each later batch within the graph."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

BAD_BATCH = "A batch of the data holds values that are NaN, infinite or out of range"
ONE_LINE = "dataset.map(lambda image, *rest: (tf.cast(image, tf.float32) / 255.0, *rest))"


def prepare_inputs(x, y, image_shape, likelihood, labels=False):
    """Checks the data of fit or evaluate; arrays also get their channel axis.

    Args:
        x: (N, H, W, C) or, for one channel, (N, H, W) array; or a tf.data.Dataset, keras PyDataset
            or generator of batches of x, (x, y) or (x, integer label), of which the first batch is
            looked at.
        y: like x, or None. The values of y (of x, where there is no y) must lie in the support of
            the likelihood.
        image_shape: (H, W, C) of the model.
        likelihood: Likelihood of the model.
        labels: whether y may be integer labels, (N,).

    Returns:
        x and y, arrays and tensors as float32 NumPy arrays (N, H, W, C).

    Raises:
        ValueError: wrong rank or shape, NaN or infinity, values outside the support.
    """
    if isinstance(x, tf.data.Dataset):
        check_batched(x, image_shape)
        _check_batch(_first(x), image_shape, likelihood)
        return x, y
    if isinstance(x, keras.utils.PyDataset):
        _check_batch(x[0], image_shape, likelihood)
        return x, y
    if not hasattr(x, "__array__"):
        return x, y  # a generator: looking at it would use it up, the step checks its shapes
    x = np.asarray(as_images(x, image_shape, "x"))
    if not len(x):
        raise ValueError("x holds no images.")
    labels = labels and y is not None and is_label(tf.convert_to_tensor(y))
    if not labels and y is not None:
        _check_encodable(x, likelihood, "x")
        y = np.asarray(as_images(y, image_shape, "y"))
    if y is not None and len(y) != len(x):
        raise ValueError(f"x holds {len(x)} images and y {len(y)}; they must be pairs.")
    if y is None or labels:
        _check_finite(x, "x")
        likelihood.check(x)
        return x, y if y is None else np.asarray(y)
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
            "Labels do not belong into fit(): the target of an autoencoder is an image. Of a "
            "dataset: dataset.map(lambda image, label: image)."
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


def check_batched(dataset, image_shape):
    """Raises ValueError where the elements of a tf.data.Dataset are not batches of images."""
    spec = dataset.element_spec
    if isinstance(spec, dict):
        key = "image" if "image" in spec else next(iter(spec))
        raise ValueError(
            f"The elements of the tf.data.Dataset are dicts of {sorted(spec)}. Give its images: "
            f"dataset.map(lambda example: tf.cast(example[{key!r}], tf.float32) / 255.0), or load "
            "it with as_supervised=True."
        )
    images = spec[0] if isinstance(spec, tuple) else spec
    shape = getattr(images, "shape", tf.TensorShape(None))
    if shape.rank and not _is_image(shape[1:], image_shape) and _is_image(shape, image_shape):
        raise ValueError(
            f"The tf.data.Dataset is not batched: its elements are single images of {shape}. "
            "Batch it: dataset.batch(128)."
        )


def _is_image(shape, image_shape):
    shape = tuple(shape)
    if image_shape[2] == 1 and len(shape) == 2:
        shape = (*shape, 1)
    return len(shape) == 3 and _fits(shape, image_shape)


def is_label(y):
    """Whether the second part of a batch is an integer label: (B,), (B, 1) or one-hot (B, K)."""
    return y.dtype.is_integer and y.shape.rank is not None and y.shape.rank <= 2


def _check_batch(batch, image_shape, likelihood):
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    x = tf.convert_to_tensor(x)
    eight_bit = x.dtype.is_integer
    y = None if y is None or is_label(tf.convert_to_tensor(y)) else tf.convert_to_tensor(y)
    x = np.asarray(as_images(x, image_shape, "x of a batch"))
    if y is None:
        _check_finite(x, "x")
        try:
            likelihood.check(x)
        except ValueError as error:
            raise ValueError(f"{error} In one line: {ONE_LINE}." if eight_bit else error) from None
        return
    _check_encodable(x, likelihood, "x")
    y = np.asarray(as_images(y, image_shape, "y of a batch"))
    _check_finite(y, "y")
    likelihood.check(y)


def encodable(images, image_shape, likelihood):
    """Images for the encoder alone as float32 (N, H, W, C); noise may take them out of [0, 1].

    Raises:
        ValueError: a wrong shape, NaN or infinity, or 8-bit images.
    """
    images = np.asarray(as_images(images, image_shape, "images"))
    if len(images):
        _check_encodable(images, likelihood, "images")
    return images


def _check_encodable(images, likelihood, name):
    _check_finite(images, name)
    if images.max() > 1 and _bounded(likelihood) and np.array_equal(images, np.round(images)):
        raise ValueError(
            f"{name} must be in [0, 1]; received whole numbers in [{images.min():g}, "
            f"{images.max():g}]. Divide 8-bit images by 255."
        )


def _bounded(likelihood):
    """Whether a likelihood's support ends at 1."""
    try:
        likelihood.check(np.array([[[[2.0]]]], "float32"))
    except ValueError:
        return True
    return False


def assert_encodable(x, likelihood):
    """x, checked within a graph as `encodable` checks an array."""
    good = tf.reduce_all(tf.math.is_finite(x))
    if _bounded(likelihood):
        whole = tf.reduce_all(tf.equal(x, tf.round(x)))
        good &= ~(whole & (tf.reduce_max(x) > 1.0))
    return _asserted(x, good)


def assert_explicable(y, likelihood):
    """y, checked within a graph: finite and, where the likelihood is bounded, in [0, 1]."""
    if not _bounded(likelihood):
        return _asserted(y, tf.reduce_all(tf.math.is_finite(y)))
    return _asserted(y, tf.reduce_all((y >= 0.0) & (y <= 1.0)))  # which NaN is not


def _asserted(values, good):
    with tf.control_dependencies([tf.debugging.Assert(good, [BAD_BATCH])]):
        return tf.identity(values)


@contextlib.contextmanager
def refused_in_the_graph():
    """Turns what the assertions of a graph raise into the ValueError that an array gets."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if BAD_BATCH not in str(error):
            raise
        raise ValueError(
            f"{BAD_BATCH}; training or evaluation stopped before that batch. Pixels must be in "
            f"[0, 1]: repair what is not finite, and divide 8-bit images by 255, {ONE_LINE}."
        ) from None


def _check_finite(values, name):
    bad = ~np.isfinite(values)
    if bad.any():
        images = np.flatnonzero(bad.reshape(len(values), -1).any(axis=1))
        raise ValueError(
            f"{name} has {int(bad.sum())} values that are NaN or infinite, first in image "
            f"{images[0]} ({len(images)} images in all). Remove or repair them before training."
        )
