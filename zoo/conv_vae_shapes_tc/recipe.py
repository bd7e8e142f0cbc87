"""conv_vae_shapes with a penalty on the total correlation of its latents, arXiv 1802.04942.

Command: keras-vae train conv_vae_shapes_tc --output runs/conv_vae_shapes_tc
Cost: 2 minutes on one processor that other work shared.
Expected: nll 54.8 +- 0.4 nats on the 1,000 test images (K = 1,000).
"""

from keras_vae.objectives import BetaTC
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_shapes_tc",
    data="shapes",
    builder="conv_vae",
    arguments={
        "latent_dim": 10,
        "filters": (16, 32, 32),
        "hidden_units": 256,
        "objective": BetaTC(beta=6.0, dataset_size=11_824),
    },
    binarize="dynamic",
    epochs=60,
    batch_size=64,
    learning_rate=1e-3,
    ema_momentum=0.999,
    warmup_epochs=10,
    expected={"nll_nats": 54.8},
    tolerance={"nll_nats": 0.4},
    reference={"mig": 0.054},
    reference_source="conv_vae_shapes, measured here",
)
