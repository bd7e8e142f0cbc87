"""Convolutional VAE on scikit-learn's 8x8 digits, binarised dynamically: 32 filters, 4x4.

Command: keras-vae train conv_vae_digits --output runs/conv_vae_digits
Cost: about 30 processor seconds.
Expected: nll 23.05 +- 0.4 nats on the 300 test images (K = 1000; 23.03 to 23.10 over three seeds).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_digits",
    data="digits",
    builder="conv_vae",
    arguments={"latent_dim": 8, "filters": (32,), "hidden_units": 128},
    binarize="dynamic",
    epochs=60,
    batch_size=64,
    learning_rate=3e-3,
    ema_momentum=0.98,
    warmup_epochs=20,
    expected={"nll_nats": 23.05},
    tolerance={"nll_nats": 0.4},
)
