"""Data as tensorflow_datasets gives it: labels, single images, dicts, 8 bits, a broken batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import models
from keras_vae.models import watch

LABELS = np.arange(48) % 10


@pytest.fixture(scope="module")
def vae():
    return compiled()


def compiled(**options):
    model = models.dense_vae((8, 8, 1), 3, hidden_units=(8,), **options)
    model.compile(keras.optimizers.SGD(1e-4))
    return model


@pytest.fixture(scope="module")
def images(binary):
    """(48, 8, 8, 1) float32 of 0 and 1: three batches of 16."""
    return binary[:48]


def elements(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


class Labelled(keras.utils.PyDataset):
    """Batches of (images, labels)."""

    def __init__(self, images, **kwargs):
        super().__init__(**kwargs)
        self.images = images

    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(16 * index, 16 * index + 16)
        return self.images[part], LABELS[part]


# ---- labels -----------------------------------------------------------------------------------

SUPERVISED = {
    "integers": lambda x: elements(x, LABELS).batch(16),
    "bytes": lambda x: elements(x, LABELS.astype("uint8")).batch(16),
    "one-hot": lambda x: elements(x, np.eye(10, dtype="int32")[LABELS]).batch(16),
    "weights too": lambda x: elements(x, LABELS, np.ones(48, "float32")).batch(16),
    "PyDataset": lambda x: Labelled(x),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind == "integers" else pytest.mark.shelf)
        for kind in SUPERVISED
    ],
)
def test_fit_drops_an_integer_label(kind, vae, images):
    pairs = SUPERVISED[kind](images)
    history = vae.fit(pairs, validation_data=pairs, verbose=0).history
    assert np.isfinite([history["loss"], history["val_loss"]]).all()


# `fit` takes them by the same way as `evaluate`: batches of integers and of weights are enough.
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind in ("one-hot", "weights too") else pytest.mark.shelf)
        for kind in SUPERVISED
    ],
)
def test_an_integer_label_is_dropped(kind, vae, images):
    pairs = SUPERVISED[kind](images)
    numbers = vae.evaluate(pairs, verbose=0, return_dict=True)
    alone = vae.evaluate(images, verbose=0, return_dict=True)
    assert numbers["distortion"] == pytest.approx(alone["distortion"], rel=0.02)  # but for draws
    assert numbers["rate"] == pytest.approx(alone["rate"], rel=1e-4)


def test_a_float_label_is_refused_with_the_line_that_works(vae, images):
    pairs = elements(images, LABELS.astype("float32")).batch(16)
    with pytest.raises(ValueError, match=r"Labels do not.*dataset\.map\(lambda image, label: im"):
        vae.fit(pairs, verbose=0)
    vae.fit(pairs.map(lambda image, label: image), verbose=0)


# ---- single images, dicts, 8 bits -------------------------------------------------------------


@pytest.mark.parametrize(
    "channels",
    [pytest.param(slice(None), marks=pytest.mark.shelf), 0],
    ids=["with channels", "without"],
)
def test_an_unbatched_dataset_is_named_as_such(channels, vae, images):
    for single in (elements(images[..., channels]), elements(images[..., channels], LABELS)):
        for verb in (vae.fit, vae.evaluate, vae.predict):
            with pytest.raises(ValueError, match=r"not batched.*Batch it: dataset\.batch\(128\)"):
                verb(single, verbose=0)
        with pytest.raises(ValueError, match="not batched"):
            vae.fit(images, validation_data=single, verbose=0)
        vae.fit(single.batch(128), verbose=0)


def test_dicts_are_refused_with_the_line_that_works(vae, images):
    bytes_ = (images * 255).astype("uint8")
    dicts = tf.data.Dataset.from_tensor_slices({"label": LABELS, "image": bytes_}).batch(16)
    with pytest.raises(ValueError, match=r"dicts of \['image', 'label'\]") as refusal:
        vae.fit(dicts, verbose=0)
    (line,) = [part for part in str(refusal.value).split(", or")[:1]]
    repaired = eval(line.split("Give its images: ")[1], {"dataset": dicts, "tf": tf})
    vae.fit(repaired, verbose=0)


def test_eight_bit_batches_are_refused_with_the_line_that_works(vae, images):
    for dataset in (
        elements((images * 255).astype("uint8"), LABELS).batch(16),
        elements((images * 255).astype("uint8")).batch(16),
    ):
        for verb in (vae.fit, vae.evaluate):
            with pytest.raises(ValueError, match="Divide 8-bit images by 255") as refusal:
                verb(dataset, verbose=0)
        line = str(refusal.value).split("In one line: ")[1].rstrip(".")
        vae.fit(eval(line, {"dataset": dataset, "tf": tf}), verbose=0)


# ---- what is only encoded ---------------------------------------------------------------------


def test_the_encoder_is_given_no_bytes_and_no_nan(vae, images):
    broken = images.copy()
    broken[3, 0, 0, 0] = np.nan
    predict = lambda x: vae.predict(x, verbose=0)
    for use in (vae.encode, vae.reconstruct, predict):
        for eight_bit in ((images * 255).astype("uint8"), images * 255, tf.constant(images * 255)):
            with pytest.raises(ValueError, match=r"in \[0, 255\]\. Divide 8-bit images by 255"):
                use(eight_bit)
        with pytest.raises(ValueError, match="1 values that are NaN or infinite, first in image 3"):
            use(broken)
        use(images + 0.3 * np.random.default_rng(0).standard_normal(images.shape))  # noise is fine
        use(images.astype("uint8"))  # 0 and 1


def test_a_likelihood_without_bounds_takes_any_number(images):
    from keras_vae.distributions import likelihoods

    model = compiled(likelihood=likelihoods.Normal(scale=1.0, mean="linear"))
    model.fit(elements(images * 16).batch(16), verbose=0)
    assert model.encode(images * 16).shape == (48, 3)


# ---- a later batch ----------------------------------------------------------------------------

BROKEN = {"NaN": np.nan, "infinite": np.inf, "8 bits": 255.0, "below 0": -0.5}


def with_a_broken_image(images, value):
    later = images.copy()
    later[40] = value  # of the third batch
    return later


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=name, marks=[] if name == "NaN" else pytest.mark.shelf)
        for name, value in BROKEN.items()
    ],
)
def test_a_later_batch_is_refused_before_its_step(value, vae, images):
    model, weights = vae, []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: weights.append(model.get_weights())
    )
    later = with_a_broken_image(images, value)
    with pytest.raises(ValueError, match=r"NaN, infinite or out of range.*divide 8-bit"):
        model.fit(elements(later).batch(16), verbose=0, callbacks=[note])
    assert len(weights) == 2
    for before, after in zip(weights[-1], model.get_weights()):
        np.testing.assert_array_equal(before, after)
    with pytest.raises(ValueError, match="out of range"):
        model.fit(elements(images, later).batch(16), verbose=0)  # clean targets that are not
    with pytest.raises(ValueError, match="out of range"):
        model.evaluate(elements(later).batch(16), verbose=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_later_batch_is_refused_by_predict(value, vae, images):
    with pytest.raises(ValueError, match="NaN, infinite or out of range"):
        vae.predict(elements(with_a_broken_image(images, value)).batch(16), verbose=0)
    with pytest.raises(ValueError, match="NaN, infinite or out of range"):
        vae.predict(elements(255 * images).batch(16), verbose=0)


# ---- callbacks that monitor -------------------------------------------------------------------


def test_early_stopping_knows_the_direction_of_the_trackers(images):
    """With updates that make it worse: the best ELBO is the first, and training ends."""
    model = compiled()
    model.optimizer.learning_rate = -1e-3
    stop = keras.callbacks.EarlyStopping("val_elbo", patience=1, restore_best_weights=True)
    plateau = keras.callbacks.ReduceLROnPlateau("val_elbo", patience=1)
    history = model.fit(
        images, validation_data=images, epochs=6, verbose=0, callbacks=[stop, plateau]
    ).history
    assert len(history["val_elbo"]) == 2
    assert history["val_elbo"][1] < history["val_elbo"][0] == pytest.approx(stop.best)


@pytest.mark.shelf
def test_early_stopping_lets_a_rising_elbo_rise(images):
    model = compiled()
    model.compile(keras.optimizers.Adam(1e-2))
    stop = keras.callbacks.EarlyStopping("elbo")
    assert len(model.fit(images, epochs=3, verbose=0, callbacks=stop).epoch) == 3


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("val_elbo", "max"), ("elbo", "max"), ("val_distortion", "min"), ("val_mse", "min")],
)
def test_the_better_direction_of_a_tracker(monitor, mode):
    callbacks = [keras.callbacks.EarlyStopping(monitor), keras.callbacks.ReduceLROnPlateau(monitor)]
    chosen = keras.callbacks.EarlyStopping(monitor, mode="min")
    watch.set_directions([*callbacks, chosen, keras.callbacks.History()])
    assert [callback.mode for callback in callbacks] == [mode, mode]
    assert chosen.mode == "min"


def test_the_rate_has_no_better_direction(vae, images):
    with pytest.raises(ValueError, match="mode='max'"):
        vae.fit(images, verbose=0, callbacks=keras.callbacks.EarlyStopping("rate"))
