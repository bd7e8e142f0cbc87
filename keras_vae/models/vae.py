"""The VAE: p(z) and p(x given z), and an encoder that is there to train the decoder."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae import objectives
from keras_vae.distributions import posteriors, priors
from keras_vae.models import checks, watch
from keras_vae.models.image_model import ImageModel


@keras.saving.register_keras_serializable(package="keras_vae")
class VAE(ImageModel):
    """Variational autoencoder (Kingma & Welling, arXiv 1312.6114) of four choices.

    Trackers, in nats per image: `distortion` = -E_q log p(x|z), `rate` = KL(q || p),
    `elbo` = -(distortion + rate), and `loss`, what the objective makes of them.

    Args:
        encoder: functional keras.Model, (B, H, W, C) -> (B, latent_dim * parameters_per_latent).
        decoder: functional keras.Model, (B, latent_dim) -> (B, H, W, C * parameters_per_channel).
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
        posterior: name in `posteriors.FAMILIES`, or a Posterior.
        prior: name in `priors.FAMILIES`, or a Prior.
        objective: name in `objectives.FAMILIES`, or an Objective.
    """

    tracked = ("loss", "distortion", "rate", "elbo")

    def __init__(
        self,
        encoder,
        decoder,
        *,
        likelihood="bernoulli",
        posterior="diagonal_normal",
        prior="standard_normal",
        objective="elbo",
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, **kwargs)
        self.posterior_family = posteriors.get(posterior)
        self.prior_family = priors.get(prior)
        priors.build(self.prior_family, self.latent_dim)
        self.objective = objectives.get(objective)
        outputs = self.latent_dim * self.posterior_family.parameters_per_latent
        self.finish(outputs, f"the {type(self.posterior_family).__name__} posterior")

    # ---- the three distributions ----------------------------------------------------------------

    def posterior(self, images):
        """q(z given x): tfd.Distribution of batch shape (B,) for (B, H, W, C) images in [0, 1]."""
        images = checks.as_images(tf.convert_to_tensor(images), self.image_shape, "images")
        return self.posterior_family.distribution(self.encoder(images, training=False))

    def likelihood(self, z):
        """p(x given z): tfd.Distribution of batch shape (B,) for (B, latent_dim) codes."""
        return self.likelihood_family.distribution(self.decoder(z, training=False))

    @property
    def prior(self):
        """p(z): tfd.Distribution of batch shape ()."""
        return self.prior_family.distribution()

    def sample(self, count, seed=None, batch_size=256):
        """Draws images: codes from the prior, then their pixel means.

        Args:
            count: number of images.
            seed: integer for the same images again, or None for new ones.
            batch_size: codes decoded at a time.

        Returns:
            (count, H, W, C) float32 in [0, 1].
        """
        if count < 1:
            raise ValueError(f"count must be at least 1; received {count}.")
        stateless = None if seed is None else tf.constant([0, seed], tf.int32)
        return self.decode(np.asarray(self.prior.sample(count, seed=stateless)), batch_size)

    def fit(self, x=None, *args, **kwargs):
        try:
            history = super().fit(x, *args, **kwargs)
        finally:  # a training that failed in its warm-up must not weaken the next one
            self.objective.warmup.assign(1.0)
        watch.warn_of_collapse(self, x, history.history)
        return history

    fit.__doc__ = (
        ImageModel.fit.__doc__
        + """
        Warns:
            UserWarning: the code is hardly used at the end, see `collapse.describe`.
        """
    )

    # ---- the terms ------------------------------------------------------------------------------

    def code(self, parameters):
        return self.posterior_family.mean(parameters)

    def draw(self, x, y, samples, training=False, seed=None):
        """What the objective and the evaluation know of images, from draws of their posterior.

        Args:
            x: (B, H, W, C) float32, what the encoder sees.
            y: (B, H, W, C) float32 in the support of the likelihood, what is to be explained.
            samples: K, draws for each image.
            training: bool.
            seed: (2,) integers for the same draws again, or None.

        Returns:
            objectives.Terms.
        """
        posterior = self.posterior_family.distribution(self.encoder(x, training=training))
        z = posterior.sample(samples, seed=seed)  # (K, B, D)
        raw = self.decoder(tf.reshape(z, (-1, self.latent_dim)), training=training)
        raw = tf.reshape(raw, (samples, -1, *raw.shape[1:]))  # (K, B, H, W, R)
        sampled_rate = posterior.log_prob(z) - self.prior.log_prob(z)
        return objectives.Terms(
            distortion=-self.likelihood_family.distribution(raw).log_prob(y),
            rate=priors.rate(posterior, self.prior, sampled_rate),
            sampled_rate=sampled_rate,
        )

    def terms(self, x, y, training):
        drawn = self.draw(x, y, self.objective.samples, training)
        distortion = tf.reduce_mean(drawn.distortion, axis=0)
        warmup = self.objective.warmup.value if training else 1.0
        return {
            "loss": self.objective.loss(drawn, warmup),
            "distortion": distortion,
            "rate": drawn.rate,
            "elbo": -(distortion + drawn.rate),
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "posterior": serialize(self.posterior_family),
            "prior": serialize(self.prior_family),
            "objective": serialize(self.objective),
        }
