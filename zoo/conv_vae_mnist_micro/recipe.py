"""Convolutional VAE on dynamically binarised MNIST whose decoder fits a microcontroller.

The decoder, one residual block at 4x4, 7x7 and 14x14, takes less than 64 KiB of flash in int8 and
32 KiB of memory; its activations are ReLU, and it is int8-aware.

Command: keras-vae train conv_vae_mnist_micro --output runs/conv_vae_mnist_micro
Cost: 27 minutes on one processor of a busy machine.
Expected: nll 90.5 +- 0.5 nats on the 10,000 test images (K = 1000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_mnist_micro",
    data="mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 16,
        "filters": {"encoder": (16, 32, 48), "decoder": (8, 24, 20)},
        "residual_blocks": {"encoder": 0, "decoder": 1},
        "hidden_units": {"encoder": 256, "decoder": 0},
    },
    binarize="dynamic",
    epochs=16,
    batch_size=128,
    learning_rate=3e-3,
    ema_momentum=0.999,
    warmup_epochs=2,
    dtype_policy="mixed_bfloat16",
    quantization_aware_epochs=10,
    expected={"nll_nats": 90.5},
    tolerance={"nll_nats": 0.5},
)
