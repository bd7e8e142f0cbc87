"""Fully connected VAE on dynamically binarised Fashion-MNIST: 784-300-300-40, gated.

Command: keras-vae train dense_vae_fashion_mnist --output runs/dense_vae_fashion_mnist
Cost: 17 minutes on one processor that other work shared.
Expected: nll 229.0 +- 0.4 nats on the 10,000 test images (K = 5,000).
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_vae_fashion_mnist",
    data="fashion_mnist",
    builder="dense_vae",
    arguments={"latent_dim": 40, "hidden_units": (300, 300), "activation": "gated"},
    binarize="dynamic",
    epochs=240,
    batch_size=128,
    learning_rate=2e-3,
    ema_momentum=0.999,
    warmup_epochs=20,
    jit_compile=True,
    importance_samples=5000,
    expected={"nll_nats": 229.0},
    tolerance={"nll_nats": 0.4},
    reference={"nll_nats": 228.70},
    reference_source="Exemplar VAE, arXiv 2004.04795: VAE 784-300-300-40, K = 5,000",
)
