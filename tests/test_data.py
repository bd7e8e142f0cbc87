"""Data sets by name: splits, batches, binarisation, and what is said when one is missing."""

import logging
import socket
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_vae import data


def numbered(count, name="train"):
    """Images that carry their own index, so that an order can be read from a batch."""
    images = np.arange(count, dtype="uint8")[:, None, None, None] * np.ones((1, 2, 3, 1), "uint8")
    return data.Split(name, images)


def indices(dataset):
    """The index of every image of `numbered`, in the order in which the batches bring them."""
    return [int(i) for batch in dataset for i in np.round(batch.numpy()[:, 0, 0, 0] * 255)]


# ---- digits -----------------------------------------------------------------------------------


def test_digits_are_embedded_split_and_always_the_same(digits):
    again = data.load("digits")
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1297, 200, 300)
    assert digits.image_shape == (8, 8, 1)
    for name in ("train", "validation", "test"):
        split = getattr(digits, name)
        assert split.name == name
        assert split.images.dtype == np.uint8
        assert split.images.max() == 255
        assert len(split.labels) == len(split)
        np.testing.assert_array_equal(split.images, getattr(again, name).images)
        np.testing.assert_array_equal(split.labels, getattr(again, name).labels)


def test_digits_splits_hold_every_image_once(digits):
    from sklearn.datasets import load_digits

    parts = np.concatenate([digits.train.images, digits.validation.images, digits.test.images])
    ours = sorted(image.tobytes() for image in parts)
    source = np.round(load_digits().images * 255 / 16).astype("uint8")
    assert ours == sorted(image.tobytes() for image in source)


def test_image_shape_resizes_and_repeats_grey(digits):
    wide = data.load("digits", image_shape=(4, 6, 3))
    assert wide.image_shape == (4, 6, 3)
    assert wide.train.images.dtype == np.uint8
    np.testing.assert_array_equal(wide.train.images[..., 0], wide.train.images[..., 2])
    halves = data.load("digits", image_shape=(4, 4, 1)).test.images[0, ..., 0]
    blocks = digits.test.images[0, ..., 0].astype("float64").reshape(4, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(halves, blocks, atol=0.51)  # area averaging, then rounding


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (0, 4, 1)])
def test_impossible_image_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"image_shape|channels"):
        data.load("digits", image_shape=shape)


# ---- batches ----------------------------------------------------------------------------------


def test_batches_are_float32_in_unit_range_with_a_smaller_last_one(digits):
    dataset = data.batches(digits.validation, 64)
    parts = [batch.numpy() for batch in dataset]
    assert [part.shape for part in parts] == [(64, 8, 8, 1)] * 3 + [(8, 8, 8, 1)]
    assert all(part.dtype == np.float32 for part in parts)
    assert dataset.cardinality() == 4
    np.testing.assert_array_equal(np.concatenate(parts), data.pixels(digits.validation))
    assert parts[0].min() == 0.0
    assert parts[0].max() == 1.0


def test_shuffle_brings_each_image_once_in_a_new_order_each_epoch():
    dataset = data.batches(numbered(100), 32, shuffle=True, seed=3)
    first, second = indices(dataset), indices(dataset)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != list(range(100))
    assert first != second


def test_without_shuffle_the_order_is_kept():
    assert indices(data.batches(numbered(10), 4)) == list(range(10))


def test_same_seed_same_order_other_seed_other_order():
    def epochs(seed):
        dataset = data.batches(numbered(50), 7, shuffle=True, seed=seed)
        return indices(dataset) + indices(dataset)

    assert epochs(1) == epochs(1)
    assert epochs(1) != epochs(2)


# ---- binarisation -----------------------------------------------------------------------------


def test_training_images_are_binarised_afresh_each_epoch(digits):
    dataset = data.batches(digits.train, 500, binarize="dynamic", seed=1)
    first, second = (np.concatenate([batch.numpy() for batch in dataset]) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0}
    changed = (first != second).mean()
    grey = digits.train.images / 255.0
    expected = np.mean(2 * grey * (1 - grey))  # two independent draws of each pixel differ
    assert changed == pytest.approx(expected, rel=0.05)


