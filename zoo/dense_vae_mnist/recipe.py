"""Fully connected VAE on dynamically binarised MNIST: 784-500-500-40.

Command: keras-vae train dense_vae_mnist --output runs/dense_vae_mnist
Cost: 32 minutes on one processor of a busy machine.
Expected: nll 87.2 +- 0.4 nats on the 10,000 test images (K = 1000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_mnist",
    data="mnist",
    builder="dense_vae",
    arguments={"latent_dim": 40, "hidden_units": (500, 500)},
    binarize="dynamic",
    epochs=120,
    batch_size=128,
    learning_rate=1e-3,
    ema_momentum=0.999,
    warmup_epochs=10,
    dtype_policy="mixed_bfloat16",
    expected={"nll_nats": 87.2},
    tolerance={"nll_nats": 0.4},
)
