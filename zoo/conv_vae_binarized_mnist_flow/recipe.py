"""conv_vae_mnist_flow on the fixed binarisation of MNIST, from nothing but its images.

Half of the training images are turned and stretched a little, by less and less: one binarisation
of 50,000 images is learned by heart otherwise. Each pixel is a copy of the nearest, or the images
would be noisier than those that are measured. The weights begin at random, since those of an entry
that saw the grey images know more than this data set says.

Command: keras-vae train conv_vae_binarized_mnist_flow --output runs/conv_vae_binarized_mnist_flow
Cost: 38 minutes on one processor that other work shared.
Expected: nll 80.7 +- 0.4 nats on the 10,000 test images (K = 1,000).
"""

from keras_vae.distributions import posteriors, priors
from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="conv_vae_binarized_mnist_flow",
    data="binarized_mnist",
    builder="conv_vae",
    arguments={
        "latent_dim": 32,
        "filters": (16, 32, 32),
        "residual_blocks": 2,
        "hidden_units": 450,
        "activation": "elu",
        "posterior": posteriors.InverseAutoregressive(steps=2, units=320),
        "prior": priors.Flow(couplings=20, units=250),
    },
    augmentation={
        "rotation": 8,
        "scale": 0.08,
        "shear": 0.15,
        "shift": 0.02,
        "interpolation": "nearest",
        "share": 0.5,
        "epochs": 50,
    },
    epochs=70,
    batch_size=128,
    learning_rate=1e-3,
    clip_norm=100.0,
    ema_momentum=0.9995,
    warmup_epochs=10,
    quantization_aware_epochs=3,
    expected={"nll_nats": 80.7},
    tolerance={"nll_nats": 0.4},
)
