"""The IWAE family: values against NumPy, limits against each other, gradients against autodiff."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

from keras_vae import models, objectives

DRAWS = 6


@pytest.fixture(scope="module")
def drawn():
    """Six draws of three images: their terms, distortion and sampled rate in float64."""
    generator = np.random.default_rng(0)
    distortion, sampled = generator.normal(90, 3, (DRAWS, 3)), generator.normal(25, 2, (DRAWS, 3))
    arrays = (distortion, sampled.mean(axis=0), sampled)
    return objectives.Terms(*(tf.constant(a, tf.float32) for a in arrays)), distortion, sampled


def iwae(distortion, sampled, axis=0):
    return np.log(distortion.shape[axis]) - logsumexp(-(distortion + sampled), axis=axis)


@pytest.mark.parametrize("warmup", [1.0, 0.25])
def test_values(drawn, warmup):
    terms, distortion, sampled = drawn
    sampled = warmup * sampled
    loss = lambda objective: objective.loss(terms, warmup)
    tight, elbo = iwae(distortion, sampled), (distortion + sampled).mean(axis=0)
    groups = (distortion.reshape(2, 3, 3), sampled.reshape(2, 3, 3))
    np.testing.assert_allclose(loss(objectives.IWAE(6)), tight, rtol=1e-6)
    np.testing.assert_allclose(loss(objectives.PIWAE(2, 3)), tight, rtol=1e-6)
    expected = iwae(*groups, axis=1).mean(axis=0)
    np.testing.assert_allclose(loss(objectives.MIWAE(2, 3)), expected, rtol=1e-6)
    expected = 0.3 * elbo + 0.7 * tight
    np.testing.assert_allclose(loss(objectives.CIWAE(0.3, 6)), expected, rtol=1e-6)
    assert np.all(tight < loss(objectives.MIWAE(2, 3)))  # Jensen
    assert np.all(loss(objectives.MIWAE(2, 3)) < elbo)


def test_limits(drawn):
    terms, distortion, sampled = drawn
    elbo, tight = (distortion + sampled).mean(axis=0), objectives.IWAE(6).loss(terms)
    for objective in (objectives.MIWAE(1, 6), objectives.CIWAE(0.0, 6)):
        np.testing.assert_allclose(objective.loss(terms), tight, rtol=1e-6)
    for objective in (objectives.MIWAE(6, 1), objectives.CIWAE(1.0, 6)):
        np.testing.assert_allclose(objective.loss(terms), elbo, rtol=1e-6)
    one = objectives.Terms(terms.distortion[:1], terms.rate, terms.sampled_rate[:1])
    np.testing.assert_allclose(objectives.IWAE(1).loss(one), (distortion + sampled)[0], rtol=1e-6)


# ---- gradients -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vae():
    """A VAE of 8x8 digits with two latents."""
    return models.dense_vae((8, 8, 1), 2, hidden_units=(8,), objective=objectives.PIWAE(2, 3))


def gradients(vae, objective, images, seed=0, warmup=1.0):
    """(those of the encoder, those of the decoder) of the mean loss, at the draws of a seed."""
    vae.objective = objective
    with tf.GradientTape() as tape:
        key = tf.constant([seed, 1])
        terms = vae.sample_terms(images, images, objective.samples, training=True, seed=key)
        loss = tf.reduce_mean(objective.loss(terms, warmup))
    parts = [vae.encoder.trainable_variables, vae.decoder.trainable_variables]
    return [[g.numpy() for g in part] for part in tape.gradient(loss, parts)]


def assert_same(one, other):
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)


def test_piwae_has_the_encoder_of_miwae_and_the_decoder_of_iwae(vae, binary):
    for warmup in (1.0, 0.3):
        encoder, decoder = gradients(vae, objectives.PIWAE(2, 3), binary[:8], warmup=warmup)
        of_miwae = gradients(vae, objectives.MIWAE(2, 3), binary[:8], warmup=warmup)
        of_iwae = gradients(vae, objectives.IWAE(6), binary[:8], warmup=warmup)
        assert_same(encoder, of_miwae[0])
        assert_same(decoder, of_iwae[1])
        differ = lambda a, b: np.abs(a[0] - b[0]).max() / np.abs(b[0]).max()
        assert differ(of_miwae[0], of_iwae[0]) > 0.05
        assert differ(of_miwae[1], of_iwae[1]) > 0.05


@pytest.mark.shelf
@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        ("iaf", "flow"),
        ("planar_flow", "mixture"),
        ("radial_flow", "standard_normal"),
        ("full_normal", "full_normal"),
        ("power_spherical", "hyperspherical_uniform"),
    ],
)
def test_piwae_beside_every_posterior(posterior, prior, binary):
    choices = {"posterior": posterior, "prior": prior}
    vae = models.dense_vae((8, 8, 1), 3, hidden_units=(8,), **choices)
    encoder, decoder = gradients(vae, objectives.PIWAE(2, 3), binary[:8])
    assert_same(encoder, gradients(vae, objectives.MIWAE(2, 3), binary[:8])[0])
    assert_same(decoder, gradients(vae, objectives.IWAE(6), binary[:8])[1])


@pytest.mark.parametrize(
    "family",
    [
        lambda dreg: objectives.IWAE(4, dreg=dreg),
        lambda dreg: objectives.CIWAE(0.4, 3, dreg=dreg),
        lambda dreg: objectives.PIWAE(2, 3, dreg=dreg),
    ],
)
def test_doubly_reparameterised_gradients_have_the_same_mean(vae, binary, family):
    """Over the draws of one image; the decoder's are the same at each draw."""
    images, trials = tf.repeat(binary[:1], 500, axis=0), 40
    means = {}
    for dreg in (False, True):
        objective = family(dreg)
        step = tf.function(lambda seed, o=objective: _encoder_and_decoder(vae, o, images, seed))
        means[dreg] = [[g.numpy() for g in step(tf.constant(seed))] for seed in range(trials)]
    plain, doubly = (np.stack([m[0] for m in means[d]]) for d in (False, True))
    error = np.sqrt((plain.var(axis=0) + doubly.var(axis=0)) / trials)
    assert np.all(np.abs(plain.mean(axis=0) - doubly.mean(axis=0)) < 5 * error)
    assert np.abs(plain.mean(axis=0)).max() > 20 * error.max()  # the check can tell a wrong one
    np.testing.assert_allclose(means[True][0][1], means[False][0][1], rtol=1e-3, atol=1e-5)


