"""The life of a small VAE under each family: trained, measured, saved, drawn from, exported."""

import keras
import numpy as np
import pytest

from keras_vae import evaluate, export, models
from keras_vae.distributions import likelihoods
from keras_vae.export.runtime.runtimes import open_file

pytestmark = pytest.mark.filterwarnings("ignore:The code is hardly used")
LATENTS = 4
CHOICES = {
    "laplace": {"likelihood": "laplace"},
    "optimal": {"likelihood": likelihoods.Normal(scale="optimal")},
    "mixture": {"likelihood": likelihoods.DiscretizedLogisticMixture(components=2)},
    "categorical": {"likelihood": "categorical"},
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


@pytest.mark.parametrize("choice", CHOICES)
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

    path = tmp_path / "m.tflite"
    export.tflite(model, path, signatures=export.SIGNATURES)
    file = open_file(path.read_bytes(), "interpreter")
    noise = np.random.default_rng(0).normal(size=(1, model.prior_family.noise_dim))
    z = file("draw", noise=noise.astype("float32"))["z"]
    pixels = file("from_noise", noise=noise.astype("float32"))["images"]
    np.testing.assert_allclose(z, model.prior_family.from_noise(noise.astype("float32")), atol=1e-5)
    np.testing.assert_allclose(pixels, model.decode(z), atol=2e-4)
    decoded = file("decode", z=codes[:1])["images"]
    np.testing.assert_allclose(decoded, model.decode(codes[:1]), atol=2e-4)
    code = file("encode", images=images[:1])["z"]
    np.testing.assert_allclose(code, model.encode(images[:1]), atol=1e-4)
    assert np.isfinite(file("generate", seed=np.array([3], "int32"))["images"]).all()


@pytest.mark.parametrize("choice", CHOICES)
def test_in_mixed_precision_everything_is_float32(choice, grey, binary):
    model = small(choice, "mixed_bfloat16")
    images = images_of(model, grey, binary)[:4]
    terms = model.sample_terms(images, images, 2)
    for value in (terms.distortion, terms.rate, terms.sampled_rate):
        assert value.dtype == "float32"
        assert np.isfinite(value).all()
