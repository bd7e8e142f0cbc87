"""Image data sets by name: uint8 in memory, float32 in [0, 1] in batches.

`digits` is embedded (scikit-learn's real 8x8 digits); `shapes` is drawn, with the factors that each
picture was drawn from. Every other name is read by `tensorflow_datasets`, from the folder that
TFDS_DATA_DIR names or from its default folder.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_vae import augmentation as maps
from keras_vae import pipeline, published_sets, shapes
from keras_vae.choice import image_shape as checked_shape
from keras_vae.choice import real, whole

NAMES = ("digits", "shapes", "mnist", "fashion_mnist", "binarized_mnist", "omniglot", "cifar10")
LICENCES = {
    "digits": "CC BY 4.0 (Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI)",
    "shapes": "Apache-2.0 (drawn by keras_vae)",
    "mnist": "CC BY-SA 3.0",
    "fashion_mnist": "MIT",
    "binarized_mnist": "none stated; derived from MNIST",
    "omniglot": "MIT",
    "cifar10": "none stated",
}
BINARIZATIONS = (None, "dynamic")
CORRUPTIONS = ("noise", "masking")


@dataclasses.dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes:
        name: "train", "validation" or "test".
        images: (N, H, W, C) uint8 in 0..255.
        labels: (N,) integers, or None where the data set has none.
        factors: (N, F) integers, what each image was drawn from (of `shapes`: `shapes.FACTORS`),
            or None where nobody knows.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    factors: np.ndarray | None = None

    def __len__(self):
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set in three parts; `test` is the publisher's own, untouched."""

    name: str
    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self):
        """(H, W, C)."""
        return tuple(int(size) for size in self.train.images.shape[1:])


def load(name, image_shape=None):
    """Loads an image data set into memory.

    Args:
        name: one of `data.NAMES`, or any other image data set that tensorflow_datasets knows.
        image_shape: (H, W, C) to resize to (area averaging, C of 1 or 3), or None to keep the
            images as they are. Needed where the images of a set differ in size.

    Returns:
        Data. Validation is the set's own where it has one, else the last 5,000 images of train in
        tfds's fixed order (a third of train where that is less). `digits`: 1,297 / 200 / 300 by a
        fixed permutation; `shapes`: 11,824 / 1,000 / 1,000, labels being the shape.

    Raises:
        ValueError: the name is unknown, or the set has no images.
        FileNotFoundError: the set is not on this machine and cannot be fetched.
    """
    if image_shape is not None:
        image_shape = checked_shape(image_shape)
    if name not in BUILT_IN:
        splits = published_sets.load(name, image_shape, NAMES, tuple(BUILT_IN))
    else:
        splits = BUILT_IN[name]()
        if image_shape not in (None, splits["train"][0].shape[1:]):
            splits = {
                key: (published_sets.resize(x, image_shape), *rest)
                for key, (x, *rest) in splits.items()
            }
    return Data(name, **{key: Split(key, *arrays) for key, arrays in splits.items()})


def pixels(split, binarize=None, seed=0):
    """A whole split as one array.

    Args:
        split: a Split.
        binarize: None for grey values, "dynamic" for one Bernoulli draw of each pixel.
        seed: of the draw; the same seed gives the same draw for ever.

    Returns:
        (N, H, W, C) float32 in [0, 1]; in {0, 1} if binarised.
    """
    _check_binarize(binarize)
    if binarize is None:
        return split.images.astype("float32") / 255.0
    uniform = np.random.default_rng(seed).random(split.images.shape, dtype="float32")
    return (uniform * 255.0 < split.images).astype("float32")


