"""The VAE: p(z) and p(x given z), and an encoder that is there to train the decoder."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae import objectives
from keras_vae.distributions import posteriors, priors, tfd
from keras_vae.models import checks, watch
from keras_vae.models.aggregate import aggregate
from keras_vae.models.code_model import CodeModel, traced_once
from keras_vae.models.importance import COMPARED, importance_terms, terms_graph

IMAGES_PER_STEP = 250  # whose posterior is computed at a time


@keras.saving.register_keras_serializable(package="keras_vae")
class VAE(CodeModel):
    """Variational autoencoder (Kingma & Welling, arXiv 1312.6114) of four choices.

    Trackers, in nats per image: `distortion` = -E_q log p(x|z), `rate` = KL(q || p),
    `elbo` = -(distortion + rate), and `loss`, what the objective makes of them.

    Args:
        encoder: functional keras.Model, (B, H, W, C) -> (B, P) raw parameters of the
            posterior.
        decoder: functional keras.Model, (B, latent_dim) -> (B, H, W, R) raw parameters
            of the likelihood.
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
        posterior: name in `posteriors.FAMILIES`, or a Posterior.
        prior: name in `priors.FAMILIES`, or a Prior.
        objective: name in `objectives.FAMILIES`, or an Objective.
    """

    tracked = ("loss", "distortion", "rate", "elbo")
    purpose = (
        "A variational autoencoder: it generates. Codes are drawn from the prior and decoded; the "
        "encoder was there to train the decoder."
    )

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
        super().__init__(encoder, decoder, likelihood=likelihood, prior=prior, **kwargs)
        self.posterior_family = posteriors.get(posterior)
        self.objective = objectives.get(objective)
        self.objective_weights = list(self.objective.weights)  # so that Keras saves them
        outputs = self.posterior_family.parameters(self.latent_dim)
        self.finish(outputs, f"the {type(self.posterior_family).__name__} posterior")
        self.objective.check(self)
        codes = lambda images, key: self.posterior(images).sample(seed=key)
        specs = tf.TensorSpec((None, *self.image_shape)), tf.TensorSpec((2,), tf.int32)
        self._sample_graph = traced_once(codes, *specs)
        self.importance_step = terms_graph(self)

    @property
    def served(self):
        """Of a prior that makes codes, also how: a VAE is there to be drawn from."""
        return ("decode", "from_noise") if self.prior_family.makes_codes else ("decode",)

    # ---- the posterior --------------------------------------------------------------------------

    def posterior(self, images):
        """q(z given x): tfd.Distribution of batch shape (B,) for (B, H, W, C) images in [0, 1]."""
        images = checks.as_images(tf.convert_to_tensor(images), self.image_shape, "images")
        return self.posterior_family.distribution(self.encoder(images, training=False))

    def sample_codes(self, images, seed=0):
        images = checks.as_images(images, self.image_shape, "images")
        drawn = []
        for start in range(0, len(images), IMAGES_PER_STEP):
            part = tf.convert_to_tensor(images[start : start + IMAGES_PER_STEP])
            drawn.append(self._sample_graph(part, tf.constant([seed, start])).numpy())
        return np.concatenate(drawn)

    def rate_by_latent(self, images):
        """KL(q || p) of each latent, the mean over images.

        Args:
            images: (N, H, W, C) float32 in [0, 1].

        Returns:
            (latent_dim,) float64, nats per image; None where posterior and prior are not both
            products over the latents (tfd.Independent).
        """
        try:
            parts = [
                self.posterior(images[start : start + IMAGES_PER_STEP])
                for start in range(0, len(images), IMAGES_PER_STEP)
            ]
        except ValueError:  # a model that has no such distribution
            return None
        prior = self.prior
        if not all(isinstance(part, tfd.Independent) for part in (prior, *parts)):
            return None
        rates = [tfd.kl_divergence(part.distribution, prior.distribution) for part in parts]
        return np.concatenate(rates).mean(axis=0, dtype="float64")

    def choices(self):
        return {
            **super().choices(),
            "posterior": self.posterior_family,
            "objective": self.objective,
        }

    def numbers(self, images, importance_samples=100, seed=0, progress=True, kept=None):
        """As `CodeModel.numbers`, and the ELBO, its parts, and the importance-sampled bound."""
        terms = importance_terms(self, images, importance_samples, seed, progress, kept)
        distortion, rate, nll = (float(np.mean(terms[k])) for k in ("distortion", "rate", "nll"))
        compared = {}
        if "nll_compared" in terms:
            compared = {f"nll_{COMPARED}_samples_nats": float(np.mean(terms["nll_compared"]))}
        by_latent = self.rate_by_latent(images)
        return {
            "distortion_nats": distortion,
            "rate_nats": rate,
            "elbo_nats": -(distortion + rate),
            "nll_nats": nll,
            "importance_samples": importance_samples,
            **compared,
            "bits_per_dim": self.bits_per_dim(nll),
            **({} if by_latent is None else {"rate_nats_by_latent": by_latent.tolist()}),
            **aggregate(self, images, rate, seed),
            **super().numbers(images),
        }

    def fit(self, x=None, *args, **kwargs):
        try:
            history = super().fit(x, *args, **kwargs)
        finally:  # a training that failed in its warm-up must not weaken the next one
            self.objective.warmup.assign(1.0)
        watch.warn_of_collapse(self, x, history.history)
        return history

    fit.__doc__ = (
        CodeModel.fit.__doc__
        + """
        Warns:
            UserWarning: the code is hardly used at the end, see `collapse.describe`.
        """
    )

    # ---- the terms ------------------------------------------------------------------------------

    def code(self, parameters):
        return self.posterior_family.mean(parameters)

    def sample_terms(self, x, y, samples, training=False, seed=None):
        """The terms of images in nats, at draws of their posterior: what objectives start from.

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
        z, log_q = posterior.experimental_sample_and_log_prob(samples, seed=seed)  # (K, B, D)
        prior = self.prior
        drawn = {"z": z, "posterior": posterior, "prior": prior, "seed": seed}
        if training and self.objective.separate:
            return self._separated(y, samples, drawn)
        sampled_rate = log_q - prior.log_prob(z)
        rate = priors.rate(posterior, prior, sampled_rate)
        return objectives.Terms(
            self._distortion(z, y, samples, training), rate, sampled_rate, **drawn
        )

    def _distortion(self, z, y, samples, training):
        """(K, B, D) codes of (B, H, W, C) images -> (K, B), -log p(y|z_k)."""
        raw = self.decoder(tf.reshape(z, (-1, self.latent_dim)), training=training)
        raw = tf.reshape(raw, (samples, -1, *raw.shape[1:]))  # (K, B, H, W, R)
        return -self.likelihood_family.log_prob(raw, y, training)

    def _separated(self, y, samples, drawn):
        """The terms in training with the gradients cut at the draws, see `Terms.slopes`."""
        posterior, prior, z = drawn["posterior"], drawn["prior"], tf.stop_gradient(drawn["z"])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(z)
            distortion = self._distortion(z, y, samples, training=True)
            log_q, log_p = posterior.log_prob(z), prior.log_prob(z)
            difference = log_q - log_p
        slopes = tape.gradient(distortion, z), tape.gradient(difference, z)
        rate = priors.rate(posterior, prior, difference)
        sampled_rate = tf.stop_gradient(log_q) - log_p
        return objectives.Terms(distortion, rate, sampled_rate, slopes=slopes, **drawn)

    def terms(self, x, y, training):
        return self.told(x, y, training)[0]

    def told(self, x, y, training):
        """The terms that are tracked, and the objectives.Terms that they come from."""
        key = self.noise_key() if training else None
        drawn = self.sample_terms(x, y, self.objective.samples, training, key)
        distortion = tf.reduce_mean(drawn.distortion, axis=0)
        warmup = self.objective.warmup.value if training else 1.0
        loss = self.objective.loss(drawn, warmup)
        if training:
            self.objective.update(drawn)
        return {
            "loss": loss,
            "distortion": distortion,
            "rate": drawn.rate,
            "elbo": -(distortion + drawn.rate),
        }, drawn
