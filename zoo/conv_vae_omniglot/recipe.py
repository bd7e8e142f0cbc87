"""Convolutional VAE on dynamically binarised Omniglot, resized to 28x28 by area averages.

The split is tfds's: the 30 alphabets of the background set are trained, the 20 others are tested,
so that this is a density of characters of alphabets that were never seen; of 2,000 images of the
trained alphabets that were held out the nll is 94.6 nats. Most training images are turned by any
angle and stretched, which makes new characters of them (as whole classes of few-shot learning were,
arXiv 1606.04080); and the flow of the prior is small and scales by little, or new codes lie far
outside of it.

Command: keras-vae train conv_vae_omniglot --output runs/conv_vae_omniglot
Cost: 70 minutes on one processor that other work shared.
Expected: nll 104.1 +- 0.4 nats on the 13,180 test images (K = 1,000).
"""

from keras_vae.distributions import priors
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_omniglot",
    data="omniglot",
    builder="conv_vae",
    arguments={
        "image_shape": (28, 28, 1),
        "latent_dim": 40,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
        "prior": priors.Flow(couplings=8, units=128, bound=1.0),
    },
    augmentation={
        "rotation": 180,
        "scale": 0.15,
        "shear": 0.2,
        "shift": 0.03,
        "contrast": 1.3,
        "share": 0.7,
    },
    binarize="dynamic",
    epochs=250,
    batch_size=128,
    learning_rate=2e-3,
    clip_norm=100.0,
    ema_momentum=0.999,
    warmup_epochs=15,
    quantization_aware_epochs=10,
    expected={"nll_nats": 104.1},
    tolerance={"nll_nats": 0.4},
)
