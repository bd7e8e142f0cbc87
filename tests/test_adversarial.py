"""AdversarialAutoencoder and FactorVAE: codes as promised, one step for all, whole files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import adversaries, data, models, objectives
from keras_vae.checkpoints import Checkpoints

SMALL = {"image_shape": (8, 8, 1), "latent_dim": 3, "hidden_units": (16,)}


def aae(weight=1.0, **options):
    adversary = adversaries.Discriminator(weight, (16,))
    return models.dense_ae(**{**SMALL, **options}, prior="standard_normal", adversary=adversary)


def factor_vae(weight=1.0, **options):
    return models.dense_vae(**SMALL, **options, adversary=adversaries.Discriminator(weight, (16,)))


def test_codes_are_drawn_to_the_prior(digits):
    """Mean and scale of the codes of test images, beside those of the plain autoencoder."""
    train, test = data.pixels(digits.train), data.pixels(digits.test)
    adversary = adversaries.Discriminator(1.0, (64, 64))
    size = {**SMALL, "latent_dim": 4, "hidden_units": (64,)}
    model = models.dense_ae(**size, prior="standard_normal", adversary=adversary)
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(train, epochs=40, batch_size=64, verbose=0)
    codes = model.encode(test)
    assert np.abs(codes.mean(axis=0)).max() < 0.6
    assert 0.7 < codes.std(axis=0).min() < codes.std(axis=0).max() < 1.6
    assert model.evaluate(test, verbose=0, return_dict=True)["mse"] < 0.04  # PCA's of 4 is 0.042
    assert model.sample(2, seed=1).shape == (2, 8, 8, 1)


@pytest.mark.parametrize("make", [aae, factor_vae])
def test_each_network_follows_its_own_loss(make, binary):
    """Without weight the adversary learns, and encoder and decoder as if it were not there."""
    gradients = {}
    for weight in (0.0, 5.0):
        keras.utils.set_random_seed(1)
        model = make(weight)
        model.compile(keras.optimizers.SGD(0.1))
        x = tf.constant(binary)
        with tf.GradientTape(persistent=True) as tape:
            terms = model.terms(x, x, training=True)
            loss, plain = (
                tf.reduce_mean(t) for t in (terms["loss"], model.told(x, x, True)[0]["loss"])
            )
            own = tf.reduce_mean(terms["adversary"])
        parts = [model.encoder, model.decoder, model.discriminator]
        parts = [p.trainable_variables for p in parts]
        gradients[weight] = tape.gradient(loss, parts)
        np.testing.assert_allclose(
            *(tape.gradient(t, parts[1])[0] for t in (loss, plain)), rtol=1e-5
        )
        for one, other in zip(gradients[weight][2], tape.gradient(own, parts[2]), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)
        plainly = tape.gradient(plain, parts[0])[0]
        differs = np.abs(gradients[weight][0][0] - plainly).max() / np.abs(plainly).max()
        assert (differs > 1e-4) == (weight > 0), differs


@pytest.mark.parametrize("make", [aae, pytest.param(factor_vae, marks=pytest.mark.shelf)])
def test_the_discriminator_is_saved_and_a_training_goes_on(make, binary, tmp_path):
    def fresh():
        keras.utils.set_random_seed(5)
        model = make()
        model.compile(keras.optimizers.Adam(1e-2))
        model.optimizer.build(model.trainable_variables)
        return model

    options = {"verbose": 0, "shuffle": False, "batch_size": 16}
    whole, first, second = fresh(), fresh(), fresh()
    history = whole.fit(binary, epochs=2, **options).history
    assert set(history) == set(whole.tracked)
    first.fit(binary, epochs=1, callbacks=[Checkpoints(tmp_path / "states")], **options)
    assert Checkpoints(tmp_path / "states").restore(second) == 1
    second._noise_key = first._noise_key = whole._noise_key
    second.fit(binary, epochs=2, initial_epoch=1, **options)
    for mine, theirs in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    whole.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is type(whole)
    for mine, theirs in zip(
        whole.discriminator.get_weights(), again.discriminator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert again.adversary.get_config() == whole.adversary.get_config()
    again.fit(binary, epochs=1, **options)
    assert again.optimizer.iterations == 12


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"FullNormal is fitted to codes: choose prior='standard"):
        models.dense_ae(**SMALL, adversary="discriminator")
    with pytest.raises(
        ValueError, match=r"estimates the total correlation beside an ELBO; .*BetaTC"
    ):
        factor_vae(objective="beta_tc")
    with pytest.raises(ValueError, match=r"leaves the sphere that PowerSpherical codes lie on"):
        factor_vae(posterior="power_spherical", prior="hyperspherical_uniform")
    assert isinstance(factor_vae(objective=objectives.ELBO(beta=2)), models.FactorVAE)
