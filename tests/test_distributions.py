"""Distributions against SciPy, closed forms and quadrature; their gradients at the extremes."""

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vae.distributions import likelihoods, posteriors, priors

tfd = tfp.distributions

SHAPE = (4, 3, 2)  # (H, W, C)
EXTREMES = np.array([-1e4, -100, -30, -1, -1e-3, 0, 1e-3, 1, 30, 100, 1e4], "float32")


def raw_for(family, count=5, scale=2.0):
    """(count, H, W, R) raw decoder outputs."""
    height, width, channels = SHAPE
    size = (count, height, width, family.parameters(channels))
    return (scale * np.random.randn(*size)).astype("float32")


def images_for(family, count=5):
    """Images in the support of the family, its edges included."""
    images = np.random.randint(0, 256, (count, *SHAPE)) / 255.0
    images[:, 0, 0], images[:, 0, 1] = 0.0, 1.0
    return (np.round(images) if isinstance(family, likelihoods.Bernoulli) else images).astype(
        "float32"
    )


def pixel_log_probs(raw, values, family):
    """log p of each value under one pixel with these raw parameters; both (K,) or scalars."""
    raw = np.broadcast_to(np.asarray(raw, "float32"), (len(values), family.parameters(1)))
    raw = tf.constant(raw[:, None, None, :])
    x = tf.constant(np.asarray(values, "float32")[:, None, None, None])
    return family.distribution(raw).log_prob(x).numpy()


@pytest.fixture(params=sorted(likelihoods.FAMILIES))
def family(request):
    return likelihoods.get(request.param)


# ---- all likelihoods --------------------------------------------------------------------------


def test_log_prob_is_one_number_an_image_and_a_sum_over_pixels(family):
    raw, images = raw_for(family), images_for(family)
    distribution = family.distribution(raw)
    assert distribution.batch_shape == (5,)
    assert distribution.event_shape == SHAPE
    total = distribution.log_prob(images)
    assert total.shape == (5,)
    by_row = sum(
        family.distribution(raw[:, i : i + 1]).log_prob(images[:, i : i + 1]) for i in range(4)
    )
    np.testing.assert_allclose(total, by_row, rtol=1e-4, atol=1e-4)


def test_samples_lie_in_the_support(family):
    distribution = family.distribution(raw_for(family))
    samples = distribution.sample(50, seed=1).numpy()
    assert samples.shape == (50, 5, *SHAPE)
    if isinstance(family, likelihoods.LocationScale):  # its support is the real line
        assert np.isfinite(samples).all()
    else:
        family.check(samples)
    if isinstance(family, likelihoods.Bernoulli):
        assert set(np.unique(samples)) == {0.0, 1.0}
    assert np.isfinite(distribution.log_prob(samples).numpy()).all()


def test_mean_is_the_mean_of_the_samples(family):
    raw = raw_for(family)
    mean = np.asarray(family.mean(tf.constant(raw)))
    assert mean.shape == (5, *SHAPE)
    assert mean.min() >= 0
    assert mean.max() <= 1
    samples = family.distribution(raw).sample(20000, seed=3).numpy()
    np.testing.assert_allclose(mean, samples.mean(axis=0), atol=0.02)


def test_gradients_and_values_are_finite_at_extreme_parameters(family):
    per_pixel = family.parameters(1)
    if per_pixel <= 2:
        grid = np.stack(np.meshgrid(*[EXTREMES] * per_pixel), axis=-1).reshape(-1, per_pixel)
    else:
        grid = np.random.choice(EXTREMES, (200, per_pixel))
    for value in (0.0, 1.0) if isinstance(family, likelihoods.Bernoulli) else (0.0, 128 / 255, 1.0):
        raw = tf.Variable(grid[:, None, None, :])
        x = tf.fill((len(grid), 1, 1, 1), tf.constant(value, tf.float32))
        with tf.GradientTape(persistent=True) as tape:
            log_prob = family.distribution(raw).log_prob(x)
            mean = family.mean(raw)
        assert np.isfinite(log_prob).all(), (value, grid[~np.isfinite(log_prob)])
        for output in (log_prob, mean):
            slope = tape.gradient(output, raw).numpy()[:, 0, 0]
            assert np.isfinite(slope).all(), (value, grid[~np.isfinite(slope).all(axis=1)])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_parameters_become_float32(family, dtype):
    raw = tf.cast(raw_for(family), dtype)
    images = images_for(family)
    log_prob = family.distribution(raw).log_prob(images)
    assert log_prob.dtype == family.mean(raw).dtype == tf.float32
    exact = family.distribution(tf.cast(raw, tf.float32)).log_prob(images)
    np.testing.assert_array_equal(log_prob, exact)


