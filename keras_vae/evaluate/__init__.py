"""What a model is worth, in numbers; docs/evaluation.md defines each.

reporting      report: nats, bits, active units, errors of pixels, on images it has not seen
linear         pca_mse: what linear codes of the same size reach
"""

from keras_vae.evaluate.linear import pca_mse
from keras_vae.evaluate.reporting import report

__all__ = ["pca_mse", "report"]
