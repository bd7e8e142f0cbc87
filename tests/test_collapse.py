"""A code that is hardly used: what counts as that, and where it is said."""

import copy
import warnings

import keras
import numpy as np
import pytest

from keras_vae import collapse, data, models, objectives
from keras_vae.zoo import card, entry


@pytest.mark.parametrize(
    ("latent_dim", "active", "rate", "found"),
    [
        (32, 1, 0.09, "1 of 32 latents active, rate 0.09 nats"),
        (32, 4, 9.0, "4 of 32 latents active, rate 9 nats"),
        (32, 5, 9.0, None),
        (32, None, 0.5, "rate 0.5 nats"),
        (32, 30, 0.5, "30 of 32 latents active, rate 0.5 nats"),
        (32, None, 1.0, None),
        (3, 0, 2.0, "0 of 3 latents active, rate 2 nats"),
        (3, 1, 2.0, None),
        (8, 1, None, "1 of 8 latents active"),
        (8, None, None, None),
    ],
)
def test_what_counts_as_hardly_used(latent_dim, active, rate, found):
    assert collapse.describe(latent_dim, active, rate) == found


def test_active_units_are_those_whose_code_varies():
    codes = np.random.default_rng(0).standard_normal((500, 4)) * [1.0, 0.2, 0.05, 0.0]
    assert collapse.active_units(codes) == 2


def vae(**options):
    model = models.dense_vae((8, 8, 1), latent_dim=10, hidden_units=(32,), **options)
    model.compile(keras.optimizers.Adam(1e-2))
    return model


def test_fit_warns_once_of_a_code_without_use_and_names_the_remedy(binary):
    model = vae(objective=objectives.ELBO(beta=50.0))
    found = r"hardly used: \d+ of 10 latents active, rate 0\.\d+ nats.*BetaWarmup"
    with pytest.warns(UserWarning, match=found) as warned:
        model.fit(binary, epochs=10, batch_size=16, verbose=0)
    (one,) = [w for w in warned if "hardly used" in str(w.message)]
    assert one.filename == __file__  # the user's line
    split = data.Split("test", (binary * 255).astype("uint8"))
    with pytest.warns(UserWarning, match=r"hardly used: rate 0\.\d+ nats"):
        model.fit(data.batches(split, 64), verbose=0)


def test_fit_does_not_warn_where_the_code_is_used(binary, grey):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = vae(objective=objectives.ELBO(beta=0.1)).fit(binary, epochs=10, verbose=0).history
        assert history["rate"][-1] > 1
        autoencoder = models.dense_ae((8, 8, 1), latent_dim=3, hidden_units=(8,))
        autoencoder.compile()
        autoencoder.fit(grey, epochs=1, verbose=0)


def test_the_card_says_so(tiny_entry):
    told = copy.deepcopy(entry.metadata(tiny_entry))
    told["latent_dim"] = 32
    told["numbers"].update(active_units=1, rate_nats=0.09)
    line = "**The code is hardly used**: 1 of 32 latents active, rate 0.09 nats."
    assert line in card.render(told)
    told["numbers"].update(active_units=30, rate_nats=9.0)
    assert "hardly used" not in card.render(told)