def test_serialisation_keeps_the_arguments(family):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(family))
    assert type(again) is type(family)
    assert again.get_config() == family.get_config()


def test_check_refuses_values_outside_the_unit_range(family):
    family.check(images_for(family))
    with pytest.raises(ValueError, match=r"\[0, 1\].*received values in \[0, 255\].*Divide"):
        family.check(np.array([0.0, 255.0]))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        family.check(np.array([-0.5, 1.0]))


# ---- each likelihood against its formula ------------------------------------------------------


def test_bernoulli_is_scipys():
    family = likelihoods.Bernoulli()
    raw, images = raw_for(family), images_for(family)
    p = scipy.special.expit(raw.astype("float64"))
    expected = scipy.stats.bernoulli.logpmf(images, p).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(family.distribution(raw).log_prob(images), expected, rtol=1e-5)
    np.testing.assert_allclose(family.mean(raw), p, rtol=1e-5)


def test_bernoulli_of_grey_pixels_is_the_cross_entropy():
    family = likelihoods.Bernoulli()
    raw, x = raw_for(family), np.random.rand(5, *SHAPE).astype("float32")
    expected = -keras.losses.binary_crossentropy(
        x.reshape(5, -1), raw.reshape(5, -1), from_logits=True
    ) * np.prod(SHAPE)
    np.testing.assert_allclose(family.distribution(raw).log_prob(x), expected, rtol=1e-5)


