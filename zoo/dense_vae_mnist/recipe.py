"""Fully connected VAE on dynamically binarised MNIST: 784-300-300-40, gated, int8-aware.

Command: keras-vae train dense_vae_mnist --output runs/dense_vae_mnist
Cost: 66 minutes on one processor.
Expected: nll 84.8 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_mnist",
    data="mnist",
    builder="dense_vae",
    arguments={"latent_dim": 40, "hidden_units": (300, 300), "activation": "gated"},
    binarize="dynamic",
    epochs=400,
    batch_size=128,
    learning_rate=1e-3,
    ema_momentum=0.999,
    warmup_epochs=100,
    jit_compile=True,
    quantization_aware_epochs=6,
    expected={"nll_nats": 84.8},
    tolerance={"nll_nats": 0.4},
)
