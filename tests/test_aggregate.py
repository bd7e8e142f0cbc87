"""Prior, information and correlation of the codes of all images, where they are known."""

import keras
import numpy as np
import pytest

from keras_vae import evaluate, models, plot
from keras_vae.distributions import likelihoods, priors
from keras_vae.models.aggregate import aggregate

LATENTS = 2


@pytest.fixture(scope="module")
def images():
    return (np.random.default_rng(0).random((600, 4, 4, 1)) > 0.5).astype("float32")


def with_codes(shift, prior="standard_normal"):
    """A VAE that gives every image the posterior N(shift, 1), whatever it shows."""
    model = models.dense_vae((4, 4, 1), LATENTS, hidden_units=(4,), prior=prior)
    kernel, bias = model.encoder.layers[-1].weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign([shift] * LATENTS + [np.log(np.e - 1)] * LATENTS)  # a softplus behind it: 1
    return model


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_it_is_the_divergence_where_that_is_known(images, shift):
    """KL(N(shift, I) || N(0, I)) = D shift^2 / 2."""
    rate = LATENTS * shift**2 / 2
    told = aggregate(with_codes(shift), images, rate)
    found, error = told["marginal_kl_nats"], told["marginal_kl_error_nats"]
    assert found == pytest.approx(rate, abs=4 * error + 0.03)
    assert 0 <= error < 0.15
    assert told["mutual_information_nats"] == pytest.approx(0, abs=4 * error + 0.03)


def test_a_prior_that_fits_leaves_nothing(images):
    prior = priors.FullNormal()
    model = with_codes(1.5, prior)
    prior.fit(model.sample_codes(np.tile(images, (5, 1, 1, 1))))
    told = aggregate(model, images, 2.25)
    found, error = told["marginal_kl_nats"], told["marginal_kl_error_nats"]
    assert found == pytest.approx(0, abs=4 * error + 0.03)


def test_it_is_a_number_of_the_report_and_repeats(images):
    model = with_codes(1.0)
    told = evaluate.report(model, images, 2, progress=False)
    again = aggregate(model, images, told["rate_nats"])
    assert {key: told[key] for key in again} == again
    assert told["marginal_kl_nats"] < told["rate_nats"] + 0.2


def test_few_images_tell_nothing_of_it(images):
    model = with_codes(0.0)
    assert aggregate(model, images[:19], 0.0) == {}
    told = evaluate.report(model, images[:19], 2, progress=False)
    assert not {"marginal_kl_nats", "mutual_information_nats", "total_correlation_nats"} & set(told)


def test_codes_on_a_sphere_have_no_density_among_the_reals(images):
    choices = {"posterior": "power_spherical", "prior": "hyperspherical_uniform"}
    model = models.dense_vae((4, 4, 1), LATENTS, hidden_units=(4,), **choices)
    assert aggregate(model, images, 0.0) == {}
    with pytest.raises(ValueError, match="lie on a sphere"):
        plot.manifold_grid(model)


def test_information_and_correlation_of_linear_codes_are_the_closed_form():
    """z = G^T x + s e of x = N(0, I) is normal: both are determinants of its covariance."""
    gain, scale = np.array([[2.0, 1.8], [0.0, 1.0]]), 0.6
    layers, image = keras.layers, (1, 2, 1)
    encoder = keras.Sequential([keras.Input(image), layers.Flatten(), layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(2), layers.Reshape(image)])
    raw_scale = np.full(2, np.log(np.expm1(scale)))
    encoder.set_weights(
        [np.concatenate([gain, np.zeros((2, 2))], 1), np.concatenate([np.zeros(2), raw_scale])]
    )
    likelihood = likelihoods.Normal(scale=1.0, mean="linear")
    model = models.VAE(encoder, decoder, likelihood=likelihood)
    x = np.random.default_rng(3).standard_normal((3000, *image)).astype("float32")
    told = evaluate.report(model, x, 2, progress=False)
    covariance = gain.T @ gain + scale**2 * np.eye(2)
    information = 0.5 * np.linalg.slogdet(covariance / scale**2)[1]
    correlation = 0.5 * (np.log(np.diag(covariance)).sum() - np.linalg.slogdet(covariance)[1])
    assert correlation > 0.4  # or nothing is told apart
    assert told["mutual_information_nats"] == pytest.approx(information, abs=0.06)
    assert told["total_correlation_nats"] == pytest.approx(correlation, abs=0.06)
    mean_square = np.square(x.reshape(-1, 2) @ gain).mean(axis=0)
    by_latent = 0.5 * (mean_square + scale**2 - 1) - np.log(scale)
    np.testing.assert_allclose(told["rate_nats_by_latent"], by_latent, rtol=2e-3)
    assert sum(told["rate_nats_by_latent"]) == pytest.approx(told["rate_nats"], rel=1e-5)
