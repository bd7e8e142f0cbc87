"""Convolutional VAE on dynamically binarised MNIST, residual blocks at 14x14, 7x7 and 4x4.

The networks have the shape of Kingma et al., arXiv 1606.04934, for a diagonal posterior.

Command: keras-vae train conv_vae_mnist --output runs/conv_vae_mnist
Cost: 117 minutes, most of them on one processor.
Expected: nll 82.2 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_mnist",
    data="mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
    },
    binarize="dynamic",
    epochs=110,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    warmup_epochs=10,
    dtype_policy="mixed_bfloat16",
    quantization_aware_epochs=6,
    expected={"nll_nats": 82.2},
    tolerance={"nll_nats": 0.4},
)
