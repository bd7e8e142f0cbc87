"""Fully connected autoencoder on scikit-learn's 8x8 digits: 64-128-128-8.

Command: keras-vae train dense_ae_digits --output runs/dense_ae_digits
Cost: about 15 processor seconds.
Expected: mse 0.0131 +- 0.001 on the 300 test images (three seeds: 0.0127 to 0.0134); PCA 0.0247.
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_ae_digits",
    data="digits",
    builder="dense_ae",
    arguments={"latent_dim": 8, "hidden_units": (128, 128)},
    epochs=60,
    batch_size=64,
    learning_rate=3e-3,
    ema_momentum=0.98,
    expected={"mse": 0.0131},
    tolerance={"mse": 0.001},
)
