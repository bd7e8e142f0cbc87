"""conv_vae_mnist with a mixture of normals as its prior.

Command: keras-vae train conv_vae_mnist_mixture --output runs/conv_vae_mnist_mixture
Cost: 10 minutes on one processor that other work shared.
Expected: nll 81.5 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.distributions import priors
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_mnist_mixture",
    data="mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
        "prior": priors.Mixture(components=500),
    },
    start="conv_vae_mnist",
    binarize="dynamic",
    epochs=20,
    batch_size=128,
    learning_rate=1e-3,
    clip_norm=100.0,
    ema_momentum=0.999,
    expected={"nll_nats": 81.5},
    tolerance={"nll_nats": 0.4},
)
