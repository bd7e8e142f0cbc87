"""conv_vae on scikit-learn's 8x8 digits; small enough to be trained anywhere in seconds.

Command: keras-vae train conv_vae_digits --output runs/conv_vae_digits
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_digits",
    data="digits",
    builder="conv_vae",
    arguments={"latent_dim": 8, "filters": (16, 32), "hidden_units": 64},
    binarize="dynamic",
    epochs=60,
    batch_size=64,
    learning_rate=3e-3,
    ema_momentum=0.98,
)
