"""The autoencoder: a code per image, and a decoder that is there to train the encoder."""

import keras
import tensorflow as tf

from keras_vae.models.image_model import ImageModel


@keras.saving.register_keras_serializable(package="keras_vae")
class Autoencoder(ImageModel):
    """Learns a code from which an image can be rebuilt (Hinton & Salakhutdinov 2006).

    The loss is the distortion -log p(x | z) at the code z of x. Trackers: `loss` and `distortion`
    in nats per image, `mse` of the reconstruction per pixel and channel.

    Args:
        encoder: functional keras.Model, (B, H, W, C) -> (B, latent_dim).
        decoder: functional keras.Model, (B, latent_dim) -> (B, H, W, R) raw parameters.
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
    """

    tracked = ("loss", "distortion", "mse")

    def __init__(self, encoder, decoder, *, likelihood="normal", **kwargs):
        super().__init__(encoder, decoder, likelihood=likelihood, **kwargs)
        self.finish(self.latent_dim, "an autoencoder")

    def code(self, parameters):
        return tf.cast(parameters, tf.float32)

    def terms(self, x, y, training):
        raw = self.decoder(self.code(self.encoder(x, training=training)), training=training)
        distortion = -self.likelihood_family.distribution(raw).log_prob(y)
        mse = tf.reduce_mean(tf.square(y - self.likelihood_family.mean(raw)), axis=[1, 2, 3])
        return {"loss": distortion, "distortion": distortion, "mse": mse}
