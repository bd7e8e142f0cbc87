"""What a VAE minimises: per-image terms in, per-image loss out, in nats."""

from keras_vae.choice import choose
from keras_vae.objectives.beta_tc import BetaTC
from keras_vae.objectives.dip import DIP
from keras_vae.objectives.elbo import ELBO
from keras_vae.objectives.geco import GECO
from keras_vae.objectives.importance_weighted import CIWAE, IWAE, MIWAE, PIWAE
from keras_vae.objectives.mmd import MMD
from keras_vae.objectives.objective import Objective, Terms

__all__ = [
    "CIWAE",
    "DIP",
    "ELBO",
    "FAMILIES",
    "GECO",
    "IWAE",
    "MIWAE",
    "MMD",
    "PIWAE",
    "BetaTC",
    "Objective",
    "Terms",
    "get",
]

FAMILIES = {
    "elbo": ELBO,
    "iwae": IWAE,
    "miwae": MIWAE,
    "piwae": PIWAE,
    "ciwae": CIWAE,
    "beta_tc": BetaTC,
    "dip": DIP,
    "mmd": MMD,
    "geco": GECO,
}


def get(objective):
    """A name of `FAMILIES`, or an Objective, to an Objective."""
    return choose("objective", objective, FAMILIES, Objective)
