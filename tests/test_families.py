"""The life of a small VAE under each family: trained, measured, saved, drawn from, exported."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_vae import evaluate, export, models
from keras_vae.distributions import likelihoods, posteriors, priors
from keras_vae.export.runtime.runtimes import open_file

pytestmark = pytest.mark.filterwarnings("ignore:The code is hardly used")
LATENTS = 4
CHOICES = {
    "laplace": {"likelihood": "laplace"},
    "optimal": {"likelihood": likelihoods.Normal(scale="optimal")},
    "mixture": {"likelihood": likelihoods.DiscretizedLogisticMixture(components=2)},
    "categorical": {"likelihood": "categorical"},
    "full_normal": {"posterior": "full_normal"},
    "planar_flow": {"posterior": posteriors.PlanarFlow(steps=2)},
    "radial_flow": {"posterior": posteriors.RadialFlow(steps=2), "prior": "full_normal"},
    "spherical": {"posterior": "power_spherical", "prior": "hyperspherical_uniform"},
}


def small(choice, policy="float32"):
    keras.config.set_dtype_policy(policy)
    try:
        return models.build(
            "dense_vae",
            image_shape=(8, 8, 1),
            latent_dim=LATENTS,
            hidden_units=(16,),
            **CHOICES[choice],
        )
    finally:
        keras.config.set_dtype_policy("float32")


def images_of(model, grey, binary):
    """Images in the support of the model's likelihood."""
    black_white = isinstance(model.likelihood_family, likelihoods.Bernoulli)
    return binary if black_white else np.round(grey * 255) / 255


QUICK = ("categorical", "planar_flow", "spherical")  # the others with the shelf


@pytest.mark.parametrize(
    "choice",
    [pytest.param(c, marks=[] if c in QUICK else pytest.mark.shelf) for c in CHOICES],
)
def test_the_life_of_a_model(choice, grey, binary, tmp_path):
    model = small(choice)
    images = images_of(model, grey, binary)
    model.compile(keras.optimizers.Adam(5e-3))
    losses = model.fit(images, epochs=3, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    numbers = evaluate.report(model, images[:20], 10, progress=False)
    assert numbers["nll_nats"] < -numbers["elbo_nats"]
    for name, value in numbers.items():
        assert np.isfinite(value).all(), name
    assert 0 <= model.sample(4, seed=1).min() <= model.sample(4, seed=1).max() <= 1

    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    for mine, theirs in zip(model.choices().values(), again.choices().values()):
        assert type(mine) is type(theirs)
        assert mine.get_config() == theirs.get_config()
    codes = model.sample_codes(images[:8], seed=1)
    np.testing.assert_allclose(again.sample_codes(images[:8], seed=1), codes, atol=1e-5)
    before, after = (m.likelihood(codes).log_prob(images[:8]) for m in (model, again))
    np.testing.assert_allclose(before, after, rtol=1e-5, atol=1e-3)

    check_file(model, tmp_path / "m.tflite", images[:1], codes[:1])


def check_file(model, path, image, z):
    """What a file of the model does, as its family needs it, is what the model does."""
    noise = np.random.default_rng(0).normal(size=(1, LATENTS)).astype("float32")
    drawn = np.asarray(model.prior_family.from_noise(noise))
    mine = {
        "decode": ({"z": z}, lambda: model.decode(z)),
        "encode": ({"images": image}, lambda: model.encode(image)),
        "draw": ({"noise": noise}, lambda: drawn),
        "from_noise": ({"noise": noise}, lambda: model.decode(drawn)),
        "interpolate": (
            {"start": z, "end": drawn, "position": np.float32([[0.3]])},
            lambda: model.decode(model.prior_family.between(z, drawn, 0.3)),
        ),
    }
    names = ["decode" if isinstance(model.prior_family, priors.StandardNormal) else "draw"]
    if isinstance(model.prior_family, priors.HypersphericalUniform):
        names = [*mine, "generate"]
    elif not isinstance(model.posterior_family, posteriors.DiagonalNormal):
        names = ["encode", "draw"]
    export.tflite(model, path, signatures=names)
    file = open_file(path.read_bytes(), "interpreter")
    for name in names:
        if name == "generate":
            pixels = file(name, seed=np.array([3], "int32"))["images"]
            assert 0 <= pixels.min() <= pixels.max() <= 1
            continue
        given, expected = mine[name]
        (found,) = file(name, **given).values()
        np.testing.assert_allclose(found, expected(), atol=2e-4, err_msg=name)


@pytest.mark.parametrize("choice", CHOICES)
def test_in_mixed_precision_everything_is_float32(choice, grey, binary):
    model = small(choice, "mixed_bfloat16")
    images = images_of(model, grey, binary)[:4]
    terms = model.sample_terms(images, images, 2)
    for value in (terms.distortion, terms.rate, terms.sampled_rate):
        assert value.dtype == "float32"
        assert np.isfinite(value).all()


@pytest.mark.parametrize("kind", [likelihoods, posteriors, priors])
def test_each_name_has_a_row_of_the_page_of_choices(kind):
    text = (Path(__file__).parents[1] / "docs" / "choices.md").read_text(encoding="utf-8")
    for name, family in kind.FAMILIES.items():
        assert f"| `{name}` | `{family.__name__}" in text
