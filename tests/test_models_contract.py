"""What every model promises, whatever its networks: Keras's verbs, its data, its files."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import models

DENSE = {"latent_dim": 3, "hidden_units": (16,)}
CONV = {"latent_dim": 3, "filters": (4, 6), "hidden_units": 12}
PIXEL = {"filters": 8, "blocks": 1, "head_filters": 8}
SMALL = {
    "dense_ae": DENSE,
    "conv_ae": CONV,
    "dense_vae": DENSE,
    "conv_vae": CONV,
    "pixel_cnn": PIXEL,
    "pixel_rnn": PIXEL,
}


def make(builder, compiled=True, optimizer=None, **options):
    """A small model for 8x8 images; a code has 3 numbers."""
    arguments = {"image_shape": (8, 8, 1), **SMALL[builder]}
    model = models.build(builder, **arguments)
    if compiled:
        model.compile(optimizer=optimizer or keras.optimizers.Adam(1e-3), **options)
    return model


def plain():
    """The smallest step: for what is the same with any optimizer."""
    return keras.optimizers.SGD(1e-3)


def test_small_models_are_all_the_builders():
    assert sorted(SMALL) == sorted(models.BUILDERS)


# An autoencoder and a VAE, dense and convolutional: the other two with the shelf.
QUICK = ("conv_vae", "dense_ae")


def every_builder(*quick):
    """Parameters: all builders, those beside `quick` marked `shelf`."""
    return [
        pytest.param(name, marks=[] if name in quick else pytest.mark.shelf)
        for name in sorted(SMALL)
    ]


# For what Keras does by itself, or what other tests do as well with other networks.
one_builder = pytest.mark.parametrize("builder", every_builder("dense_ae"))


@pytest.fixture(params=every_builder(*QUICK))
def builder(request):
    return request.param


# What has a code encodes and reconstructs; a pixel model does not promise that.
with_a_code = pytest.mark.parametrize(
    "builder",
    [case for case in every_builder(*QUICK) if not case.values[0].startswith("pixel")],
)


def networks(model):
    """Those of the model."""
    return [
        network
        for name in ("encoder", "decoder", "network")
        if (network := getattr(model, name, None)) is not None
    ]


@functools.cache
def compiled_once(builder):
    return make(builder, optimizer=plain())


@pytest.fixture
def model(builder):
    """The one compiled model of each builder, for the checks that do not need a fresh one."""
    return compiled_once(builder)


@pytest.fixture(scope="module")
def trained_once(binary):
    """function (builder) -> (model, its losses): with Adam, 8 epochs of 4 steps.

    One of each builder, for checks that leave it as it is.
    """

    @functools.cache
    def train(builder):
        model = make(builder, optimizer=keras.optimizers.Adam(1e-2))
        return model, model.fit(binary, epochs=8, batch_size=16, verbose=0).history["loss"]

    return train


class Pairs(keras.utils.PyDataset):
    """Batches of (noisy, clean)."""

    def __init__(self, noisy, clean, **kwargs):
        super().__init__(**kwargs)
        self.noisy, self.clean = noisy, clean

    def __len__(self):
        return 2

    def __getitem__(self, index):
        part = slice(16 * index, 16 * index + 16)
        return self.noisy[part], self.clean[part]


def noisy(images):
    noise = 0.1 * np.random.default_rng(0).standard_normal(images.shape)
    return (images + noise).astype("float32")


def dataset(*arrays):
    parts = arrays[0] if len(arrays) == 1 else arrays
    return tf.data.Dataset.from_tensor_slices(parts).batch(16)


# ---- what fit takes ---------------------------------------------------------------------------

INPUTS = {
    "array": lambda x: {"x": x},
    "array without a channel axis": lambda x: {"x": x[..., 0]},
    "float64 array": lambda x: {"x": x.astype("float64")},
    "bool array": lambda x: {"x": x > 0.5},
    "eager tensor": lambda x: {"x": tf.constant(x)},
    "noisy and clean": lambda x: {"x": noisy(x), "y": x},
    "noisy and clean without channels": lambda x: {"x": noisy(x)[..., 0], "y": x[..., 0]},
    "dataset": lambda x: {"x": dataset(x)},
    "dataset without channels": lambda x: {"x": dataset(x[..., 0])},
    "dataset of pairs": lambda x: {"x": dataset(noisy(x), x)},
    "dataset with weights": lambda x: {"x": dataset(x, x, np.ones(len(x), "float32"))},
    "PyDataset": lambda x: {"x": Pairs(noisy(x), x)},
    "weights": lambda x: {"x": x, "sample_weight": np.ones(len(x))},
    "validation array": lambda x: {"x": x, "validation_data": x},
    "validation array without channels": lambda x: {"x": x, "validation_data": x[..., 0]},
    "validation pair": lambda x: {"x": noisy(x), "y": x, "validation_data": (noisy(x), x)},
    "validation list": lambda x: {"x": noisy(x), "y": x, "validation_data": [noisy(x), x]},
    "validation triple": lambda x: {"x": x, "validation_data": (x, x, np.ones(len(x)))},
    "validation dataset": lambda x: {"x": x, "validation_data": dataset(x)},
    "validation PyDataset": lambda x: {"x": x, "validation_data": Pairs(noisy(x), x)},
    "validation split": lambda x: {"x": x, "validation_split": 0.25},
}


# What is told apart before the first step, and so is the same whatever the networks are.
FORMS = {
    "array without a channel axis",
    "float64 array",
    "bool array",
    "eager tensor",
    "noisy and clean without channels",
    "dataset without channels",
    "dataset with weights",
    "validation array without channels",
    "validation list",
    "validation triple",
    "validation PyDataset",
}
FITTED = "dense_vae"  # by default; the other builders with the shelf
CONTAINED = {  # in another kind, or in test_pipeline.py
    "array",
    "noisy and clean",
    "dataset",
    "weights",
    "validation array",
    "validation pair",
    "validation dataset",
    "validation split",
}


def is_quick(builder, kind):
    return builder == FITTED and kind not in CONTAINED


CASES = [
    pytest.param(builder, kind, marks=[] if is_quick(builder, kind) else pytest.mark.shelf)
    for builder in sorted(SMALL)
    for kind in INPUTS
    if kind not in FORMS or builder in (FITTED, "conv_vae")
]


@pytest.mark.parametrize(("builder", "kind"), CASES)
def test_fit_takes(model, kind, binary):
    arguments = INPUTS[kind](binary[:32])
    history = model.fit(**arguments, batch_size=None, epochs=1, verbose=0).history
    expected = set(model.tracked)
    if kind.startswith("validation"):
        expected |= {f"val_{name}" for name in model.tracked}
    assert set(history) == expected
    assert np.isfinite([values[0] for values in history.values()]).all()


@one_builder
def test_generator_trains(model, binary):
    def batches():
        while True:
            yield (binary[:16],)

    history = model.fit(batches(), steps_per_epoch=2, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"][0])


def test_fit_lowers_the_loss(builder, trained_once):
    _, loss = trained_once(builder)
    assert loss[-1] < loss[0]


def test_evaluate_gives_the_trackers(model, binary):
    numbers = model.evaluate(binary, verbose=0, return_dict=True)
    assert set(numbers) == set(model.tracked)
    values = model.evaluate(binary, verbose=0)
    assert values == pytest.approx([numbers[name] for name in model.tracked], rel=0.05)
    from_dataset = model.evaluate(dataset(binary), verbose=0, return_dict=True)
    term = model.tracked[1]
    assert from_dataset[term] == pytest.approx(numbers[term], rel=0.05)


# ---- what a model gives -----------------------------------------------------------------------


@with_a_code
def test_predict_is_reconstruct(model, binary):
    rebuilt = model.reconstruct(binary)
    assert rebuilt.shape == (64, 8, 8, 1)
    assert rebuilt.dtype == np.float32
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1
    np.testing.assert_allclose(model.predict(binary, verbose=0), rebuilt, atol=1e-6)
    np.testing.assert_allclose(model.predict(binary[..., 0], verbose=0), rebuilt, atol=1e-6)
    np.testing.assert_allclose(model.predict(dataset(binary), verbose=0), rebuilt, atol=1e-6)
    np.testing.assert_allclose(model(binary), rebuilt, atol=1e-6)


@with_a_code
def test_encode_and_decode(model, binary):
    codes = model.encode(binary)
    assert codes.shape == (64, 3)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(model.encode(binary[..., 0], batch_size=10), codes, atol=1e-6)
    np.testing.assert_allclose(model.encode(tf.constant(binary)), codes, atol=1e-6)
    decoded = model.decode(codes)
    np.testing.assert_allclose(decoded, model.reconstruct(binary), atol=1e-6)
    far = model.decode(1e3 * np.random.randn(20, 3))
    assert far.min() >= 0
    assert far.max() <= 1


# ---- what a model survives --------------------------------------------------------------------


def same_weights(one, other):
    assert len(one.get_weights()) == len(other.get_weights())
    for mine, theirs in zip(one.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(mine, theirs)


@one_builder
def test_saved_model_goes_on_training(builder, trained_once, binary, tmp_path):
    model, _ = trained_once(builder)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    same_weights(model, again)
    assert again.optimizer.iterations == model.optimizer.iterations == 32
    assert len(again.optimizer.variables) == len(model.optimizer.variables)
    for mine, theirs in zip(model.optimizer.variables, again.optimizer.variables):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_allclose(again(binary), model(binary), atol=1e-6)
    again.fit(binary, epochs=1, verbose=0)
    assert again.optimizer.iterations == 34


def test_model_saved_without_compile_loads(builder, binary, tmp_path):
    model = make(builder, compiled=False)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(binary), model(binary), atol=1e-6)


def test_weights_move_to_a_fresh_model(builder, trained_once, binary, tmp_path):
    model, other = trained_once(builder)[0], make(builder)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    same_weights(model, other)
    np.testing.assert_allclose(other(binary), model(binary), atol=1e-6)


def test_clone_by_config(builder, binary):
    model = make(builder, compiled=False)
    again = type(model).from_config(model.get_config())
    assert again.get_config().keys() == model.get_config().keys()
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(binary), model(binary), atol=1e-6)
    assert all(one is not other for one, other in zip(networks(again), networks(model)))


@one_builder
def test_keras_export_serves_reconstructions(builder, binary, tmp_path):
    model = make(builder, compiled=False)
    model.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    for count in (1, 5):
        rebuilt = served.serve(tf.constant(binary[:count]))
        np.testing.assert_allclose(rebuilt, model(binary[:count]), atol=1e-5)


COMPILED = {  # options of compile, and the builder that is tried with them by default
    "jit_compile": ({"jit_compile": True, "steps_per_execution": 1}, None),
    "steps_per_execution": ({"steps_per_execution": 4}, "dense_vae"),
}


@pytest.mark.parametrize(
    ("name", "builder"),
    [
        pytest.param(name, builder, marks=[] if builder == quick else pytest.mark.shelf)
        for name, (_, quick) in COMPILED.items()
        for builder in sorted(SMALL)
    ],
)
def test_compile_options(builder, name, binary):
    options, _ = COMPILED[name]
    model = make(builder, optimizer=plain(), **options)
    history = model.fit(binary, batch_size=8, epochs=2, validation_data=binary, verbose=0).history
    assert set(history) == {f"{v}{n}" for v in ("", "val_") for n in model.tracked}
    assert np.isfinite([values for values in history.values()]).all()
    assert model.optimizer.iterations == 16


# policy -> the builder that is tried by default; a recipe trains in mixed_bfloat16 as well
HALVES = {"mixed_bfloat16": None, "mixed_float16": "dense_ae"}


@pytest.mark.parametrize(
    ("name", "builder"),
    [
        pytest.param(name, builder, marks=[] if builder == quick else pytest.mark.shelf)
        for name, quick in HALVES.items()
        for builder in sorted(SMALL)
    ],
)
def test_mixed_precision(builder, name, binary, set_policy):
    set_policy(name)
    model = make(builder, optimizer=plain())
    assert networks(model)[0].layers[-2].compute_dtype == name.removeprefix("mixed_")
    assert {network.output.dtype for network in networks(model)} == {"float32"}
    assert all(v.dtype == "float32" for v in model.trainable_variables)
    history = model.fit(binary, epochs=2, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    rebuilt = model(binary).numpy()
    assert rebuilt.dtype == np.float32
    np.testing.assert_allclose(model.predict(binary, verbose=0), rebuilt, atol=1e-2)
    numbers = model.evaluate(binary, verbose=0, return_dict=True)
    assert np.isfinite(list(numbers.values())).all()


# ---- callbacks of Keras -----------------------------------------------------------------------


@one_builder
def test_keras_callbacks_work(builder, binary, tmp_path):
    model = make(builder, optimizer=plain())
    best = tmp_path / "best.keras"
    history = model.fit(
        binary,
        validation_data=binary[:16],
        epochs=4,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=1e9),
            keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        ],
    )
    assert len(history.epoch) == 2  # the second epoch is not 1e9 nats better
    assert type(keras.saving.load_model(best)) is type(model)
    assert f"val_{model.tracked[1]}" in (tmp_path / "log.csv").read_text().splitlines()[0]


@pytest.mark.shelf
def test_tensorboard_writes(builder, binary, tmp_path):
    model = make(builder, optimizer=plain())
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    model.fit(binary, validation_data=binary, verbose=0, callbacks=[board])
    for part in ("train", "validation"):
        assert list((tmp_path / part).glob("events*"))


@pytest.mark.shelf
def test_interrupted_training_resumes(builder, binary, tmp_path):
    class Crash(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    model = make(builder)
    with pytest.raises(InterruptedError):
        model.fit(binary, epochs=3, verbose=0, callbacks=[backup(), Crash()])
    again = make(builder)
    history = again.fit(binary, epochs=3, verbose=0, callbacks=[backup()])
    assert history.epoch == [2]
    assert again.optimizer.iterations == 6
