"""Sizes, counts and seeds: whole numbers, NumPy's among them, or an error that names the value."""

import json
import re

import numpy as np
import pytest

from keras_vae import causal, choice, data, models, networks, objectives, recipe
from keras_vae.distributions import likelihoods, posteriors, priors
from keras_vae.zoo import publishing


@pytest.fixture(scope="module")
def model():
    return models.dense_vae(np.array([8, 8, 1]), np.int64(3), hidden_units=(np.int32(4),))


@pytest.mark.parametrize("count", [2.5, True, "3", 0])
def test_counts(model, count):
    with pytest.raises(ValueError, match="count must be an integer of at least 1; received"):
        model.sample(count)


@pytest.mark.parametrize("seed", [2**31, 2**40, 2**70, 2.5, "a"])
def test_seeds(model, seed):
    with pytest.raises(ValueError, match=r"seed must be an integer from .* received"):
        model.sample(2, seed=seed)


def test_integers_of_numpy(model):
    assert model.latent_dim == 3
    assert model.sample(np.int64(2), seed=np.int64(7)).shape == (2, 8, 8, 1)
    np.testing.assert_array_equal(model.sample(2, seed=7), model.sample(2, seed=np.uint8(7)))


@pytest.mark.parametrize("widths", [16, "16", (2.5,), (True,)])
def test_widths(widths):
    with pytest.raises(ValueError, match=r"hidden_units must be .* received"):
        models.dense_vae((8, 8, 1), 3, hidden_units=widths)


@pytest.mark.parametrize("size", [2.5, 0, True])
def test_batch_sizes(digits, model, size):
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1; received"):
        data.batches(digits.train, size)
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1; received"):
        model.decode(np.zeros((2, 3)), size)


CONV = {"filters": (4,), "hidden_units": 4, "latent_dim": 2}
WHOLE = "{} must be an integer of at least {}; received {!r}"
WRONG = [
    *(("filters", value, "filters must be a sequence of integers") for value in (8, "8", 2.5)),
    *(("filters", (value,), WHOLE.format("each of filters", 1, value)) for value in (0, 2.5, "8")),
    ("filters", (), "filters must name the channels of at least one level"),
    *(("kernel_size", v, WHOLE.format("kernel_size", 1, v)) for v in (0, 2.5, (3, 3), "3", None)),
    *(
        (name, value, WHOLE.format(name, 0, value))
        for name in ("residual_blocks", "hidden_units", "head_filters", "head_blocks")
        for value in (-1, 2.5, True, (4,), "4", None)
    ),
    ("activation", "relo", "Unknown activation 'relo'. Did you mean 'relu'? Choose one of"),
    ("activation", "gated", "Unknown activation 'gated'"),  # of dense networks
    *(("activation", value, f"Unknown activation {value!r}") for value in (None, 3, len, "get")),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_arguments_of_convolutional_networks(name, value, said):
    arguments = {"filters": (4,), "hidden_units": 4, name: value}
    for build in (
        lambda: networks.conv_encoder((8, 8, 1), 4, **arguments),
        lambda: networks.conv_decoder(2, (8, 8, 1), 1, **arguments),
        lambda: models.conv_vae((8, 8, 1), **{**CONV, name: value}),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            build()


@pytest.mark.parametrize("name", ["pixel_cnn", "pixel_rnn"])
@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        *(("filters", value, "filters must be an integer") for value in (0, 2.5, "8", (8,))),
        *(("kernel_size", value, "kernel_size must be") for value in (4, 1, 3.0, "3", (3, 3))),
        *(("blocks", value, "blocks must be an integer") for value in (-1, 2.5, None)),
        *(("head_filters", value, "head_filters must be an integer") for value in (0, 2.5, "8")),
    ],
)
def test_arguments_of_causal_networks(name, argument, value, said):
    arguments = {"filters": 4, "blocks": 1, argument: value}
    with pytest.raises(ValueError, match=said):
        getattr(models, name)((8, 8, 1), **arguments)
    with pytest.raises(ValueError, match=said):
        getattr(causal, name)((8, 8, 1), 1, **arguments)


