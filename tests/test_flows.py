"""The flow prior: exact, invertible, float32, and drawn on a device."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_vae import export, models
from keras_vae.distributions import priors
from keras_vae.export.runtime.runtimes import open_file

LATENTS = 5


def stirred(prior, latent_dim=LATENTS, by=0.3):
    """The prior, built, its weights moved away from where it is the identity."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)  # of the weights that do not begin at 0
    prior.build_for(latent_dim)
    for weight in prior.trainable_weights:
        weight.assign(weight + by * rng.standard_normal(weight.shape))
    return prior


@pytest.fixture(scope="module")
def flow():
    return stirred(priors.Flow(couplings=4, units=16))


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).standard_normal((6, LATENTS)).astype("float32")


def test_noise_and_back(flow, codes):
    noise, _ = flow.to_noise(codes)
    assert np.abs(noise - codes).max() > 0.1
    np.testing.assert_allclose(flow.from_noise(noise), codes, atol=1e-5)


def test_the_log_determinant_is_that_of_the_jacobian(flow, codes):
    with tf.GradientTape() as tape:
        z = tf.constant(codes)
        tape.watch(z)
        noise, log_det = flow.to_noise(z)
    _, expected = np.linalg.slogdet(tape.batch_jacobian(noise, z))
    np.testing.assert_allclose(log_det, expected, atol=1e-5)


def test_the_density_is_that_of_its_draws():
    """Two latents, where a grid sums the density and a histogram counts the draws."""
    flow = stirred(priors.Flow(couplings=3, units=8), 2, by=0.15)
    edges = np.linspace(-12, 12, 481)
    middles = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(flow.distribution().log_prob(grid.astype("float32")))
    mass = density * np.diff(edges)[0] ** 2
    assert mass.sum() == pytest.approx(1, abs=2e-3)
    draws = flow.distribution().sample(40_000, seed=tf.constant([0, 1])).numpy()
    for axis in (0, 1):
        marginal = mass.reshape(480, 480).sum(axis=1 - axis).cumsum()
        below = lambda x, marginal=marginal: np.interp(x, edges[1:], marginal)
        assert scipy.stats.kstest(draws[:, axis], below).statistic < 0.012


def test_before_it_learns_it_is_the_standard_normal(codes):
    flow = priors.Flow(couplings=3, units=8)
    flow.build_for(LATENTS)
    expected = scipy.stats.norm.logpdf(codes).sum(axis=1)
    np.testing.assert_allclose(flow.distribution().log_prob(codes), expected, rtol=1e-5)


def test_the_way_between_two_codes_is_that_between_their_noises(flow, codes):
    start, end = codes[:3], codes[3:]
    for position, expected in ((0.0, start), (1.0, end)):
        found = flow.between(start, end, np.full((3, 1), position, "float32"))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    middle, _ = flow.to_noise(flow.between(start, end, np.full((3, 1), 0.5, "float32")))
    straight = flow.to_noise(start)[0] + flow.to_noise(end)[0]
    np.testing.assert_allclose(middle, straight / np.sqrt(2), atol=1e-4)


def test_draws_have_any_sample_shape_and_repeat(flow):
    seed = tf.constant([0, 3])
    draws = flow.distribution().sample((2, 3), seed=seed)
    assert draws.shape == (2, 3, LATENTS)
    np.testing.assert_array_equal(draws, flow.distribution().sample((2, 3), seed=seed))
    assert flow.distribution().log_prob(draws).shape == (2, 3)


def test_scales_are_bounded():
    flow = stirred(priors.Flow(couplings=1, units=8, bound=0.5), by=30.0)
    step = flow.steps[0]
    _, log_det = step.to_noise(np.ones((1, LATENTS), "float32"))
    changed = LATENTS - LATENTS // 2
    assert abs(float(log_det[0] + tf.reduce_sum(step.log_scale))) <= 0.5 * changed + 1e-4


def test_float32_under_every_policy(codes):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        flow = stirred(priors.Flow(couplings=2, units=8))
    finally:
        keras.config.set_dtype_policy("float32")
    noise, log_det = flow.to_noise(codes)
    assert noise.dtype == log_det.dtype == tf.float32
    np.testing.assert_allclose(flow.from_noise(noise), codes, atol=1e-5)


@pytest.mark.shelf
def test_fitted_to_codes_it_explains_new_ones_of_the_same_kind():
    """A ring, which no normal is: the flow gains most of a nat over the best normal."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 3000)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * 3 + 10
    ring = (ring + 0.2 * rng.standard_normal(ring.shape)).astype("float32")
    flow, normal = priors.Flow(couplings=4, units=16), priors.FullNormal()
    for prior in (flow, normal):
        prior.build_for(2)
        assert not prior.ready
        assert prior.fit(ring[:2500]) is prior
        assert prior.ready
    mean = lambda prior: float(np.mean(prior.distribution().log_prob(ring[2500:])))
    assert mean(flow) > mean(normal) + 0.5


@pytest.mark.parametrize("codes", [np.zeros((5, 3)), np.zeros(5), np.zeros((1, LATENTS))])
def test_codes_of_another_size_or_too_few_are_refused(flow, codes):
    with pytest.raises(ValueError, match="codes must have shape"):
        flow.fit(codes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"couplings": 0}, "couplings"), ({"units": 1.5}, "units"), ({"bound": 0}, "bound")],
)
def test_wrong_arguments_are_refused(arguments, said):
    with pytest.raises(ValueError, match=f"{said} must be"):
        priors.Flow(**arguments)


def test_a_code_of_one_number_has_no_halves():
    with pytest.raises(ValueError, match="latent_dim of at least 2"):
        models.dense_vae((8, 8, 1), 1, prior="flow")


def test_a_file_draws_what_the_model_draws(flow, tmp_path):
    model = models.dense_vae((8, 8, 1), LATENTS, hidden_units=(12,), prior=priors.Flow(3, 16))
    stirred_weights = [w + 0.1 * np.random.standard_normal(w.shape) for w in model.get_weights()]
    model.set_weights(stirred_weights)
    path = tmp_path / "flow.tflite"
    made = export.tflite(model, path)
    assert made.signatures == ("decode", "from_noise")  # unasked: normal numbers are no codes here
    assert {"EXP", "TANH", "FULLY_CONNECTED"} <= set(made.ops)
    noise = np.random.default_rng(2).standard_normal((1, LATENTS)).astype("float32")
    expected = model.decode(np.asarray(model.prior_family.from_noise(noise)))
    drawn = open_file(path.read_bytes(), "interpreter")("from_noise", noise=noise)["images"]
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
