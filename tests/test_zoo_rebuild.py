"""The digits entries from scratch: their recipes reach their numbers on this machine, now."""

import numpy as np
import pytest

from keras_vae import models, recipe, training, zoo
from keras_vae.zoo import entry

pytestmark = pytest.mark.shelf
DIGITS = ["dense_ae_digits", "conv_ae_digits", "dense_vae_digits", "conv_vae_digits"]


@pytest.mark.parametrize("name", DIGITS)
def test_rebuilt_from_its_recipe_it_reaches_its_numbers(name, tmp_path):
    written = recipe.load(zoo.shelf() / name / "recipe.py")
    run = training.run(written, verbose=0)
    assert written.misses(run.numbers) == []
    assert run.numbers["active_units"] >= 7  # of 8

    folder = zoo.publish(run, tmp_path / name, zoo.shelf() / name / "recipe.py")
    entry.check(folder)
    assert (folder / "recipe.py").read_bytes() == (zoo.shelf() / name / "recipe.py").read_bytes()
    built, kept = (entry.read_config(place) for place in (folder, zoo.shelf() / name))
    assert built["arguments"] == models.bind(kept["builder"], kept["arguments"])
    z, pixels = zoo.golden(folder)
    np.testing.assert_allclose(zoo.load(folder).decode(z), pixels, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", DIGITS)
def test_published_weights_still_have_the_published_numbers(name):
    written = recipe.load(zoo.shelf() / name / "recipe.py")
    told = zoo.info(name)["numbers"]
    model, images = zoo.load(name), training.load_data(written)
    measured = training.measure(model, images, written, progress=False)
    assert set(told) <= set(measured)  # the entry may be older than a number
    assert measured["mse"] == pytest.approx(told["mse"], abs=1e-6)
    for key in told:
        if key.endswith("nats"):
            assert measured[key] == pytest.approx(told[key], abs=0.05), key