def test_two_batches_of_one_epoch_get_different_draws():
    half = data.Split("train", np.full((64, 8, 8, 1), 128, "uint8"))
    one, two = (batch.numpy() for batch in data.batches(half, 32, binarize="dynamic"))
    assert (one != two).mean() == pytest.approx(0.5, abs=0.05)


def test_binarised_training_is_reproduced_by_the_seed(digits):
    def draw(seed):
        dataset = data.batches(digits.train, 300, shuffle=True, binarize="dynamic", seed=seed)
        return np.concatenate([batch.numpy() for _ in range(2) for batch in dataset])

    np.testing.assert_array_equal(draw(5), draw(5))
    assert (draw(5) != draw(6)).any()


@pytest.mark.parametrize("name", ["validation", "test"])
def test_validation_and_test_are_binarised_once(digits, name):
    split = getattr(digits, name)
    dataset = data.batches(split, 64, binarize="dynamic", seed=4)
    first, second = (np.concatenate([batch.numpy() for batch in dataset]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, data.pixels(split, binarize="dynamic", seed=4))
    assert (first != data.pixels(split, binarize="dynamic", seed=5)).any()


def test_binarisation_keeps_the_grey_value_on_average():
    levels = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    split = data.Split("train", np.repeat(levels, 4000, axis=0))
    batch = next(iter(data.batches(split, 4000, binarize="dynamic", seed=2))).numpy()
    for binary in (batch, data.pixels(split, binarize="dynamic", seed=2)):
        means = binary.mean(axis=0).ravel()
        np.testing.assert_allclose(means, np.arange(256) / 255, atol=0.04)  # 5 sigma
        assert means[0] == 0.0
        assert means[255] == 1.0


@pytest.mark.parametrize("function", [data.pixels, lambda s, b: data.batches(s, 8, binarize=b)])
def test_unknown_binarisation_is_refused(digits, function):
    with pytest.raises(ValueError, match="binarize='static'"):
        function(digits.train, "static")


# ---- tensorflow_datasets ----------------------------------------------------------------------


@pytest.fixture
def tfds_not_imported():
    """tensorflow_datasets is imported anew, and is as it was after the test."""

    def taken_out():
        parts = ("tensorflow_datasets", "tensorflow_metadata")
        return {n: sys.modules.pop(n) for n in list(sys.modules) if n.split(".")[0] in parts}

    before = taken_out()
    yield
    taken_out()
    sys.modules.update(before)


def test_parts_of_tfds_that_do_not_go_together_are_named(tmp_path, monkeypatch, tfds_not_imported):
    """As the newest tensorflow-metadata beside TensorFlow 2.18: seen where data is read."""
    (tmp_path / "tensorflow_metadata").mkdir()
    shadow = tmp_path / "tensorflow_metadata" / "__init__.py"
    shadow.write_text("raise RuntimeError('gencode 6.31.1 runtime 5.29.6')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"^tensorflow_datasets cannot be imported") as told:
        data.load("mnist")
    assert "runtime 5.29.6). " in str(told.value)
    assert 'pip install "tensorflow-metadata<1.18"' in str(told.value)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.data(name)) for name in ("mnist", "fashion_mnist")],
)
def test_validation_is_the_end_of_train_in_the_order_of_tfds(name):
    import tensorflow_datasets as tfds

    loaded = data.load(name)
    sizes = (len(loaded.train), len(loaded.validation), len(loaded.test))
    assert sizes == (55000, 5000, 10000)
    assert loaded.image_shape == (28, 28, 1)
    config = tfds.ReadConfig(interleave_cycle_length=1)
    last = tfds.load(name, split="train[-5000:]", shuffle_files=False, read_config=config)
    for index, example in enumerate(last.take(20)):
        np.testing.assert_array_equal(loaded.validation.images[index], example["image"].numpy())
        assert loaded.validation.labels[index] == example["label"].numpy()
    first = next(iter(tfds.load(name, split="test", shuffle_files=False, read_config=config)))
    np.testing.assert_array_equal(loaded.test.images[0], first["image"].numpy())
    assert loaded.train.images.max() == 255
    assert sorted(np.unique(loaded.train.labels)) == list(range(10))