LOGITS = [-30.0, -8.0, -1.0, -0.31, -0.29, -0.05, -1e-3, 0.0, 1e-4, 0.02, 0.2, 0.4, 3.0, 20.0]


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_is_normalised(logit):
    """C = 1 / integral of exp(logit x) over [0, 1], by quadrature in float64."""
    family = likelihoods.ContinuousBernoulli()
    integral, _ = scipy.integrate.quad(lambda x: np.exp(logit * x), 0, 1, epsabs=0, epsrel=1e-10)
    x = np.array([0.0, 0.1, 0.5, 1.0])
    expected = logit * x - np.log(integral)
    np.testing.assert_allclose(pixel_log_probs([logit], x, family), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_mean_by_quadrature(logit):
    family = likelihoods.ContinuousBernoulli()
    mass, _ = scipy.integrate.quad(lambda x: np.exp(logit * x), 0, 1)
    first, _ = scipy.integrate.quad(lambda x: x * np.exp(logit * x), 0, 1)
    mean = float(family.mean(tf.constant([[[[logit]]]]))[0, 0, 0, 0])
    assert mean == pytest.approx(first / mass, abs=2e-6)
    theirs = float(tfd.ContinuousBernoulli(logits=np.float64(logit)).mean())
    assert mean == pytest.approx(theirs, abs=2e-4)


@pytest.mark.parametrize("mean", ["sigmoid", "linear"])
def test_normal_is_scipys(mean):
    family = likelihoods.Normal(scale=0.3, mean=mean)
    raw, images = raw_for(family), images_for(family)
    loc = scipy.special.expit(raw) if mean == "sigmoid" else raw
    expected = scipy.stats.norm.logpdf(images, loc, 0.3).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(family.distribution(raw).log_prob(images), expected, rtol=1e-4)
    np.testing.assert_allclose(family.mean(raw), np.clip(loc, 0, 1), rtol=1e-5, atol=1e-7)


def test_normal_learned_scale_is_a_weight_and_finds_the_residual():
    """The best sigma is the root mean square error (Rybkin et al., arXiv 2006.13202)."""
    family = likelihoods.Normal()
    assert float(family.scale) == pytest.approx(0.1, rel=1e-5)
    assert [v.name for v in family.trainable_variables] == ["log_scale"]
    images = (0.5 + 0.05 * np.random.randn(40, *SHAPE)).astype("float32")
    raw = tf.zeros((40, *SHAPE))
    optimizer = keras.optimizers.Adam(0.05)
    for _ in range(150):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(family.distribution(raw).log_prob(images))
        variables = family.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
    rms = np.sqrt(np.mean((images - 0.5) ** 2))
    assert float(family.scale) == pytest.approx(rms, rel=0.02)


@pytest.mark.parametrize("arguments", [{"scale": 0}, {"scale": "fixed"}, {"mean": "tanh"}])
def test_normal_refuses_unknown_arguments(arguments):
    with pytest.raises(ValueError, match=r"scale|mean"):
        likelihoods.Normal(**arguments)


def test_linear_normal_accepts_any_real_pixels():
    likelihoods.Normal(scale=1.0, mean="linear").check(np.array([-3.0, 7.0]))


def logistic_masses(loc, scale):
    """P(level) of the 256 levels from SciPy's CDF in float64, the tails to the edge levels."""
    edges = (np.arange(255) + 0.5) / 255
    cdf = scipy.stats.logistic.cdf(edges, loc, scale)
    sf = scipy.stats.logistic.sf(edges, loc, scale)
    below = np.diff(cdf, prepend=0.0)
    above = -np.diff(sf, append=0.0)
    return np.append(np.where(edges < loc, below, np.append([cdf[0]], above[:-1])), sf[-1])


@pytest.mark.parametrize("loc", [-6.0, -1.0, 0.0, 0.7, 6.0])
@pytest.mark.parametrize("scale", [-6.0, -2.0, 0.0, 3.0, 20.0])
def test_discretized_logistic_is_scipys_cdf_difference(loc, scale):
    family = likelihoods.DiscretizedLogistic()
    ours = pixel_log_probs([loc, scale], np.arange(256) / 255, family)
    real_loc = scipy.special.expit(loc)
    real_scale = 0.1 / 255 + 0.1 * np.logaddexp(0, scale)
    masses = logistic_masses(real_loc, real_scale)
    seen = masses > 1e-12
    assert seen.sum() > 1
    np.testing.assert_allclose(ours[seen], np.log(masses[seen]), rtol=3e-4, atol=3e-4)
    assert np.exp(ours.astype("float64")).sum() == pytest.approx(1.0, abs=1e-4)
    for edge in (0, 255):
        if seen[edge]:
            assert ours[edge] == pytest.approx(np.log(masses[edge]), rel=3e-4, abs=3e-4)


@pytest.mark.parametrize("loc", [-5.0, 0.0, 2.0])
@pytest.mark.parametrize("scale", [-8.0, -2.0, 2.0, 50.0])
def test_discretized_logistic_mean_is_the_sum_over_levels(loc, scale):
    family = likelihoods.DiscretizedLogistic()
    masses = np.exp(pixel_log_probs([loc, scale], np.arange(256) / 255, family).astype("float64"))
    expected = (masses * np.arange(256) / 255).sum()
    mean = float(family.mean(tf.constant([[[[loc, scale]]]]))[0, 0, 0, 0])
    assert mean == pytest.approx(expected, abs=0.5 / 255)


def test_discretized_logistic_parameters_are_locations_then_scales():
    family = likelihoods.DiscretizedLogistic()
    raw = tf.constant([[[[4.0, -4.0, -9.0, -9.0]]]])  # two channels: bright, dark
    bright, dark = np.asarray(family.mean(raw))[0, 0, 0]
    assert bright > 0.9
    assert dark < 0.1


def test_discretized_logistic_refuses_values_between_levels():
    with pytest.raises(ValueError, match=r"multiples of 1/255.*np\.round"):
        likelihoods.DiscretizedLogistic().check(np.array([0.0, 100.4 / 255]))


# ---- posterior, prior, rate -------------------------------------------------------------------


def normal_parameters(count=6, latent_dim=3):
    loc = np.random.randn(count, latent_dim).astype("float32")
    raw_scale = np.random.randn(count, latent_dim).astype("float32")
    return np.concatenate([loc, raw_scale], axis=1), loc, np.log1p(np.exp(raw_scale)) + 1e-4


def standard(latent_dim=3):
    prior = priors.get("standard_normal")
    prior.build_for(latent_dim)
    return prior.distribution()


def test_diagonal_normal_is_scipys():
    raw, loc, scale = normal_parameters()
    family = posteriors.get("diagonal_normal")
    posterior = family.distribution(raw)
    assert posterior.batch_shape == (6,)
    assert posterior.event_shape == (3,)
    z = np.random.randn(6, 3).astype("float32")
    expected = scipy.stats.norm.logpdf(z, loc, scale).sum(axis=1)
    np.testing.assert_allclose(posterior.log_prob(z), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(posterior.mean(), family.mean(raw))
    np.testing.assert_allclose(family.mean(raw), loc)


def test_standard_normal_is_scipys():
    prior = standard()
    z = np.random.randn(6, 3).astype("float32")
    expected = scipy.stats.norm.logpdf(z).sum(axis=1)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5)
    assert prior.batch_shape == ()
    assert prior.event_shape == (3,)


@pytest.mark.parametrize("name", ["standard_normal", "full_normal"])
def test_the_noise_of_a_code_is_that_which_makes_it(name):
    prior = priors.get(name)
    prior.build_for(4)
    for weight in prior.trainable_weights:
        weight.assign(weight + 0.3 * np.random.standard_normal(weight.shape))
    z = np.random.standard_normal((5, 4)).astype("float32")
    noise, log_det = prior.to_noise(tf.constant(z))
    np.testing.assert_allclose(prior.from_noise(noise), z, atol=1e-5)
    expected = scipy.stats.norm.logpdf(noise).sum(axis=1) + log_det
    np.testing.assert_allclose(prior.distribution().log_prob(z), expected, rtol=1e-4)


def test_rate_is_the_closed_form_and_does_not_depend_on_the_sample():
    raw, loc, scale = normal_parameters()
    posterior = posteriors.get("diagonal_normal").distribution(raw)
    expected = (0.5 * (scale**2 + loc**2 - 1) - np.log(scale)).sum(axis=1)
    sampled = np.full((2, 6), 1e6, "float32")  # far off: a sampled rate would show it
    np.testing.assert_allclose(priors.rate(posterior, standard(), sampled), expected, rtol=1e-4)


def test_rate_is_the_mean_of_log_ratios():
    raw, loc, scale = normal_parameters()
    posterior = posteriors.get("diagonal_normal").distribution(raw)
    z = loc + scale * np.random.default_rng(0).standard_normal((100_000, 6, 3))
    ratios = scipy.stats.norm.logpdf(z, loc, scale) - scipy.stats.norm.logpdf(z)
    ratios = ratios.sum(axis=2)
    rate = priors.rate(posterior, standard(), ratios)
    np.testing.assert_allclose(rate, ratios.mean(axis=0), atol=0.05)


def test_rate_falls_back_to_the_sample():
    raw, loc, scale = normal_parameters()
    posterior = posteriors.get("diagonal_normal").distribution(raw)
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.3, 0.7]),
        tfd.Independent(tfd.Normal(tf.constant([[-1.0] * 3, [1.0] * 3]), 0.5), 1),
    )
    z = np.random.randn(4, 6, 3).astype("float32")
    parts = np.stack([scipy.stats.norm.logpdf(z, m, 0.5).sum(axis=2) for m in (-1, 1)])
    log_prior = scipy.special.logsumexp(parts + np.log([[[0.3]], [[0.7]]]), axis=0)
    expected = scipy.stats.norm.logpdf(z, loc, scale).sum(axis=2) - log_prior
    rate = priors.rate(posterior, mixture, posterior.log_prob(z) - mixture.log_prob(z))
    np.testing.assert_allclose(rate, expected.mean(axis=0), rtol=1e-4, atol=1e-3)


