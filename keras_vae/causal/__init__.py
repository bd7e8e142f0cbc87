"""Networks whose output at a pixel depends on the pixels before it alone, in raster order.

Two streams run through their layers: `rows` sees the rows above a pixel, `across` also the pixels
to its left. A layer has two forms: `call` computes whole images at once, for training; `row` and
`pixel` go on by one row and one pixel from what they remember, for drawing.
"""

from keras_vae.causal.drawing import drawer
from keras_vae.causal.networks import pixel_cnn, pixel_rnn

__all__ = ["drawer", "pixel_cnn", "pixel_rnn"]
