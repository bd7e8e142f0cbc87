"""A hundred pictures of one's own: the defaults of `keras-vae train BUILDER --images FOLDER`."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vae import data, evaluate, models, training
from keras_vae.zoo import runs


@pytest.fixture(scope="module")
def pictures(digits, tmp_path_factory):
    """function (count, side) -> folder of that many digits, side x side pixels."""

    def write(count, side):
        folder = tmp_path_factory.mktemp(f"digits{side}")
        for index, image in enumerate(digits.train.images[:count, ..., 0]):
            picture = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
            picture.save(folder / f"{index}.png")
        return folder

    return write


def steps(chosen, pictures):
    images = pictures - 2 * (pictures // 10)
    return chosen.epochs * -(-images // chosen.batch_size)


@pytest.mark.parametrize("count", [10, 100, 200, 600, 1200])
def test_few_pictures_get_enough_steps(count, tmp_path):
    for index in range(count):
        (tmp_path / f"{index}.png").touch()
    chosen, _ = runs.recipe_for("conv_vae", str(tmp_path), "mine")
    assert steps(chosen, count) >= runs.PICTURE_STEPS
    assert chosen.epochs >= runs.PICTURE_EPOCHS
    assert chosen.batch_size in (16, 32, 64)
    assert chosen.warmup_epochs == pytest.approx(0.2 * chosen.epochs)
    assert runs.recipe_for("conv_ae", str(tmp_path), "mine")[0].warmup_epochs == 0


def test_what_is_asked_for_is_kept(tmp_path):
    for index in range(100):
        (tmp_path / f"{index}.png").touch()
    chosen, _ = runs.recipe_for("dense_vae", str(tmp_path), "mine", epochs=5, batch_size=7)
    assert (chosen.epochs, chosen.batch_size, chosen.warmup_epochs) == (5, 7, 1.0)


def test_augmentation_is_asked_for(tmp_path):
    for index in range(100):
        (tmp_path / f"{index}.png").touch()
    folder = str(tmp_path)
    assert runs.recipe_for("conv_ae", folder, "mine")[0].augmentation is None
    assert runs.recipe_for("conv_ae", folder, "mine", augment=True)[0].augmentation == {
        "rotation": 8.0,
        "scale": 0.08,
        "shear": 0.1,
    }
    published, _ = runs.recipe_for("dense_vae_digits", None, "mine", augment=True)
    assert published.augmentation["rotation"] == 8.0
    assert published.expected == {}  # which is of the recipe as it is


@pytest.mark.shelf
def test_with_it_others_are_reconstructed_better(digits):
    """Of 80 pictures, by the error of pictures that were not seen."""
    few = data.Split("train", digits.train.images[:80])
    errors = []
    for augmentation in (None, runs.AUGMENTATION):
        keras.utils.set_random_seed(0)
        model = models.conv_ae((8, 8, 1), 8, filters=(16, 32), hidden_units=64)
        model.compile(keras.optimizers.Adam(2e-3))
        images = data.batches(few, 16, shuffle=True, augmentation=augmentation)
        model.fit(images, epochs=120, verbose=0)
        errors.append(evaluate.report(model, data.pixels(digits.test), progress=False)["mse"])
    assert errors[1] < 0.9 * errors[0]


@pytest.mark.parametrize(
    ("builder", "count", "side"),
    [
        pytest.param("dense_vae", 100, 8, marks=pytest.mark.shelf),
        pytest.param("conv_vae", 100, 16, marks=pytest.mark.shelf),
        pytest.param("conv_vae", 200, 32, marks=pytest.mark.shelf),
    ],
)
def test_the_defaults_learn_from_a_hundred_pictures(builder, count, side, pictures):
    folder = str(pictures(count, side))
    chosen, _ = runs.recipe_for(builder, folder, "mine", image_size=side)
    run = training.run(chosen, verbose=0)
    assert run.numbers["active_units"] > run.model.latent_dim / 4
    assert run.numbers["rate_nats"] > 5

    untrained = models.build(builder, **run.arguments)
    test = data.pixels(run.data.test)
    before = evaluate.report(untrained, test, 2, progress=False)["elbo_nats"]
    assert run.numbers["elbo_nats"] > before + 2 * side**2  # nats; two for each pixel

    spread = lambda images: images.std(axis=0).mean()
    samples = run.model.sample(64, seed=1)
    assert spread(samples) > 0.4 * spread(data.pixels(run.data.train))
    different = np.abs(samples[:, None] - samples[None]).mean(axis=(2, 3, 4))
    assert different[~np.eye(64, dtype=bool)].min() > 0.02
