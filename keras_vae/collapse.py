"""When the code of a model is hardly used, and what to do about it."""

ACTIVE_VARIANCE = 0.01  # a latent is active if its code varies more than this over the images
LOW_RATE = 1.0  # nats: less than what tells three kinds of images apart
FEW = 8  # active latents are few where they are at most an eighth of all
REMEDY = (
    "Samples will look alike. Train for more steps (more epochs, smaller batches), let beta rise "
    "while training starts (keras_vae.callbacks.BetaWarmup), or lower beta."
)


def active_units(codes):
    """(N, latent_dim) codes -> number of latents that are active (Burda et al., 1509.00519)."""
    import numpy as np  # here, because the cards of the shelf are read without it

    return int(np.sum(np.var(codes, axis=0) > ACTIVE_VARIANCE))


def describe(latent_dim, active_units=None, rate=None):
    """Says by which numbers the code is hardly used, if it is.

    Args:
        latent_dim: size of the code.
        active_units: latents whose code varies over the images, see `evaluate.report`; or None.
        rate: KL(q || p) in nats per image; or None.

    Returns:
        "1 of 32 latents active, rate 0.09 nats", or None where more than an eighth of the latents
        are active and the rate is at least 1 nat.
    """
    few = active_units is not None and active_units <= latent_dim // FEW
    low = rate is not None and rate < LOW_RATE
    if not few and not low:
        return None
    parts = [] if active_units is None else [f"{active_units} of {latent_dim} latents active"]
    return ", ".join(parts + ([] if rate is None else [f"rate {rate:.2g} nats"]))
