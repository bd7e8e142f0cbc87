"""Convolutional autoencoder on scikit-learn's 8x8 digits: one level of 32 filters, 4x4.

Command: keras-vae train conv_ae_digits --output runs/conv_ae_digits
Cost: about 20 processor seconds.
Expected: mse 0.0126 +- 0.0008 on the 300 test images (three seeds: 0.0126 to 0.0127); PCA 0.0247.
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_ae_digits",
    data="digits",
    builder="conv_ae",
    arguments={"latent_dim": 8, "filters": (32,), "hidden_units": 128},
    epochs=60,
    batch_size=64,
    learning_rate=3e-3,
    ema_momentum=0.98,
    expected={"mse": 0.0126},
    tolerance={"mse": 0.0008},
)
