"""conv_vae_mnist with an inverse autoregressive posterior, arXiv 1606.04934.

Command: keras-vae train conv_vae_mnist_iaf --output runs/conv_vae_mnist_iaf
Cost: 11 minutes on one processor that other work shared.
Expected: nll 82.1 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.distributions import posteriors
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_mnist_iaf",
    data="mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
        "posterior": posteriors.InverseAutoregressive(steps=2, units=320),
    },
    start="conv_vae_mnist",
    binarize="dynamic",
    epochs=20,
    batch_size=128,
    learning_rate=1e-3,
    clip_norm=100.0,
    ema_momentum=0.999,
    expected={"nll_nats": 82.1},
    tolerance={"nll_nats": 0.4},
)
