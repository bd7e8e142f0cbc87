"""Every choice beside every other: what makes sense trains a step, what does not says why."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_vae import adversaries, evaluate, export, models, objectives, penalties
from keras_vae.distributions import likelihoods, posteriors, priors

SMALL = {"image_shape": (8, 8, 1), "latent_dim": 3, "hidden_units": (8,)}
OBJECTIVES = {
    **{name: name for name in objectives.FAMILIES if name != "geco"},
    "geco": objectives.GECO(target=20.0),
    "capacity": objectives.ELBO(beta=10.0, capacity=3.0),
    "iwae, dreg": objectives.IWAE(2, dreg=True),
    "ciwae, dreg": objectives.CIWAE(samples=2, dreg=True),
    "piwae, dreg": objectives.PIWAE(2, 2, dreg=True),
    "dip, 1": objectives.DIP(1),
    "info": objectives.MMD(kernel="gaussian", beta=0.5),
}
SPHERE = ("power_spherical", "hyperspherical_uniform")
PAIRS = [  # posterior and prior
    *((name, "standard_normal") for name in posteriors.FAMILIES if name != SPHERE[0]),
    *(("diagonal_normal", name) for name in priors.FAMILIES if name != SPHERE[1]),
    SPHERE,
]
PAIRS = list(dict.fromkeys(PAIRS))


def is_refused(objective, posterior, prior):
    """The word of the reason, or None where the combination makes sense."""
    family = objectives.get(OBJECTIVES[objective])
    if isinstance(family, objectives.BetaTC) and posterior != "diagonal_normal":
        return "each latent by itself"
    if isinstance(family, objectives.DIP) and posterior not in ("diagonal_normal", "full_normal"):
        return "closed form|standard_normal"
    if isinstance(family, (objectives.BetaTC, objectives.DIP)) and prior != "standard_normal":
        return "standard_normal"
    learned = prior not in ("standard_normal", SPHERE[1])
    if isinstance(family, objectives.MMD) and not family.beta and learned:
        return "what to learn"
    return None


QUICK_OBJECTIVES = ("beta_tc", "dip", "mmd", "piwae, dreg")  # the others with the shelf


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param(name, marks=[] if name in QUICK_OBJECTIVES else pytest.mark.shelf)
        for name in OBJECTIVES
    ],
)
def test_each_objective_beside_each_posterior_and_prior(objective, binary):
    """A step of two images, not traced; the loss of each combination that makes sense is finite."""
    for posterior, prior in PAIRS:
        arguments = {"posterior": posterior, "prior": prior, "objective": OBJECTIVES[objective]}
        reason = is_refused(objective, posterior, prior)
        if reason:
            with pytest.raises(ValueError, match=reason):
                models.build("dense_vae", **SMALL, **arguments)
            continue
        model = models.build("dense_vae", **SMALL, **arguments)
        model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
        before = model.encoder.get_weights()[0].copy()
        told = model.train_on_batch(binary[:2], return_dict=True)
        assert np.isfinite(list(told.values())).all(), (posterior, prior, told)
        assert np.any(before != model.encoder.get_weights()[0]), (posterior, prior)


def test_the_table_of_choices_names_each():
    page = (Path(__file__).parents[1] / "docs" / "choices.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    chosen = (objectives, posteriors, priors, likelihoods, penalties)
    assert rows == {name for module in chosen for name in module.FAMILIES}


# ---- whole lives ------------------------------------------------------------------------------

# Each likelihood, posterior, prior, penalty and adversary at least once; a new one is a new row.
LIVES = [
    ("dense_vae", {"posterior": "full_normal", "objective": "dip"}),
    ("dense_vae", {"posterior": "planar_flow", "objective": "piwae", "likelihood": "laplace"}),
    ("dense_vae", {"posterior": "radial_flow", "objective": "miwae"}),
    ("dense_vae", {"posterior": "iaf", "prior": "flow", "objective": OBJECTIVES["iwae, dreg"]}),
    ("dense_vae", {"posterior": SPHERE[0], "prior": SPHERE[1], "objective": "ciwae"}),
    ("dense_vae", {"prior": "vamp", "objective": OBJECTIVES["capacity"]}),
    ("dense_vae", {"likelihood": "continuous_bernoulli", "objective": "mmd"}),
    ("dense_vae", {"likelihood": "discretized_logistic", "objective": OBJECTIVES["geco"]}),
    ("dense_vae", {"prior": "mixture", "adversary": "discriminator"}),
    ("dense_vae", {"likelihood": "discretized_logistic_mixture", "objective": "beta_tc"}),
    ("dense_ae", {"penalty": "gradient_penalty", "prior": "flow"}),
    ("dense_ae", {"penalty": "sparse", "likelihood": "bernoulli"}),
    ("dense_ae", {"prior": "standard_normal", "adversary": "discriminator", "penalty": "l2"}),
    ("dense_ae", {"penalty": "contractive", "likelihood": "categorical", "prior": "full_normal"}),
    ("dense_vae", {"likelihood": "normal", "prior": "full_normal", "objective": "elbo"}),
]


def test_every_name_has_a_life():
    named = {
        "likelihood": likelihoods,
        "posterior": posteriors,
        "prior": priors,
        "penalty": penalties,
        "adversary": adversaries,
    }
    usual = {"posterior": {"diagonal_normal"}}
    for argument, module in named.items():
        lived = {life.get(argument) for _, life in LIVES} | usual.get(argument, set())
        assert set(module.FAMILIES) <= lived, argument
    lived = {type(objectives.get(life.get("objective", "elbo"))) for _, life in LIVES}
    assert set(objectives.FAMILIES.values()) <= lived


QUICK = 4  # lives by default: the rest with the shelf


@pytest.mark.parametrize(
    ("builder", "choices"),
    [
        pytest.param(*life, marks=[] if number % QUICK == 0 else pytest.mark.shelf)
        for number, life in enumerate(LIVES)
    ],
)
def test_life(builder, choices, binary, tmp_path):
    model = models.build(builder, **SMALL, **choices)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(binary[:16], epochs=1, batch_size=16, verbose=0)
    model.complete(np.repeat(binary, 2, axis=0))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.sample(3, seed=1), model.sample(3, seed=1), atol=1e-5)
    numbers = evaluate.report(again, binary, importance_samples=2, progress=False)
    assert np.isfinite([v for v in numbers.values() if isinstance(v, float)]).all()
    export.tflite(again, tmp_path / "decoder.tflite")
    assert export.verify(tmp_path / "decoder.tflite", again)["max_abs_error"] < 1e-4
