"""The work that is the same for all contenders: sizes, images, codes, parameters."""

import numpy as np

IMAGE_SHAPE = (28, 28, 1)
LATENT_DIM = {"dense": 50, "conv": 32}
PARAMETERS = {"dense": 1_361_884, "conv": 1_672_001}  # 784-500-500-50; stride 2, 32/64, 256, 32
IMAGES, BATCH, EPOCHS = 12_800, 128, 2  # of a round of training
LEARNING_RATE = 1e-4
DECODES = 2048  # images of a round of decoding


def images():
    """(IMAGES, H, W, C) float32 of 0 and 1, as many white as in MNIST; nobody is to learn it."""
    random = np.random.default_rng(0)
    return (random.random((IMAGES, *IMAGE_SHAPE), "float32") < 0.13).astype("float32")


def codes(count, latent_dim):
    """(count, latent_dim) float32 draws of the standard normal."""
    return np.random.default_rng(0).standard_normal((count, latent_dim), "float32")


def decoding(once, batch):
    """The work of a round: `once()`, which decodes `batch` codes, until DECODES are made."""
    calls = DECODES // batch

    def decode():
        for _ in range(calls):
            once()
        return calls * batch

    return decode


def check_parameters(network, count):
    """Raises ValueError where a contender would train another network."""
    if count != PARAMETERS[network]:
        raise ValueError(
            f"The {network} VAE has {PARAMETERS[network]:,} parameters here; received {count:,}."
        )
