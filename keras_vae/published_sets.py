"""The data sets of tensorflow_datasets: found or fetched, split, read into memory."""

import contextlib
import difflib
import logging
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vae import private_api, progress

VALIDATION_IMAGES = 5000
RETRIES = 4  # of a download, within about 3 s


def _tfds():
    """The module tensorflow_datasets.

    Raises:
        ImportError: what it stands on does not go together.
    """
    try:
        import tensorflow_datasets.core  # the module alone imports lazily, and fails at first use
    except Exception as error:  # protobuf raises a type of its own
        raise ImportError(
            f"tensorflow_datasets cannot be imported ({type(error).__name__}: {error}). "
            "TensorFlow before 2.20 holds protobuf back, which the newest tensorflow-metadata "
            'does not work with: pip install "tensorflow-metadata<1.18".'
        ) from error
    return tensorflow_datasets


def load(name, image_shape, known, built_in):
    """Reads a set, from the folder that TFDS_DATA_DIR names or from tfds's own; fetches it at need.

    Args:
        name, image_shape: see `data.load`.
        known: names of sets, for the error of a misspelt one.
        built_in: names of those that need neither file nor network, for the error without one.

    Returns:
        dict of "train", "validation", "test" -> (N, H, W, C) uint8 images, (N,) labels or None.

    Raises:
        ValueError, FileNotFoundError: see `data.load`.
        ImportError: tensorflow_datasets does not go together with what is installed.
    """
    tfds = _tfds()
    builder = _builder(tfds, name, known, built_in)
    image_key = _image_key(tfds, builder)
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    if "train" not in sizes:
        raise ValueError(f"Data set {name!r} has no 'train' split; it has {sorted(sizes)}.")
    total = sizes["train"]
    held_out = min(VALIDATION_IMAGES, total // 3)
    if "test" in sizes:
        test, rest = "test", total
    else:
        rest = total - min(VALIDATION_IMAGES, total // 6)
        held_out = min(held_out, rest // 3)
        test = f"train[{rest}:]"
        note = f"{name!r} has no test split: its last {total - rest} images are held out."
        warnings.warn(note, stacklevel=4)
    if "validation" in sizes:
        train, validation = f"train[:{rest}]", "validation"
    else:
        train = f"train[:{rest - held_out}]"
        validation = f"train[{rest - held_out}:{rest}]"
    parts = {"train": train, "validation": validation, "test": test}
    return {
        key: _read(tfds, builder, split, image_key, image_shape) for key, split in parts.items()
    }


def _builder(tfds, name, known, built_in):
    where = os.environ.get("TFDS_DATA_DIR") or private_api.tensorflow_datasets_folder()
    try:
        builder = tfds.builder(name, data_dir=where)
    except tfds.core.DatasetNotFoundError as error:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"Unknown data set {name!r}.{hint} Choose one of {known}, or any image data set of "
            "tensorflow_datasets."
        ) from error
    if builder.info.splits:
        return builder
    try:
        with _quiet_download(tfds), private_api.download_retries(RETRIES):
            builder.download_and_prepare()
    except Exception as error:  # tfds lets the error of whichever layer failed through
        raise FileNotFoundError(
            f"Data set {name!r} is not prepared in {where!r} and could not be fetched "
            f"({type(error).__name__}: {str(error)[:200]}). Without a network these work: "
            f"{_offline_names(where, known, built_in)}. To use data prepared elsewhere, set "
            "TFDS_DATA_DIR to its folder."
        ) from error
    return builder


@contextlib.contextmanager
def _quiet_download(tfds):
    """Keeps a download's progress on stderr, and to terminals and notebooks; hides its retries."""
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # threads outlive an error
    with contextlib.redirect_stdout(sys.stderr):
        live = progress.is_live()
        if not live:
            tfds.disable_progress_bar()
        try:
            yield
        finally:
            if not live:
                tfds.enable_progress_bar()


def _offline_names(where, known, built_in):
    """Names that load without a network; of a broken download there is a folder, no version."""
    prepared = sorted(Path(where).glob("*/*/dataset_info.json"))
    complete = [path.parent for path in prepared if not path.parent.name.startswith("incomplete")]
    names = {folder.parent.name for folder in complete}
    return [*built_in, *(name for name in known if name in names)]


def _image_key(tfds, builder):
    features = builder.info.features
    keys = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    if not keys:
        raise ValueError(f"Data set {builder.name!r} has no images; its features: {features}.")
    return "image" if "image" in keys else keys[0]


def _read(tfds, builder, split, image_key, image_shape):
    """(N, H, W, C) uint8 images and (N,) labels or None, in tfds's own fixed order."""
    # one file after the other, and no thread between the images: they are read once
    options = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False, skip_prefetch=True)
    dataset = builder.as_dataset(split=split, read_config=options, shuffle_files=False)
    features = builder.info.features
    has_label = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)
    shape = features[image_key].shape
    if image_shape is None and None in shape:
        raise ValueError(
            f"The images of {builder.name!r} differ in size ({shape}). Pass image_shape=(H, W, C)."
        )

    resized = image_shape is not None and tuple(shape) != tuple(image_shape)

    def pick(example):
        image = example[image_key]
        if resized:
            image = resize(image[None], image_shape)[0]
        return image, example["label"] if has_label else tf.constant(0, tf.int64)

    dataset = dataset.map(pick, num_parallel_calls=2, deterministic=True).batch(1000)
    images, labels = zip(*dataset.as_numpy_iterator())
    images = np.concatenate(images).astype("uint8")
    if images.max() <= 1:  # binarized_mnist stores 0 and 1
        images *= 255
    return images, np.concatenate(labels) if has_label else None


def resize(images, image_shape):
    """(N, h, w, c) uint8 -> (N, H, W, C) uint8 by area averaging; to grey by luma."""
    height, width, channels = image_shape
    images = tf.convert_to_tensor(images)
    if images.shape[-1] == 4:
        images = images[..., :3]
    if channels == 1 and images.shape[-1] == 3:
        images = tf.image.rgb_to_grayscale(images)
    elif channels == 3 and images.shape[-1] == 1:
        images = tf.repeat(images, 3, axis=-1)
    if images.shape[-1] != channels:
        raise ValueError(f"Cannot turn {images.shape[-1]} channels into {channels}; use 1 or 3.")
    resized = tf.image.resize(images, (height, width), method="area")
    resized = tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8)
    return resized.numpy() if tf.executing_eagerly() else resized
