"""Fully connected VAE on the fixed binarisation of MNIST: 784-400-40.

Command: keras-vae train dense_vae_binarized_mnist --output runs/dense_vae_binarized_mnist
Cost: 10 minutes on one processor that other work shared.
Expected: nll 91.5 +- 0.4 nats on the 10,000 test images (K = 200).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_binarized_mnist",
    data="binarized_mnist",
    builder="dense_vae",
    arguments={"latent_dim": 40, "hidden_units": (400,)},
    epochs=200,
    batch_size=128,
    learning_rate=3e-3,
    ema_momentum=0.999,
    warmup_epochs=20,
    jit_compile=True,
    importance_samples=200,
    expected={"nll_nats": 91.5},
    tolerance={"nll_nats": 0.4},
    reference={"nll_nats": 89.78},
    reference_source="pythae, arXiv 2206.08309: VAE 784-400-40, K = 200",
)
