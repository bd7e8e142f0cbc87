"""Autoencoders and variational autoencoders, and the builders that choose their networks."""

from keras_vae.models.adversarial import AdversarialAutoencoder, FactorVAE
from keras_vae.models.autoencoder import Autoencoder
from keras_vae.models.autoregressive import Autoregressive
from keras_vae.models.builders import (
    BUILDERS,
    bind,
    build,
    conv_ae,
    conv_vae,
    dense_ae,
    dense_vae,
    pixel_cnn,
    pixel_rnn,
)
from keras_vae.models.code_model import CodeModel
from keras_vae.models.image_model import ImageModel
from keras_vae.models.vae import VAE

__all__ = [
    "BUILDERS",
    "VAE",
    "AdversarialAutoencoder",
    "Autoencoder",
    "Autoregressive",
    "CodeModel",
    "FactorVAE",
    "ImageModel",
    "bind",
    "build",
    "conv_ae",
    "conv_vae",
    "dense_ae",
    "dense_vae",
    "pixel_cnn",
    "pixel_rnn",
]
