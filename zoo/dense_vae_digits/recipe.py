"""Fully connected VAE on scikit-learn's 8x8 digits, binarised dynamically: 64-256-128-8.

Command: keras-vae train dense_vae_digits --output runs/dense_vae_digits
Cost: about 25 processor seconds.
Expected: nll 22.75 +- 0.4 nats on the 300 test images (K = 1000; 22.60 to 22.81 over three seeds).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_digits",
    data="digits",
    builder="dense_vae",
    arguments={"latent_dim": 8, "hidden_units": (256, 128)},
    binarize="dynamic",
    epochs=80,
    batch_size=64,
    learning_rate=3e-3,
    ema_momentum=0.98,
    warmup_epochs=20,
    expected={"nll_nats": 22.75},
    tolerance={"nll_nats": 0.4},
)
