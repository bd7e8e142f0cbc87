"""Fully connected VAE on dynamically binarised MNIST: 784-500-500-40, trained as an IWAE.

Command: keras-vae train dense_vae_mnist --output runs/dense_vae_mnist
Cost: 30 minutes on two processors.
Expected: nll 85.0 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.objectives import IWAE
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_mnist",
    data="mnist",
    builder="dense_vae",
    arguments={
        "latent_dim": 40,
        "hidden_units": (500, 500),
        "activation": "elu",
        "objective": IWAE(samples=5),
    },
    binarize="dynamic",
    epochs=150,
    batch_size=128,
    learning_rate=1e-3,
    ema_momentum=0.999,
    warmup_epochs=10,
    jit_compile=True,
    expected={"nll_nats": 85.0},
    tolerance={"nll_nats": 0.4},
)
