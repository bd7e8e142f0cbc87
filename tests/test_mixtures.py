"""Priors that are mixtures: learned components, and the posteriors of pseudo-inputs."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from keras_vae import export, models
from keras_vae.distributions import priors
from keras_vae.export.runtime.runtimes import open_file

LATENTS = 3


@pytest.fixture(scope="module")
def mixture():
    """Three components, apart, of unequal shares."""
    prior = priors.Mixture(3)
    prior.build_for(LATENTS)
    rng = np.random.default_rng(0)
    loc = 4 * np.eye(3)
    prior.set_weights(
        [np.log([0.5, 0.3, 0.2]), loc, rng.standard_normal((3, LATENTS)), np.ones(())]
    )
    return prior


def test_the_density_is_scipys(mixture):
    z = np.random.default_rng(1).normal(0, 3, (20, LATENTS)).astype("float32")
    logits, loc, scale = (np.asarray(part, "float64") for part in mixture.parts())
    parts = scipy.stats.norm.logpdf(z[:, None], loc, scale).sum(-1)
    expected = scipy.special.logsumexp(parts + scipy.special.log_softmax(logits), axis=1)
    np.testing.assert_allclose(mixture.distribution().log_prob(z), expected, rtol=1e-4)


def test_draws_from_noise_are_draws_of_the_mixture(mixture):
    noise = np.random.default_rng(2).standard_normal((60_000, mixture.noise_dim)).astype("float32")
    drawn = mixture.from_noise(noise).numpy()
    expected = mixture.distribution().sample(60_000, seed=tf.constant([0, 1])).numpy()
    nearest = lambda z: np.bincount(z.argmax(axis=1), minlength=3) / len(z)
    np.testing.assert_allclose(nearest(drawn), nearest(expected), atol=0.01)
    np.testing.assert_allclose(drawn.mean(axis=0), expected.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(expected.T), atol=0.1)


def test_one_component_is_one_normal():
    prior = priors.Mixture(1)
    prior.build_for(LATENTS)
    noise = np.random.default_rng(0).standard_normal((4, LATENTS + 1)).astype("float32")
    _, loc, scale = prior.parts()
    np.testing.assert_allclose(prior.from_noise(noise), loc + scale * noise[:, :-1], rtol=1e-5)


def test_fitted_it_finds_the_clusters(mixture):
    codes = mixture.distribution().sample(5000, seed=tf.constant([0, 2])).numpy()
    prior = priors.Mixture(3)
    prior.build_for(LATENTS)
    assert not prior.ready
    prior.fit(codes)
    assert prior.ready
    logits, loc, _ = (np.asarray(part) for part in prior.parts())
    order = loc.argmax(axis=1)
    np.testing.assert_allclose(
        scipy.special.softmax(logits)[order.argsort()], [0.5, 0.3, 0.2], atol=0.05
    )
    np.testing.assert_allclose(loc[order.argsort()], 4 * np.eye(3), atol=0.25)


def test_fewer_codes_than_components_are_refused():
    prior = priors.Mixture(4)
    prior.build_for(2)
    with pytest.raises(ValueError, match="N at least 4"):
        prior.fit(np.zeros((3, 2)))


def test_of_fewer_latents_it_is_the_marginal(mixture):
    smaller = mixture.of_latents([2, 0])
    _, loc, scale = smaller.parts()
    _, whole_loc, whole_scale = mixture.parts()
    np.testing.assert_allclose(loc, whole_loc.numpy()[:, [2, 0]])
    np.testing.assert_allclose(scale, whole_scale.numpy()[:, [2, 0]])


@pytest.mark.parametrize("family", [priors.Mixture, priors.VampPrior])
@pytest.mark.parametrize("components", [0, 2.5, True])
def test_a_wrong_number_of_components_is_refused(family, components):
    with pytest.raises(ValueError, match="components must be"):
        family(components)


# ---- VampPrior -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vamp():
    return models.dense_vae((8, 8, 1), LATENTS, hidden_units=(12,), prior=priors.VampPrior(4))


def test_vamp_is_the_mean_posterior_of_its_images(vamp):
    z = vamp.draw_codes(10, seed=1)
    each = vamp.posterior(vamp.prior_family.pseudo_inputs).log_prob(z[:, None])
    expected = scipy.special.logsumexp(each, axis=1) - np.log(4)
    np.testing.assert_allclose(vamp.prior.log_prob(z), expected, rtol=1e-4)


def test_vamp_learns_its_images_and_they_stay_images(vamp, binary):
    before = vamp.prior_family.pseudo_inputs.numpy()
    vamp.compile("adam")
    vamp.fit(binary, epochs=1, verbose=0)
    assert np.abs(vamp.prior_family.pseudo_inputs.numpy() - before).max() > 1e-4
    vamp.prior_family.pseudo_inputs.assign(before * 9 - 4)  # outside [0, 1]
    assert np.isfinite(vamp.prior.log_prob(vamp.draw_codes(3, seed=0))).all()
    vamp.prior_family.pseudo_inputs.assign(before)


def test_vamp_needs_a_posterior():
    with pytest.raises(ValueError, match="an autoencoder has none"):
        models.dense_ae((8, 8, 1), LATENTS, prior="vamp")


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_a_file_draws_what_the_model_draws(prior, tmp_path):
    model = models.dense_vae((8, 8, 1), LATENTS, hidden_units=(12,), prior=prior)
    path = tmp_path / "mixture.tflite"
    export.tflite(model, path, signatures=("from_noise",))
    noise = np.random.default_rng(2).standard_normal((1, LATENTS + 1)).astype("float32")
    expected = model.decode(np.asarray(model.prior_family.from_noise(noise)))
    drawn = open_file(path.read_bytes(), "interpreter")("from_noise", noise=noise)["images"]
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
