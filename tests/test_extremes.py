"""Numbers stay finite: extreme images, codes of one number, batches of one, ten thousand steps."""

import keras
import numpy as np
import pytest

from keras_vae import evaluate, models
from keras_vae.distributions import likelihoods, posteriors, priors

SHAPE = (8, 8, 1)
VAES = ("dense_vae", "conv_vae")
pytestmark = pytest.mark.filterwarnings("ignore:The code is hardly used")


def extreme_images():
    """Name -> (8, 8, 8, 1) float32 of 8-bit levels."""
    black = np.zeros((8, *SHAPE), "float32")
    pixel, still = black.copy(), black.copy()
    pixel[:, 3, 4] = 1
    still[:, 4:] = np.random.default_rng(0).random((8, 4, 8, 1)) < 0.5  # the rest never changes
    greys = np.round(np.linspace(0, 1, 8) * 255).astype("float32") / 255
    constant = black + greys[:, None, None, None]
    return {
        "black": black,
        "white": 1 - black,
        "pixel": pixel,
        "constant": constant,
        "still": still,
    }


def small(builder, latent_dim=2, **arguments):
    kind = {"filters": (4,), "hidden_units": 8} if "conv" in builder else {"hidden_units": (8,)}
    model = models.build(builder, image_shape=SHAPE, latent_dim=latent_dim, **{**kind, **arguments})
    model.compile(keras.optimizers.Adam(1e-2))
    return model


def check(model, images, **fit):
    """Everything that is computed of images is finite, and pixels are in [0, 1]."""
    history = model.fit(images, verbose=0, **fit).history
    report = evaluate.report(model, images, 3, progress=False)
    for name, value in {**history, **report}.items():
        assert np.isfinite(value).all(), name
    assert np.isfinite(model.encode(images)).all()
    pixels = model.reconstruct(images)
    assert 0 <= pixels.min() <= pixels.max() <= 1


@pytest.mark.parametrize("likelihood", likelihoods.FAMILIES)
@pytest.mark.parametrize(
    ("builder", "epochs"),
    [
        ("dense_vae", 3),
        *(pytest.param(b, 100, marks=pytest.mark.shelf) for b in (*VAES, "dense_ae", "conv_ae")),
    ],
)
def test_extreme_images(builder, epochs, likelihood):
    model = small(builder, likelihood=likelihood)
    for images in extreme_images().values():
        check(model, images, batch_size=4, epochs=epochs)


@pytest.mark.parametrize(
    ("builder", "prior", "posterior"),
    [
        pytest.param(b, p, q, marks=[] if b == "dense_vae" and first else pytest.mark.shelf)
        for b in VAES
        for p in priors.FAMILIES
        for q in posteriors.FAMILIES
        for first in [(q == "diagonal_normal") != (p == "standard_normal") or p == "flow"]
        for first in [first and q in ("diagonal_normal", "iaf")]
        if p != "vamp" or q == "diagonal_normal"  # a mixture of normals needs normals
        if (p == "hyperspherical_uniform") == (q == "power_spherical")
    ],
)
def test_a_code_of_one_number_in_batches_of_one(binary, builder, prior, posterior):
    make = lambda: small(builder, 1, prior=prior, posterior=posterior)
    if prior in ("flow", "hyperspherical_uniform"):
        with pytest.raises(ValueError, match="needs latent_dim of at least 2; received 1"):
            make()
        return
    model = make()
    check(model, binary[:6], batch_size=1, epochs=2)
    assert model.encode(binary[:1]).shape == (1, 1)
    assert np.isfinite(model.sample(3, seed=1)).all()


@pytest.mark.parametrize("builder", ["dense_ae", pytest.param("conv_ae", marks=pytest.mark.shelf)])
@pytest.mark.parametrize("prior", ["full_normal", "mixture"])
def test_an_autoencoder_of_one_number(grey, builder, prior):
    chosen = priors.Mixture(components=3) if prior == "mixture" else prior
    model = small(builder, 1, prior=chosen)
    check(model, grey[:6], batch_size=1, epochs=2)
    model.fit_prior(grey)
    assert np.isfinite(model.sample(3, seed=1)).all()


@pytest.mark.shelf
def test_ten_thousand_steps_in_bfloat16_end_where_float32_ends(binary, set_policy):
    ends = {}
    for policy in ("float32", "mixed_bfloat16"):
        set_policy(policy)
        keras.utils.set_random_seed(3)
        model = small("dense_vae")
        model.compile(keras.optimizers.Adam(1e-2), steps_per_execution=50)
        many = np.tile(binary, (250, 1, 1, 1))  # a thousand steps an epoch
        losses = model.fit(many, batch_size=16, epochs=10, verbose=0).history["loss"]
        assert np.isfinite(losses).all()
        assert model.optimizer.iterations == 10_000
        ends[policy] = losses[-1]
        assert losses[-1] < 0.9 * losses[0]
    assert ends["mixed_bfloat16"] == pytest.approx(ends["float32"], abs=1.0), ends
