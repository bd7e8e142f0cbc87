"""A prior may look at its encoder, as the VampPrior does (arXiv 1705.07120)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import export, models
from keras_vae.distributions import priors, tfd

LATENTS, PSEUDO = 3, 5


@keras.saving.register_keras_serializable(package="test")
class Aggregated(priors.Prior):
    """The mean posterior of learned images: 1/K sum_k q(z given u_k)."""

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        _, image_shape = self.beside()
        shape = (PSEUDO, *image_shape)
        self.images = self.add_weight(shape=shape, initializer="random_uniform", name="images")

    def distribution(self):
        posterior, _ = self.beside()
        parts = posterior(tf.convert_to_tensor(self.images))
        return tfd.MixtureSameFamily(tfd.Categorical(tf.zeros(PSEUDO)), parts)


@pytest.fixture(scope="module")
def model(binary):
    vae = models.dense_vae((8, 8, 1), LATENTS, hidden_units=(12,), prior=Aggregated())
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(binary, epochs=4, batch_size=16, verbose=0)
    return vae


def test_its_weights_learn_and_the_encoders_are_none_of_them(model):
    (images,) = model.prior_family.weights
    assert images.shape == (PSEUDO, 8, 8, 1)
    assert np.abs(images.numpy()).max() > 0.06  # random_uniform ends at 0.05
    assert len(model.weights) == len(model.encoder.weights) + len(model.decoder.weights) + 1


def test_its_density_is_the_mean_of_the_posteriors(model):
    z = model.draw_codes(20, seed=1)
    parts = model.posterior(model.prior_family.images).log_prob(z[:, None])  # (20, K)
    expected = tf.reduce_logsumexp(parts, axis=1) - np.log(PSEUDO)
    np.testing.assert_allclose(model.prior.log_prob(z), expected, atol=1e-4)


def test_saved_loaded_and_copied_it_looks_at_the_new_encoder(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.sample(4, seed=1), model.sample(4, seed=1), atol=1e-6)
    twin = export.quantization_aware(model)
    z = model.draw_codes(6, seed=2)
    np.testing.assert_allclose(twin.prior.log_prob(z), model.prior.log_prob(z), atol=1e-5)
    blind = models.dense_vae((8, 8, 1), LATENTS, hidden_units=(12,))
    other = model.with_networks(blind.encoder, blind.decoder)
    assert np.abs(other.prior.log_prob(z) - model.prior.log_prob(z)).max() > 1e-3
