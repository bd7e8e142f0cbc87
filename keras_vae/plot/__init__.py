"""Pictures of models: uint8 arrays of images side by side, and matplotlib figures of numbers.

grids      grid, tiles, pairs, captioned; save as PNG
walks      manifold_grid, traversals, interpolations: what lies between the codes
maps       latent_map: where images lie in the latent space
curves     losses of a training, rate_distortion of several models
"""

from keras_vae.plot.curves import losses, rate_distortion
from keras_vae.plot.grids import (
    BACKGROUND,
    FONT_SIZE,
    PAD,
    captioned,
    grid,
    legible_scale,
    pairs,
    save,
    tiles,
)
from keras_vae.plot.maps import latent_map
from keras_vae.plot.walks import codes_between, interpolations, manifold_grid, traversals

__all__ = [
    "BACKGROUND",
    "FONT_SIZE",
    "PAD",
    "captioned",
    "codes_between",
    "grid",
    "interpolations",
    "latent_map",
    "legible_scale",
    "losses",
    "manifold_grid",
    "pairs",
    "rate_distortion",
    "save",
    "tiles",
    "traversals",
]
