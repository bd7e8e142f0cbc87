"""What a better prior could save, where it is known."""

import numpy as np
import pytest

from keras_vae import evaluate, models
from keras_vae.distributions import priors
from keras_vae.models.marginal import marginal_kl

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
    found, error = marginal_kl(with_codes(shift), images)
    assert found == pytest.approx(LATENTS * shift**2 / 2, abs=4 * error + 0.03)
    assert 0 <= error < 0.15


def test_a_prior_that_fits_leaves_nothing(images):
    prior = priors.FullNormal()
    model = with_codes(1.5, prior)
    prior.fit(model.sample_codes(np.tile(images, (5, 1, 1, 1))))
    found, error = marginal_kl(model, images)
    assert found == pytest.approx(0, abs=4 * error + 0.03)


def test_it_is_a_number_of_the_report_and_repeats(images):
    model = with_codes(1.0)
    told = evaluate.report(model, images, 2, progress=False)
    assert (told["marginal_kl_nats"], told["marginal_kl_error_nats"]) == marginal_kl(model, images)
    assert told["marginal_kl_nats"] < told["rate_nats"] + 0.2


def test_few_images_tell_nothing_of_it(images):
    model = with_codes(0.0)
    assert marginal_kl(model, images[:19]) is None
    assert "marginal_kl_nats" not in evaluate.report(model, images[:19], 2, progress=False)
