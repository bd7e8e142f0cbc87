"""Convolutional autoencoder on MNIST with a code of 32; the networks are those of conv_vae_mnist.

Command: keras-vae train conv_ae_mnist --output runs/conv_ae_mnist
Cost: 48 minutes on one busy processor.
Expected: mse 0.0026 +- 0.0003 on the 10,000 test images; PCA with 32 components has 0.0168.
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_ae_mnist",
    data="mnist",
    builder="conv_ae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
    },
    epochs=25,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    dtype_policy="mixed_bfloat16",
    quantization_aware_epochs=3,
    expected={"mse": 0.0026},
    tolerance={"mse": 0.0003},
)