@pytest.mark.parametrize(
    ("made", "name", "wrong"),
    [
        (priors.Flow, "couplings", (0, 2.5, "3", True)),
        (priors.Flow, "units", (0, 2.5, None)),
        (priors.Flow, "bound", (0, -1, "2", float("nan"), float("inf"), None, True)),
        (priors.Flow, "seed", (-1, 2.5, "0", None)),
        (priors.Mixture, "components", (0, 2.5, "3", None)),
        (priors.VampPrior, "components", (0, 2.5, "3", None)),
        (posteriors.InverseAutoregressive, "steps", (0, 2.5, "3", None)),
        (posteriors.InverseAutoregressive, "units", (0, 2.5, "3", None)),
        (posteriors.PlanarFlow, "steps", (0, 2.5, "3", None)),
        (likelihoods.DiscretizedLogisticMixture, "components", (0, 2.5, "3", None)),
        (likelihoods.Laplace, "scale", (0, "1", None, float("nan"))),
        (objectives.IWAE, "samples", (0, 2.5, "3", True)),
        (objectives.ELBO, "beta", (-1, "1", None, float("nan"), float("inf"))),
        (objectives.ELBO, "free_nats", (-1, "1", None, float("nan"))),
        (likelihoods.Normal, "scale", (0, "1", None, float("nan"), True, np.zeros(2))),
    ],
)
def test_arguments_of_families(made, name, wrong):
    for value in wrong:
        with pytest.raises(ValueError, match=f"{name}.* must be .*; received"):
            made(**{name: value})


def test_numbers_of_numpy_are_the_same_models_families_and_recipes(tmp_path):
    three, half = np.int64(3), np.float32(0.5)
    model = models.conv_vae(
        (8, 8, 1),
        np.int32(2),
        filters=np.array([4, 4]),
        kernel_size=three,
        residual_blocks=np.int64(1),
        hidden_units=np.uint8(4),
        head_filters=three,
        head_blocks=np.int64(1),
        prior=priors.Flow(couplings=three, units=three, bound=half, seed=three),
        posterior=posteriors.InverseAutoregressive(steps=three, units=three),
        likelihood=likelihoods.Normal(scale=half),
        objective=objectives.ELBO(beta=half),
    )
    json.dumps(model.get_config())
    models.pixel_rnn((8, 8, 1), filters=three, blocks=three, kernel_size=three, head_filters=three)
    arguments = {"latent_dim": three, "hidden_units": {"encoder": np.array([4]), "decoder": (5,)}}
    made = recipe.Recipe(
        name="mine", data="digits", builder="dense_vae", arguments=arguments, epochs=three
    )
    assert json.loads(json.dumps(publishing._to_json(vars(made))))["arguments"] == {
        "latent_dim": 3,
        "hidden_units": {"encoder": [4], "decoder": [5]},
    }
    (tmp_path / "recipe.py").write_text(publishing._recipe_source(made))
    assert recipe.load(tmp_path / "recipe.py") == made


def test_a_number_is_real_and_finite():
    assert choice.real("x", np.float32(0.5)) == 0.5
    assert choice.real("x", 0, least=0) == 0
    for value in (1j, float("nan"), float("-inf"), False, "1"):
        with pytest.raises(ValueError, match=r"x must be a finite number.*; received"):
            choice.real("x", value)


def test_a_batch_of_one_of_a_code_of_one_over_pixels_without_variance():
    model = models.dense_vae((8, 8, 1), 1, hidden_units=(4,))
    model.compile()
    with pytest.warns(UserWarning, match="The code is hardly used"):
        history = model.fit(np.zeros((2, 8, 8)), batch_size=1, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.reconstruct(np.ones((1, 8, 8)))).all()