@pytest.mark.data("binarized_mnist")
def test_binarized_mnist_has_its_own_validation_and_two_values():
    loaded = data.load("binarized_mnist")
    sizes = (len(loaded.train), len(loaded.validation), len(loaded.test))
    assert sizes == (50000, 10000, 10000)
    assert loaded.train.labels is None
    for split in (loaded.train, loaded.validation, loaded.test):
        assert set(np.unique(split.images[:500])) == {0, 255}
        assert set(np.unique(data.pixels(split)[:500])) == {0.0, 1.0}


@pytest.mark.data("omniglot")
def test_omniglot_is_resized_to_grey():
    loaded = data.load("omniglot", image_shape=(28, 28, 1))
    assert loaded.image_shape == (28, 28, 1)
    assert len(loaded.validation) == 5000
    assert len(loaded.train) + len(loaded.validation) == 19280
    assert len(loaded.test) == 13180
    assert loaded.train.images.dtype == np.uint8
    assert len(np.unique(loaded.train.images[:50])) > 10  # averaged, not only two values


def test_unknown_name_is_answered_with_the_nearest_and_all():
    with pytest.raises(
        ValueError, match=r"Unknown data set 'mnits'.*Did you mean 'mnist'"
    ) as error:
        data.load("mnits")
    for name in data.NAMES:
        assert repr(name) in str(error.value)


@pytest.fixture
def no_network(monkeypatch):
    """Every connection fails at once, as on a machine without a network."""

    def refuse(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_missing_data_says_what_where_and_what_works(name, tmp_path, monkeypatch, no_network):
    import tensorflow_datasets as tfds

    def fail(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    (tmp_path / "omniglot" / "incomplete.AB12CD_3.0.0").mkdir(parents=True)
    (tmp_path / "fashion_mnist" / "3.0.1").mkdir(parents=True)
    (tmp_path / "fashion_mnist" / "3.0.1" / "dataset_info.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=f"'{name}' is not prepared") as error:
        data.load(name)
    message = str(error.value)
    assert str(tmp_path) in message
    assert "no route to host" in message
    assert (
        "['digits', 'shapes', 'fashion_mnist']" in message
    )  # not what a broken download left behind
    assert "TFDS_DATA_DIR" in message


def test_a_download_prints_nothing_on_stdout_and_no_retries(
    tmp_path, monkeypatch, no_network, capfd
):
    import tensorflow_datasets as tfds

    def fail(*_, **__):
        print("Downloading")
        logging.getLogger("urllib3.connectionpool").warning("Retrying")
        with tfds.core.utils.tqdm_utils.tqdm(total=1) as bar:
            bar.update()
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no route to host"):
        data.load("cifar10")
    out, err = capfd.readouterr()
    assert out == ""
    assert "Downloading" in err
    assert "Retrying" not in err
    assert "\r" not in err  # of a bar


def test_batches_of_what_is_no_split_say_where_it_goes(digits):
    images = data.pixels(digits.test)
    for other in (images, tf.data.Dataset.from_tensor_slices((images, digits.test.labels))):
        with pytest.raises(TypeError, match=r"go into fit as they are"):
            data.batches(other, 32)


def test_data_feeds_a_pipeline_of_tf_data(digits):
    pairs = data.batches(digits.train, 32).map(lambda x: (x, x))
    assert pairs.element_spec[0].shape[1:] == (8, 8, 1)
    assert pairs.element_spec[0].dtype == tf.float32
