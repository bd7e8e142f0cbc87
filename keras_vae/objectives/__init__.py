"""What a VAE minimises: per-image terms in, per-image loss out, in nats."""

from keras_vae.choice import choose
from keras_vae.objectives.elbo import ELBO
from keras_vae.objectives.importance_weighted import CIWAE, IWAE, MIWAE, PIWAE
from keras_vae.objectives.objective import Objective, Terms

__all__ = ["CIWAE", "ELBO", "FAMILIES", "IWAE", "MIWAE", "PIWAE", "Objective", "Terms", "get"]

FAMILIES = {"elbo": ELBO, "iwae": IWAE, "miwae": MIWAE, "piwae": PIWAE, "ciwae": CIWAE}


def get(objective):
    """A name of `FAMILIES`, or an Objective, to an Objective."""
    return choose("objective", objective, FAMILIES, Objective)
