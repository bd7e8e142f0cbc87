"""dense_vae_mnist with a VampPrior, arXiv 1705.07120: 784-300-300-40, gated.

The paper has 500 pseudo-inputs; with 460 the weights stay below 6 MB.

Command: keras-vae train dense_vae_mnist_vamp --output runs/dense_vae_mnist_vamp
Cost: 8 minutes on one processor that other work shared.
Expected: nll 82.8 +- 0.4 nats on the 10,000 test images (K = 5,000).
"""

from keras_vae.distributions import priors
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_mnist_vamp",
    data="mnist",
    builder="dense_vae",
    arguments={
        "latent_dim": 40,
        "hidden_units": (300, 300),
        "activation": "gated",
        "prior": priors.VampPrior(components=460),
    },
    start="dense_vae_mnist",
    binarize="dynamic",
    epochs=40,
    batch_size=256,
    learning_rate=1e-3,
    ema_momentum=0.999,
    jit_compile=True,
    importance_samples=5000,
    expected={"nll_nats": 82.8},
    tolerance={"nll_nats": 0.4},
    reference={"nll_nats": 82.43},
    reference_source="Exemplar VAE, arXiv 2004.04795: VampPrior 784-300-300-40, K = 5,000",
)
