"""What holds for every entry of the shelf, whatever its model and its data."""

import json
import re

import h5py
import keras
import numpy as np
import pytest

from keras_vae import data, evaluate, models, recipe, zoo
from keras_vae.zoo import card, entry, example_data, publishing

NAMES = zoo.names()
DIGITS = ["conv_ae_digits", "conv_vae_digits", "dense_ae_digits", "dense_vae_digits"]
DECODERS = zoo.names(decoders=True)
MNIST = [name for name in NAMES if zoo.info(name)["data"]["name"] == "mnist"]
UNITS = ("nats", "nats_by_latent", "mse", "psnr_db", "ssim", "bits_per_dim", "active_units")
GENERATED = {"frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"}
SCORES = {"mig", "dci_disentanglement", "dci_completeness", "dci_informativeness", "sap"}
SCORES |= {"beta_vae_score", "factor_vae_score"}
COUNTS = ("images", "importance_samples")
VAE_NUMBERS = {"distortion_nats", "rate_nats", "elbo_nats", "nll_nats", "importance_samples"}
AE_NUMBERS = {"distortion_nats", "mse", "psnr_db", "pca_mse"}
NUMBERS = {"VAE": VAE_NUMBERS, "Autoencoder": AE_NUMBERS, "Autoregressive": {"nll_nats"}}
MEGABYTE = 1_000_000
CLASSES = {"digits": 10, "mnist": 10, "fashion_mnist": 10, "shapes": 3}
# int8-aware epochs learn the roundings of int8; those of "dynamic", made while running, are others.
DYNAMIC_LOSES = {"conv_vae_omniglot": 0.4}  # nats per image, at most
MNIST_IMAGES = 500
MNIST_NATS = 3.0  # between the first 500 test images and all 10,000: a standard error is 1.1
MNIST_MSE = 0.15  # of the value, the same

# What loads or runs models: a few entries by default; the others with the whole shelf.
QUICK = ("conv_vae_digits", "dense_ae_digits", "dense_vae_mnist")


def of(*quick, names=NAMES):
    """Parameters: all entries, those beside `quick` marked `shelf`."""
    return [pytest.param(name, marks=[] if name in quick else pytest.mark.shelf) for name in names]


some_entries = pytest.mark.parametrize("name", of(*QUICK))
some_decoders = pytest.mark.parametrize("name", of(*QUICK, names=DECODERS))
each_entry = pytest.mark.parametrize("name", NAMES)
each_decoder = pytest.mark.parametrize("name", DECODERS)
_loaded = {}


def loaded(name):
    """A model of the shelf, for tests that leave its weights as they are."""
    if name not in _loaded:
        _loaded[name] = zoo.load(name)
    return _loaded[name]


def some_images(name, count):
    """(count, H, W, C) random images in {0, 1}, which every likelihood of the shelf explains."""
    shape = zoo.info(name)["data"]["image_shape"]
    return np.random.default_rng(0).integers(0, 2, (count, *shape)).astype("float32")


def test_the_eight_entries_are_on_the_shelf():
    mnist = [name.replace("_digits", "_mnist") for name in DIGITS]
    assert {*DIGITS, *mnist} <= set(NAMES)


