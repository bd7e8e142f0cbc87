"""Convolutional VAE on dynamically binarised MNIST, residual blocks at 14x14 and 7x7.

Command: keras-vae train conv_vae_mnist --output runs/conv_vae_mnist
Cost: 54 minutes on two processors that also did other work.
Expected: nll 85.0 +- 0.5 nats on the 10,000 test images (K = 100).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_mnist",
    data="mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (32, 64),
        "residual_blocks": 1,
        "hidden_units": 128,
    },
    binarize="dynamic",
    epochs=50,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    warmup_epochs=5,
    dtype_policy="mixed_bfloat16",
    importance_samples=100,
    expected={"nll_nats": 85.0},
    tolerance={"nll_nats": 0.5},
)
