"""conv_vae_mnist with a VampPrior, arXiv 1705.07120.

Command: keras-vae train conv_vae_mnist_vamp --output runs/conv_vae_mnist_vamp
Cost: 15 minutes on one processor that other work shared.
Expected: nll 81.0 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.distributions import priors
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_mnist_vamp",
    data="mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
        "prior": priors.VampPrior(components=300),
    },
    start="conv_vae_mnist",
    binarize="dynamic",
    epochs=15,
    batch_size=128,
    learning_rate=1e-3,
    clip_norm=100.0,
    ema_momentum=0.999,
    expected={"nll_nats": 81.0},
    tolerance={"nll_nats": 0.4},
)