def test_the_whole_shelf_is_small():
    files = [path for path in zoo.shelf().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 60 * MEGABYTE


def test_its_table_is_that_of_the_metadata():
    page = (zoo.shelf() / "README.md").read_text(encoding="utf-8")
    assert card.replace_table(page, [zoo.info(name) for name in NAMES], links="") == page


@each_entry
def test_exactly_the_files_of_an_entry(name):
    files = sorted(path.name for path in (zoo.shelf() / name).iterdir())
    theirs = set(entry.FILES) if name in DECODERS else set(entry.FILES) - {example_data.FILE}
    assert [file for file in files if file != "__pycache__"] == sorted(theirs)


@each_entry
def test_name_is_builder_and_data(name):
    told = zoo.info(name)
    assert name == told["name"]
    variant = name.removeprefix(f"{told['builder']}_{told['data']['name']}")
    assert variant != name
    assert re.fullmatch(r"(_[a-z]+)?", variant)
    assert told["builder"] in models.BUILDERS


@each_entry
def test_files_and_card_are_the_published_ones(name):
    entry.check(zoo.shelf() / name)
    page = (zoo.shelf() / name / "README.md").read_text(encoding="utf-8")
    assert card.digest(zoo.info(name)) in page
    assert f"\n---\n\n# {name}\n" in page


@some_decoders
def test_examples_are_small_labelled_and_those_of_the_model(name):
    assert (zoo.shelf() / name / example_data.FILE).stat().st_size < 45_000
    found, told, model = zoo.examples(name), zoo.info(name), loaded(name)
    assert len(found["codes"]) >= 300
    assert np.isfinite(found["codes"]).all()
    assert found["images"].shape == (12, *told["data"]["image_shape"])
    classes = CLASSES.get(told["data"]["name"])
    if classes:
        assert len(found["codes"]) == len(found["labels"])
        assert set(found["image_labels"].tolist()) == set(range(classes))
        assert set(found["labels"].tolist()) == set(range(classes))
    codes = model.encode(found["images"].astype("float32") / 255)
    np.testing.assert_allclose(found["image_codes"], codes, atol=1e-3)
    rebuilt = model.decode(found["image_codes"])
    assert np.square(rebuilt - found["images"] / 255).mean() < 0.03


@some_entries
def test_weights_are_small_and_without_slots(name):
    path = zoo.shelf() / name / "model.weights.h5"
    assert path.stat().st_size <= 6 * MEGABYTE
    with h5py.File(path) as file:
        assert "optimizer" not in file
    assert zoo.info(name)["parameters"] == loaded(name).count_params()


def described(arguments):
    """Arguments of a builder as JSON, in which two equal families are equal."""
    return json.dumps(arguments, default=keras.saving.serialize_keras_object, sort_keys=True)


@each_entry
def test_recipe_and_config_say_the_same_with_every_default(name):
    written, told = recipe.load(zoo.shelf() / name / "recipe.py"), zoo.info(name)
    assert (written.name, written.data) == (name, told["data"]["name"])
    config = entry.read_config(zoo.shelf() / name)
    assert config["builder"] == written.builder
    arguments = {"image_shape": tuple(told["data"]["image_shape"]), **written.arguments}
    bound = models.bind(written.builder, arguments)
    # What is younger than the entry has a default that leaves it as it was.
    assert described(models.bind(written.builder, config["arguments"])) == described(bound)
    assert set(written.arguments) < set(config["arguments"])
    assert told["data"]["binarize"] == written.binarize
    for field in ("epochs", "batch_size", "seed"):
        assert told["training"][field] == getattr(written, field), field


@each_entry
def test_recipe_says_what_command_cost_and_expected_number(name):
    text = (zoo.shelf() / name / "recipe.py").read_text(encoding="utf-8").split('"""')[1]
    assert f"keras-vae train {name} --output" in text
    assert re.search(r"^Cost: .*(second|minute)", text, re.MULTILINE)
    assert re.search(r"^Expected: .*\d", text, re.MULTILINE)


@each_entry
def test_numbers_are_those_that_the_recipe_expects(name):
    written, told = recipe.load(zoo.shelf() / name / "recipe.py"), zoo.info(name)
    assert {"mse" if told["kind"] == "Autoencoder" else "nll_nats"} <= set(written.expected)
    assert told.get("reference", {"numbers": {}})["numbers"] == written.reference
    assert written.misses(told["numbers"]) == []
    assert (told["expected"], told["tolerance"]) == (written.expected, written.tolerance)


def written_like_a_paper(told):
    """Whether the samples of the nll are those of a published number."""
    return f"K = {told['numbers']['importance_samples']:,}" in told.get("reference", {}).get(
        "source", ""
    )


@each_entry
def test_numbers_have_units_and_counts(name):
    told = zoo.info(name)
    numbers = told["numbers"]
    assert NUMBERS[told["kind"]] <= set(numbers)
    assert all(key.endswith(UNITS + COUNTS) for key in set(numbers) - GENERATED - SCORES)
    named = {*told["expected"], *told.get("reference", {"numbers": {}})["numbers"]}
    assert named <= set(numbers)
    assert (SCORES <= set(numbers)) == (told["data"]["name"] == "shapes")
    assert numbers["images"] == told["data"]["test_images"] > 0
    if told["kind"] == "VAE":
        assert numbers["importance_samples"] >= (200 if written_like_a_paper(told) else 1000)
        assert numbers["elbo_nats"] == pytest.approx(
            -numbers["distortion_nats"] - numbers["rate_nats"]
        )
        assert numbers["nll_nats"] <= -numbers["elbo_nats"]
    if told["kind"] == "Autoencoder":
        assert numbers["mse"] < 0.75 * numbers["pca_mse"]


@each_entry
def test_versions_licence_and_cost_are_told(name):
    told = zoo.info(name)
    assert {"keras_vae", "python", "tensorflow", "keras"} <= set(told["versions"])
    assert told["data"]["licence"] == data.LICENCES[told["data"]["name"]]
    assert told["training"]["seconds"] > 0


@some_entries
def test_what_it_makes_of_golden_inputs_is_golden(name):
    given, made = zoo.golden(name)
    assert len(given) == publishing.GOLDEN_ROWS
    assert np.std(made, axis=0).max() > 0.1  # they are not all alike
    atol = 1e-5 if name in DECODERS else 1e-3  # pixels, or nats
    np.testing.assert_allclose(loaded(name).golden_outputs(given), made, rtol=0, atol=atol)


@pytest.mark.parametrize("name", of("conv_vae_digits"))
def test_works_at_once_after_load(name):
    model, images = zoo.load(name), some_images(name, 8)
    numbers = model.evaluate(images, verbose=0, return_dict=True)
    assert np.isfinite(list(numbers.values())).all()
    rebuilt = model.predict(images, verbose=0)
    assert rebuilt.shape == images.shape
    assert 0 <= rebuilt.min() <= rebuilt.max() <= 1
    if zoo.info(name)["kind"] != "Autoencoder":
        drawn = model.sample(4, seed=7)
        np.testing.assert_array_equal(drawn, model.sample(4, seed=7))
        assert drawn.shape == (4, *images.shape[1:])
    before = [np.array(weight) for weight in model.get_weights()]
    model.fit(images, batch_size=4, verbose=0)
    assert any((old != new).any() for old, new in zip(before, model.get_weights()))


def test_the_shelf_reaches_what_it_is_for():
    """nll of the VAEs in nats; of the autoencoders PCA's error, and a convolution's worth."""
    numbers = lambda name: zoo.info(name)["numbers"]
    assert numbers("conv_vae_mnist")["nll_nats"] <= 82.5
    assert numbers("dense_vae_mnist")["nll_nats"] <= 85.0
    assert zoo.info("conv_vae_mnist")["export"]["int8"]["nats_lost"] <= 0.05
    dense, conv = numbers("dense_ae_mnist"), numbers("conv_ae_mnist")
    assert dense["mse"] <= 0.4 * dense["pca_mse"]
    assert conv["mse"] <= 0.85 * dense["mse"]
    assert all(zoo.info(name)["parameters"] <= 1_500_000 for name in zoo.names())


@each_decoder
def test_a_certificate_is_within_its_limits(name):
    """float16 costs nothing; int8 a fraction of a nat of a VAE, for a quarter of the weights."""
    told = zoo.info(name)
    rows = told["export"]
    assert abs(rows["float16"]["nats_lost"]) <= 0.01
    kernels = told["decoder_parameters"]
    flow = max(0, rows["float32"]["bytes"] - 4.2 * kernels)  # stays float32 beside integers
    assert rows["int8"]["bytes"] < 1.4 * kernels + flow + 40_000
    learned_it = recipe.load(zoo.shelf() / name / "recipe.py").quantization_aware_epochs
    if told["kind"] == "VAE" and (learned_it or told["data"]["name"] == "digits"):
        assert rows["dynamic"]["nats_lost"] <= DYNAMIC_LOSES.get(name, 0.1)
        assert rows["int8"]["nats_lost"] <= {"dense": 0.17, "conv": 0.09}[name.split("_")[0]]


@pytest.mark.data("mnist")
@pytest.mark.parametrize("name", MNIST)
def test_mnist_numbers_are_met_on_some_of_the_images(name):
    test = data.load("mnist").test
    told = zoo.info(name)
    images = data.pixels(test, told["data"]["binarize"], told["training"]["seed"])[:MNIST_IMAGES]
    measured = evaluate.report(loaded(name), images, importance_samples=5, progress=False)
    numbers = told["numbers"]
    if name not in DECODERS:
        assert measured["nll_nats"] == pytest.approx(numbers["nll_nats"], abs=MNIST_NATS)
        return
    assert measured["mse"] == pytest.approx(numbers["mse"], rel=MNIST_MSE)
    assert measured["active_units"] == pytest.approx(numbers["active_units"], abs=2)
    if told["kind"] == "VAE":
        assert measured["elbo_nats"] == pytest.approx(numbers["elbo_nats"], abs=MNIST_NATS)
        assert numbers["nll_nats"] - MNIST_NATS < measured["nll_nats"] <= -measured["elbo_nats"]
