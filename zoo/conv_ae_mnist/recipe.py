"""Convolutional autoencoder on MNIST.

Command: keras-vae train conv_ae_mnist --output runs/conv_ae_mnist
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_ae_mnist",
    data="mnist",
    builder="conv_ae",
    arguments={"latent_dim": 32, "filters": (32, 64), "hidden_units": 256, "kernel_size": 5},
    epochs=40,
    batch_size=128,
    learning_rate=1e-3,
    ema_momentum=0.999,
    dtype_policy="mixed_bfloat16",
)
