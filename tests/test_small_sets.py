"""A hundred pictures of one's own: the defaults of `keras-vae train BUILDER --images FOLDER`."""

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
