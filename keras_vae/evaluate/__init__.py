"""What a model is worth, in numbers; docs/evaluation.md defines each.

reporting      report: nats, bits, active units, errors of pixels, on images it has not seen
linear         pca_mse: what linear codes of the same size reach
codes          manifold: what codes keep of classes and of neighbours
factors        disentanglement: how far a latent says one factor
features       the bundled network whose features compare images
generated      generation: how near generated images are to real ones
"""

from keras_vae.evaluate.codes import manifold
from keras_vae.evaluate.factors import disentanglement
from keras_vae.evaluate.generated import generation
from keras_vae.evaluate.linear import pca_mse
from keras_vae.evaluate.reporting import report

__all__ = ["disentanglement", "generation", "manifold", "pca_mse", "report"]