def _encoder_and_decoder(vae, objective, images, seed):
    vae.objective = objective
    biases = [network.trainable_variables[-1] for network in (vae.encoder, vae.decoder)]
    with tf.GradientTape() as tape:
        key = tf.stack([seed, 1])
        terms = vae.sample_terms(images, images, objective.samples, training=True, seed=key)
        loss = tf.reduce_mean(objective.loss(terms))
    return tape.gradient(loss, biases)


def test_doubly_reparameterised_gradients_of_a_trained_vae_are_less_noisy(binary):
    vae, noise = models.dense_vae((8, 8, 1), 2, hidden_units=(8,)), {}
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(binary, epochs=40, batch_size=16, verbose=0)
    for dreg in (False, True):
        objective = objectives.IWAE(64, dreg=dreg)
        step = tf.function(lambda seed, o=objective: _encoder_and_decoder(vae, o, binary[:1], seed))
        drawn = np.stack([step(tf.constant(seed))[0].numpy() for seed in range(40)])
        noise[dreg] = drawn.std(axis=0)
    assert np.all(noise[True] < 0.5 * noise[False])


def test_a_step_of_each_trains_encoder_and_decoder(binary):
    for name in ("miwae", "ciwae", "piwae"):
        vae = models.dense_vae((8, 8, 1), 2, hidden_units=(8,), objective=name, posterior="iaf")
        vae.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
        before = vae.get_weights()
        told = vae.fit(binary[:16], epochs=1, verbose=0).history
        assert np.isfinite(told["loss"][0])
        assert all(np.any(a != b) for a, b in zip(before, vae.get_weights()))
        again = objectives.get(name).from_config(vae.objective.get_config())
        assert again.get_config() == vae.objective.get_config()


@pytest.mark.parametrize("samples", [0, -1, 2.0, True, None])
def test_numbers_of_draws_are_positive(samples):
    with pytest.raises(ValueError, match="samples must be an integer of at least 1"):
        objectives.IWAE(samples=samples)
    with pytest.raises(ValueError, match="k must be an integer of at least 1"):
        objectives.MIWAE(2, samples)


def test_ciwae_mixes_by_a_part_of_one():
    with pytest.raises(ValueError, match=r"beta mixes .*\[0, 1\]; received 4"):
        objectives.CIWAE(beta=4)