def test_posterior_and_rate_are_finite_at_extreme_parameters():
    grid = np.stack(np.meshgrid(EXTREMES, EXTREMES), axis=-1).reshape(-1, 2)
    raw = tf.Variable(grid)
    with tf.GradientTape() as tape:
        posterior = posteriors.get("diagonal_normal").distribution(raw)
        z = posterior.sample(seed=1)
        rate = priors.rate(posterior, standard(1), None)
    assert np.isfinite(z).all()
    assert np.isfinite(rate).all()
    assert np.isfinite(tape.gradient(rate, raw)).all()


def test_half_precision_posterior_becomes_float32():
    raw = tf.cast(normal_parameters()[0], tf.bfloat16)
    family = posteriors.get("diagonal_normal")
    assert family.distribution(raw).sample().dtype == tf.float32
    assert family.mean(raw).dtype == tf.float32


@pytest.mark.parametrize(
    ("get", "wrong", "right"),
    [
        (likelihoods.get, "bernouli", "bernoulli"),
        (posteriors.get, "diagonal_norma", "diagonal_normal"),
        (priors.get, "standard_norm", "standard_normal"),
    ],
)
def test_unknown_names_are_answered_with_the_choices(get, wrong, right):
    with pytest.raises(ValueError, match=f"Unknown .* '{wrong}'.*Did you mean '{right}'"):
        get(wrong)
    with pytest.raises(ValueError, match="or pass an instance of"):
        get(3)
