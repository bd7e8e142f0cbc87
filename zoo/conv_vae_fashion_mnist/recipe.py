"""Convolutional VAE on dynamically binarised Fashion-MNIST; the networks of conv_vae_mnist.

Command: keras-vae train conv_vae_fashion_mnist --output runs/conv_vae_fashion_mnist
Cost: 17 minutes on one processor that other work shared.
Expected: nll 229.0 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_fashion_mnist",
    data="fashion_mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
    },
    binarize="dynamic",
    epochs=40,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    warmup_epochs=5,
    expected={"nll_nats": 229.0},
    tolerance={"nll_nats": 0.4},
)
