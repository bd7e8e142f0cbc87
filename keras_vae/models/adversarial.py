"""Models with an adversary: a discriminator of codes learns beside encoder and decoder.

One step trains all of them by one optimizer: each network's gradient is that of its own loss, for
the discriminator is seen as it stands where the encoder learns, and the codes are where it does.
"""

import keras
import tensorflow as tf

from keras_vae import adversaries, objectives
from keras_vae.models.autoencoder import Autoencoder
from keras_vae.models.vae import VAE


@keras.saving.register_keras_serializable(package="keras_vae")
class AdversarialAutoencoder(Autoencoder):
    """An autoencoder whose codes an adversary draws to the prior (arXiv 1511.05644).

    The discriminator D tells draws of the prior from codes and gains -log(1 - D(z)) there; a code
    pays weight * -log D(z) (the non-saturating form of Goodfellow et al., arXiv 1406.2661). Of
    dense networks on grey digits (code of 4, weight 1, 60 epochs) the codes of test images had
    means within 0.3 of 0 and scales of 1.15 to 1.27, where those of the plain autoencoder had means
    down to -5 and scales of 2.7 to 4.4, at the same squared error.

    Args:
        encoder, decoder, likelihood, penalty: see `Autoencoder`.
        prior: name in `priors.FAMILIES`, or a Prior, that can be drawn from without a fit.
        adversary: "discriminator", or an `adversaries.Discriminator`.
    """

    tracked = ("loss", "distortion", "mse", "adversary")
    purpose = (
        "An adversarial autoencoder: a discriminator drew its codes to the prior while it was "
        "trained, so that draws of the prior can be decoded."
    )
    samples_are = "decoded draws of the prior"

    def __init__(
        self, encoder, decoder, *, prior="standard_normal", adversary="discriminator", **kwargs
    ):
        self.adversary = adversaries.get(adversary)
        super().__init__(encoder, decoder, prior=prior, **kwargs)
        if not self.prior_family.ready:
            raise ValueError(
                "The adversary draws codes to a prior that is there from the start, and "
                f"{type(self.prior_family).__name__} is fitted to codes: choose "
                "prior='standard_normal'."
            )

    def finish(self, outputs, reader):
        self.discriminator = self.adversary.network(self.latent_dim)
        super().finish(outputs, reader)

    def choices(self):
        return {**super().choices(), "adversary": self.adversary}

    def complete(self, images):
        """The prior was there from the start: nothing is left to do."""

    def terms(self, x, y, training):
        told, z = self.told(x, y, training)
        key = tf.random.experimental.stateless_fold_in(self.draw_key(training), 1)
        drawn = self.prior.sample(tf.shape(z)[0], seed=key)
        mistaken = tf.nn.softplus(-adversaries.as_it_stands(self.discriminator, z))
        own = adversaries.own_loss(self.discriminator, drawn, z)
        loss = told["loss"] + self.adversary.weight * mistaken
        return {**told, "loss": loss + own - tf.stop_gradient(own), "adversary": own}


@keras.saving.register_keras_serializable(package="keras_vae")
class FactorVAE(VAE):
    """A VAE that pays for the total correlation of its codes (Kim & Mnih, arXiv 1802.05983).

    loss = the objective's + weight * log(D(z) / (1 - D(z))), the estimate of log q(z) - log prod_d
    q(z_d) by a discriminator D that tells codes from codes whose latents were shuffled over the
    batch. The tracker `total_correlation` is its mean, in nats; a discriminator that learned
    little says less than there is.

    Args:
        encoder, decoder, likelihood, posterior, prior: see `VAE`.
        objective: an ELBO.
        adversary: "discriminator", or an `adversaries.Discriminator`, whose weight is the paper's
            gamma.
    """

    tracked = (*VAE.tracked, "adversary", "total_correlation")

    def __init__(self, encoder, decoder, *, objective="elbo", adversary="discriminator", **kwargs):
        self.adversary = adversaries.get(adversary)
        super().__init__(encoder, decoder, objective=objective, **kwargs)
        if not isinstance(self.objective, objectives.ELBO):
            raise ValueError(
                "The adversary of a FactorVAE estimates the total correlation beside an ELBO; "
                f"received {type(self.objective).__name__}. Choose objective='elbo', or leave the "
                "adversary out."
            )
        if self.posterior_family.support != "reals":
            raise ValueError(
                "The adversary of a FactorVAE shuffles latents, which leaves the sphere that "
                f"{type(self.posterior_family).__name__} codes lie on. Choose "
                "posterior='diagonal_normal', or leave the adversary out."
            )

    def finish(self, outputs, reader):
        self.discriminator = self.adversary.network(self.latent_dim)
        super().finish(outputs, reader)

    def choices(self):
        return {**super().choices(), "adversary": self.adversary}

    def terms(self, x, y, training):
        told, drawn = self.told(x, y, training)
        z = drawn.z[0]
        key = tf.random.experimental.stateless_fold_in(self.draw_key(training), 1)
        shuffled = adversaries.permuted(z, key)
        correlation = adversaries.as_it_stands(self.discriminator, z)
        own = adversaries.own_loss(self.discriminator, z, shuffled)
        warmup = self.objective.warmup.value if training else 1.0
        loss = told["loss"] + warmup * self.adversary.weight * correlation
        loss += own - tf.stop_gradient(own)
        return {**told, "loss": loss, "adversary": own, "total_correlation": correlation}
