"""Models of kinds that the library does not have go through the whole life of a model."""

import inspect

import keras
import kinds
import numpy as np
import pytest

from keras_vae import callbacks, data, evaluate, export, models, recipe, training, zoo
from keras_vae.models import builders
from keras_vae.zoo import entry

LINES = 60  # that one kind may take
CLASSES = {
    "with_mixture": (kinds.Mixture, kinds.with_mixture),
    "two_levels": (kinds.TwoLevels, kinds.two_levels),
    "autoregressive": (kinds.CausalRows, kinds.Autoregressive, kinds.autoregressive),
    "with_labels": (kinds.WithLabels, kinds.AndLabel, kinds.with_labels),
}
WITH_DECODER = [name for name in CLASSES if name != "autoregressive"]
QUICK = ("autoregressive", "with_labels")  # the least like a VAE; the others with the shelf


def of(names, quick=QUICK):
    """Parameters: the names, those beside `quick` marked `shelf`."""
    return [pytest.param(name, marks=[] if name in quick else pytest.mark.shelf) for name in names]


each = pytest.mark.parametrize("kind", of(CLASSES), indirect=True)
each_with_decoder = pytest.mark.parametrize("kind", of(WITH_DECODER), indirect=True)


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The kinds beside the library's own builders."""
    before = dict(builders.BUILDERS)
    builders.BUILDERS.update(kinds.BUILDERS)
    yield
    builders.BUILDERS.clear()
    builders.BUILDERS.update(before)


@pytest.fixture(scope="module")
def runs(registered):
    """function (name of a kind) -> a finished run on the digits, trained once."""
    done = {}

    def run(name):
        if name not in done:
            chosen = recipe.Recipe(
                name=f"{name}_digits",
                data="digits",
                builder=name,
                binarize="dynamic",
                epochs=6,
                batch_size=64,
                learning_rate=5e-3,
                importance_samples=5,
            )
            done[name] = training.run(chosen, verbose=0)
        return done[name]

    return run


@pytest.fixture
def kind(request, runs):
    return runs(request.param)


@pytest.fixture(scope="module")
def binary_test(digits):
    return data.pixels(digits.test, binarize="dynamic")


@pytest.mark.parametrize("name", CLASSES)
def test_a_kind_takes_few_lines(name):
    assert sum(len(inspect.getsource(part).splitlines()) for part in CLASSES[name]) <= LINES


@each
def test_it_learns(kind, binary_test):
    """Better than a fair coin for each pixel, which is what an untrained one is at best."""
    numbers = kind.numbers
    nats = -numbers["elbo_nats"] if "elbo_nats" in numbers else numbers["nll_nats"]
    assert nats < 64 * np.log(2) - 5
    assert numbers["images"] == len(binary_test)


@pytest.mark.parametrize("name", of(CLASSES))
def test_fit_evaluate_and_predict_on_arrays(name, binary, digits):
    model = models.build(name, image_shape=(8, 8, 1))
    model.compile(keras.optimizers.SGD(1e-3))
    labels = digits.train.labels[:64] if model.takes_labels else None
    validation = (binary, labels) if model.takes_labels else binary
    history = model.fit(binary, labels, epochs=1, verbose=0, validation_data=validation).history
    assert set(history) >= {*model.tracked, *(f"val_{name}" for name in model.tracked)}
    assert model.evaluate(binary, labels, verbose=0, return_dict=True)["loss"] > 0
    assert model.predict(binary, verbose=0).shape[:3] == (64, 8, 8)


@each
def test_samples_are_images_and_the_same_for_a_seed(kind):
    images = kind.model.sample(8, seed=3)
    assert images.shape == (8, 8, 8, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.ptp(images, axis=0).max() > 0.1
    np.testing.assert_array_equal(images, kind.model.sample(8, seed=3))


@each
def test_saved_and_loaded_it_is_the_same(kind, tmp_path):
    kind.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.sample(4, seed=1), kind.model.sample(4, seed=1), atol=1e-6)


@each
def test_it_is_published_loaded_measured_and_has_a_card(kind, tmp_path, digits):
    folder = zoo.publish(kind, tmp_path / kind.recipe.name)
    entry.check(folder)
    model = zoo.load(folder)
    given, made = zoo.golden(folder)
    np.testing.assert_allclose(model.golden_outputs(given), made, atol=1e-4)
    told = entry.told_recipe(folder)
    numbers = training.measure(model, training.load_data(told), kind.recipe, progress=False)
    for key, value in zoo.info(folder)["numbers"].items():
        assert numbers[key] == pytest.approx(value, abs=1e-3), key
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert model.purpose in card
    assert ("reconstructions" in card) == (model.decoder is not None)
    assert (folder / "samples.png").stat().st_size > 1000


@pytest.mark.shelf
@each_with_decoder
@pytest.mark.parametrize("quantize", export.QUANTIZE)
def test_every_export(kind, quantize, binary_test, tmp_path):
    path = tmp_path / "d.tflite"
    export.tflite(
        kind.model, path, quantize, signatures=export.SIGNATURES, calibration_images=binary_test
    )
    row = export.certify(path, kind.model, binary_test[:100])
    assert row["max_abs_error"] < (1e-5 if quantize is None else 1)
    assert abs(row["nats_lost"]) < (1e-3 if quantize is None else 1.0)


@pytest.mark.shelf
@each_with_decoder
def test_its_generate_draws_from_its_prior(kind, tmp_path):
    from keras_vae.export.runtime.runtimes import open_file

    path = tmp_path / "g.tflite"
    export.tflite(kind.model, path, signatures=("generate",))
    run = open_file(path.read_bytes(), "interpreter")
    drawn = [run("generate", seed=np.array([i], "int32"))["images"][0] for i in range(400)]
    mean = np.mean(drawn, axis=0)
    expected = kind.model.sample(400, seed=0)
    error = expected.std(axis=0) / np.sqrt(200)  # of the difference of two means of 400
    assert (np.abs(mean - expected.mean(axis=0)) < 5 * error + 1e-3).all()


@pytest.mark.shelf
@each_with_decoder
def test_as_a_saved_model(kind, tmp_path):
    export.saved_model(kind.model, tmp_path / "model")
    assert export.verify(tmp_path / "model", kind.model)["max_abs_error"] < 1e-5


def test_a_density_without_a_code_is_exact(runs):
    """The probabilities of all images of 3x3 pixels sum to 1."""
    model = kinds.autoregressive((3, 3, 1))
    every = np.array(np.meshgrid(*[[0.0, 1.0]] * 9)).reshape(9, -1).T.reshape(-1, 3, 3, 1)
    assert np.exp(model.log_prob(every.astype("float32"))).sum() == pytest.approx(1, abs=1e-5)


def test_what_it_cannot_do_is_said(runs, binary, tmp_path):
    density, labelled = runs("autoregressive").model, runs("with_labels").model
    with pytest.raises(TypeError, match="Autoregressive, which has none"):
        export.tflite(density, tmp_path / "d.tflite")
    with pytest.raises(ValueError, match="for a VAE; Autoregressive has no rate"):
        density.fit(binary, callbacks=[callbacks.BetaWarmup(1)], verbose=0)
    with pytest.raises(ValueError, match=r"conditioned on labels.*fit\(images, labels\)"):
        labelled.fit(binary, verbose=0)
    with pytest.raises(ValueError, match=r"measured with labels=\(N,\)"):
        evaluate.report(labelled, binary)
