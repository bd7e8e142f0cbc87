"""Convolutional autoencoder on MNIST: 32 and 64 filters, a code of 32.

Command: keras-vae train conv_ae_mnist --output runs/conv_ae_mnist
Cost: 6 minutes on two processors that also did other work.
Expected: mse 0.0041 +- 0.0004 on the 10,000 test images; PCA with 32 components has 0.0168.
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_ae_mnist",
    data="mnist",
    builder="conv_ae",
    arguments={"latent_dim": 32, "filters": (32, 64), "hidden_units": 128},
    epochs=15,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    dtype_policy="mixed_bfloat16",
    expected={"mse": 0.0041},
    tolerance={"mse": 0.0004},
)
