"""VAE whose codes lie on a sphere: the network of Davidson et al., arXiv 1804.00891.

The posterior is power spherical, arXiv 2006.04437, where theirs is von Mises-Fisher.

Command: keras-vae train dense_vae_mnist_spherical --output runs/dense_vae_mnist_spherical
Cost: 11 minutes on one processor that other work shared.
Expected: nll 93.4 +- 0.4 nats on the 10,000 test images (K = 500).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_mnist_spherical",
    data="mnist",
    builder="dense_vae",
    arguments={
        "latent_dim": 11,
        "hidden_units": (256, 128),
        "posterior": "power_spherical",
        "prior": "hyperspherical_uniform",
    },
    binarize="dynamic",
    epochs=200,
    batch_size=128,
    learning_rate=3e-3,
    ema_momentum=0.999,
    warmup_epochs=20,
    jit_compile=True,
    importance_samples=500,
    expected={"nll_nats": 93.4},
    tolerance={"nll_nats": 0.4},
    reference={"nll_nats": 93.16},
    reference_source="S-VAE, arXiv 1804.00891, table 1: a sphere of 10 dimensions, K = 500",
)