def batches(
    split,
    batch_size,
    *,
    shuffle=False,
    seed=0,
    binarize=None,
    labels=False,
    corruption=None,
    augmentation=None,
    epoch=None,
):
    """A tf.data pipeline over a split, see `pipeline.batches`.

    Args:
        split: a Split.
        batch_size: images in a batch; the last one may be smaller.
        shuffle: a new order each epoch.
        seed: of the order and of the binarisation.
        binarize: None, or "dynamic": a fresh Bernoulli draw of each training pixel each epoch
            (Burda et al., arXiv 1509.00519); validation and test are drawn once, from the seed.
        labels: with their labels, for a model with `takes_labels`.
        corruption: None, or a dict of "noise", the scale of normal noise on each pixel, and
            "masking", the part of the pixels that are black: a model then sees the corrupted images
            and explains the clean ones (denoising autoencoder, Vincent et al., ICML 2008). Fresh
            in each epoch.
        augmentation: None, or a dict of arguments of `augmentation.augmented`, such as
            {"rotation": 8, "shear": 0.1, "epochs": 40}: images turned, stretched and slanted, each
            epoch anew, before they are binarised. For training images; "epochs" needs `epoch`.
        epoch: see `pipeline.batches`; it shuffles.

    Returns:
        tf.data.Dataset of (B, H, W, C) float32 in [0, 1]; of pairs of them and (B,) int32, or with
        `corruption` of pairs (corrupted, clean).

    Raises:
        TypeError: no Split; a dataset or an array goes into `fit` as it is.
        ValueError: an unknown `binarize`, or labels that the split does not have.
    """
    if not isinstance(split, Split):
        raise TypeError(
            f"data.batches takes a data.Split, such as data.load(...).train; received a "
            f"{type(split).__name__}. A tf.data.Dataset of batches, with labels or without, and an "
            "array go into fit as they are; an array of 8-bit images is a split as "
            'data.Split("train", images).'
        )
    _check_binarize(binarize)
    check_corruption(corruption)
    _check_augmentation(augmentation, split, epoch)
    if labels and corruption:
        raise ValueError("labels and corruption both want the second place in a pair: choose one.")
    batch_size = whole("batch_size", batch_size)
    if labels and split.labels is None:
        raise ValueError(f"The {split.name} images have no labels; a model of labels needs them.")
    fresh = binarize == "dynamic" and split.name == "train"
    images = split.images
    if binarize == "dynamic" and not fresh:
        images = (pixels(split, binarize, seed) * 255).astype("uint8")

    def finish(batch, key):
        batch, *rest = batch if labels else (batch,)
        batch = tf.cast(batch, tf.float32) / 255.0
        if augmentation:
            within = tf.random.experimental.stateless_fold_in(key, 3)
            batch = maps.augmented(batch, within, epoch, **augmentation)
        if fresh:
            batch = tf.cast(tf.random.stateless_uniform(tf.shape(batch), key) < batch, tf.float32)
        if corruption:
            return _corrupted(batch, key, **corruption), batch
        return (batch, *rest) if labels else batch

    arrays = (images, np.asarray(split.labels, "int32")) if labels else (images,)
    order = {"shuffle": shuffle, "seed": seed, "epoch": epoch}
    return pipeline.batches(arrays, batch_size, finish=finish, **order)


def check_corruption(corruption):
    """Raises ValueError where `corruption` of `batches` is neither None nor one that it knows."""
    if corruption is None:
        return
    if not isinstance(corruption, dict) or not corruption or set(corruption) - set(CORRUPTIONS):
        raise ValueError(
            f"corruption must be None or a dict of some of {CORRUPTIONS}, such as "
            f"{{'noise': 0.3}}; received {corruption!r}."
        )
    for name, value in corruption.items():
        real(f"the {name} of corruption", value, least=0)
    if corruption.get("masking", 0) >= 1:
        raise ValueError(
            f"The masking of corruption is a part of the pixels, in [0, 1); received "
            f"{corruption['masking']!r}."
        )


def _check_augmentation(augmentation, split, epoch):
    maps.check(augmentation)
    if augmentation and split.name != "train":
        raise ValueError(
            f"augmentation is for training images; a model is measured on the {split.name} images "
            "as they are."
        )
    if augmentation and "epochs" in augmentation and epoch is None:
        raise ValueError(
            "The epochs of augmentation are told by `epoch`, an integer tf.Variable; give it, or "
            "leave them out."
        )


def _corrupted(batch, key, noise=0.0, masking=0.0):
    """(B, H, W, C) in [0, 1] with noise, then black pixels, all channels of a pixel at once."""
    of_noise, of_mask = (tf.random.experimental.stateless_fold_in(key, i) for i in (1, 2))
    if noise:
        drawn = tf.random.stateless_normal(tf.shape(batch), of_noise)
        batch = tf.clip_by_value(batch + noise * drawn, 0.0, 1.0)
    if masking:
        kept = tf.random.stateless_uniform(tf.shape(batch[..., :1]), of_mask) >= masking
        batch *= tf.cast(kept, tf.float32)
    return batch


def _check_binarize(binarize):
    if binarize not in BINARIZATIONS:
        raise ValueError(f"Unknown binarize={binarize!r}. Choose one of {BINARIZATIONS}.")


def _load_digits():
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype("uint8")[..., None]  # 0..16 -> 0..255
    order = np.random.RandomState(0).permutation(len(images))
    parts = {"train": order[:1297], "validation": order[1297:1497], "test": order[1497:]}
    return {name: (images[index], digits.target[index]) for name, index in parts.items()}


def _load_shapes():
    factors = shapes.everything()
    images = shapes.draw(factors)
    parts = {"train": slice(2000, None), "validation": slice(1000, 2000), "test": slice(1000)}
    return {name: (images[part], factors[part, 0], factors[part]) for name, part in parts.items()}


BUILT_IN = {"digits": _load_digits, "shapes": _load_shapes}  # without a file or a network
