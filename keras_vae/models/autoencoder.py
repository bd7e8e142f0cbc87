"""The autoencoder: a code and its reconstruction; the decoder is there to train the encoder."""

import keras
import tensorflow as tf

from keras_vae import penalties
from keras_vae.models.code_model import CodeModel


@keras.saving.register_keras_serializable(package="keras_vae")
class Autoencoder(CodeModel):
    """Autoencoder whose distortion is -log p(x | z) at the code.

    With the default likelihood, a normal of scale 1, that is half the squared error plus a
    constant, so least squares is what is minimised. Trackers: `distortion` in nats per image,
    `loss`, the same with the penalty of the code, `mse` of the reconstruction per pixel and
    channel.

    The prior takes no part in the training. `fit_prior(images)` fits it to the codes of a trained
    model, and `sample` draws from it then.

    Args:
        encoder: functional keras.Model, (B, H, W, C) -> (B, latent_dim).
        decoder: functional keras.Model, (B, latent_dim) -> (B, H, W, R) raw parameters.
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
        prior: name in `priors.FAMILIES`, or a Prior.
        penalty: name in `penalties.FAMILIES`, or a Penalty: what the code costs; or None.
    """

    tracked = ("loss", "distortion", "mse")
    purpose = (
        "An autoencoder: it learns a code, and the decoder was there to train the encoder. Its "
        "prior is a distribution fitted to the codes of training images afterwards; the samples "
        "below show what that lacks."
    )
    samples_are = "decoded draws of a prior fitted to the codes"

    def __init__(
        self,
        encoder,
        decoder,
        *,
        likelihood="normal",
        prior="full_normal",
        penalty=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, prior=prior, **kwargs)
        self.finish(self.latent_dim, "an autoencoder")
        self.prior_family.trainable = False
        self.penalty = penalties.get(penalty)
        if self.penalty is not None:
            self.purpose += f" In training its code had a price: {self.penalty}."

    def choices(self):
        return {**super().choices(), **({"penalty": self.penalty} if self.penalty else {})}

    def code(self, parameters):
        return tf.cast(parameters, tf.float32)

    def terms(self, x, y, training):
        return self.told(x, y, training)[0]

    def told(self, x, y, training):
        """The terms, and the codes that they are of, (B, D)."""
        code = self.code(self.encoder(x, training=training))
        raw = self.decoder(code, training=training)
        distortion = -self.likelihood_family.log_prob(raw, y, training)
        mse = tf.reduce_mean(tf.square(y - self.likelihood_family.mean(raw)), axis=[1, 2, 3])
        loss = distortion
        if self.penalty is not None:
            loss += self.penalty.of(self, x, code, self.draw_key(training))
        return {"loss": loss, "distortion": distortion, "mse": mse}, code

    @property
    def can_sample(self):
        return self.prior_family.ready

    def draw_codes(self, count, seed=None):
        if not self.can_sample:
            raise ValueError(
                "The prior of this Autoencoder was not fitted yet: call "
                "model.fit_prior(images) with images that it was trained on, then draw."
            )
        return super().draw_codes(count, seed)

    def complete(self, images):
        self.fit_prior(images)

    def numbers(self, images, importance_samples=100, seed=0, progress=True, kept=None):
        """As `CodeModel.numbers`, and the distortion at the codes."""
        told, total = super().numbers(images), 0.0
        codes = self.encode(images)
        for start in range(0, len(images), 256):
            part = slice(start, start + 256)
            raw = self.decoder(codes[part], training=False)
            log_prob = self.likelihood_family.log_prob(raw, images[part])
            total -= float(tf.reduce_sum(log_prob))
        return {"distortion_nats": total / len(images), **told}
