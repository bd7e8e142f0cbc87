"""Fully connected VAE on dynamically binarised MNIST whose decoder fits a microcontroller.

The encoder, 784-500-250, may be large: it stays here. The decoder is 16-64-42-784, for 64 KiB of
flash in int8. More output channels would cost more than more weights: each has its scales.

Command: keras-vae train dense_vae_mnist_micro --output runs/dense_vae_mnist_micro
Cost: 19 minutes on one processor of a busy machine.
Expected: nll 100.9 +- 0.5 nats on the 10,000 test images (K = 1000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_mnist_micro",
    data="mnist",
    builder="dense_vae",
    arguments={
        "latent_dim": 16,
        "hidden_units": {"encoder": (500, 250), "decoder": (42, 64)},
    },
    binarize="dynamic",
    epochs=50,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    warmup_epochs=5,
    jit_compile=True,
    expected={"nll_nats": 100.9},
    tolerance={"nll_nats": 0.5},
)
