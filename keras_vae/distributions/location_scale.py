"""Likelihoods of a location for each pixel and one scale for all of them: normal and Laplace."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.choice import real
from keras_vae.distributions import tfd
from keras_vae.distributions.likelihood import Likelihood

START, LEAST = 0.1, 1e-3  # of a scale that is learned or measured
WINDOW = 100  # batches that the measured scale is an average over
SCALES, MEANS = ("learned", "optimal"), ("sigmoid", "linear")
REGISTER = keras.saving.register_keras_serializable(package="keras_vae")


class LocationScale(Likelihood):
    """Base: locations from the decoder, and a scale that all pixels of all images share.

    With scale="optimal" a step of the training takes the scale under which the batch is most
    likely, in closed form (sigma-VAE, Rybkin et al., arXiv 2006.13202). An evaluation may not: it
    takes the average over the last hundred batches or so, a weight that is saved with the model.

    Args:
        scale: in pixel units ([0, 1] images), above 0; or "learned": one trainable number; or
            "optimal", see above.
        mean: "sigmoid" keeps the location in (0, 1); "linear" takes the raw parameters as they are.
    """

    def __init__(self, scale="learned", mean="sigmoid", **kwargs):
        super().__init__(**kwargs)
        if not isinstance(scale, str) or scale not in SCALES:
            scale = real("scale, if not 'learned' or 'optimal',", scale, above=0)
        if mean not in MEANS:
            raise ValueError(f"mean must be one of {MEANS}; received {mean!r}.")
        self.scale_choice, self.mean_choice = scale, mean
        if scale == "learned":
            start = keras.initializers.Constant(np.log(START))
            self.log_scale = self.add_weight(shape=(), initializer=start, name="log_scale")
        if scale == "optimal":
            kept = {"shape": (), "trainable": False, "aggregation": "only_first_replica"}
            start = keras.initializers.Constant(self._error(START))
            self.error = self.add_weight(initializer=start, name="error", **kept)
            self.batches = self.add_weight(initializer="zeros", name="batches", **kept)

    # ---- what a subclass says -------------------------------------------------------------------

    def _error(self, residual):
        """What the best scale is a function of the mean of: of each residual, any shape."""
        raise NotImplementedError

    def _best_scale(self, error):
        """The scale of maximum likelihood where `_error` is so large on average."""
        raise NotImplementedError

    def _of(self, loc, scale):
        """tfd.Distribution of single pixels."""
        raise NotImplementedError

    # ---- the likelihood -------------------------------------------------------------------------

    @property
    def scale(self):
        """In pixel units, a float or a scalar tensor; at least 0.001 where it is not given."""
        if self.scale_choice == "learned":
            return tf.maximum(tf.exp(tf.cast(self.log_scale, tf.float32)), LEAST)
        if self.scale_choice == "optimal":
            return tf.maximum(self._best_scale(tf.cast(self.error, tf.float32)), LEAST)
        return float(self.scale_choice)

    def _loc(self, parameters):
        parameters = tf.cast(parameters, tf.float32)
        return tf.sigmoid(parameters) if self.mean_choice == "sigmoid" else parameters

    def distribution(self, parameters):
        return tfd.Independent(self._of(self._loc(parameters), self.scale), 3)

    def log_prob(self, parameters, images, training=False):
        if not training or self.scale_choice != "optimal":
            return super().log_prob(parameters, images, training)
        loc = self._loc(parameters)
        # At its optimum the scale has no gradient.
        error = _mean_over_replicas(self._error(tf.stop_gradient(images - loc)))
        self.batches.assign_add(1.0)
        weight = 1.0 / tf.minimum(tf.cast(self.batches, tf.float32), WINDOW)
        self.error.assign_add(weight * (error - tf.cast(self.error, tf.float32)))
        scale = tf.maximum(self._best_scale(error), LEAST)
        return tfd.Independent(self._of(loc, scale), 3).log_prob(images)

    def mean(self, parameters):
        loc = self._loc(parameters)
        return loc if self.mean_choice == "sigmoid" else tf.clip_by_value(loc, 0.0, 1.0)

    def from_mean(self, mean):
        if self.mean_choice == "linear":
            return super().from_mean(mean)  # they were clipped
        return tfd.Independent(self._of(tf.cast(mean, tf.float32), self.scale), 3)

    def check(self, images):
        if self.mean_choice == "sigmoid":
            super().check(images)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale_choice, "mean": self.mean_choice}


@REGISTER
class Normal(LocationScale):
    """Grey or colour pixels with Gaussian noise.

    Its optimal scale is the root of the mean squared error. With mean="linear" and a linear decoder
    it is probabilistic PCA, where the marginal likelihood is known.

    Args:
        scale: standard deviation, see `LocationScale`.
        mean: see `LocationScale`.
    """

    def _error(self, residual):
        return residual * residual

    def _best_scale(self, error):
        return tf.sqrt(error)

    def _of(self, loc, scale):
        return tfd.Normal(loc, scale)


@REGISTER
class Laplace(LocationScale):
    """Grey or colour pixels with noise of heavier tails: exp(-|x - loc| / scale) / (2 scale).

    Its optimal scale is the mean absolute error.

    Args:
        scale, mean: see `LocationScale`.
    """

    def _error(self, residual):
        return abs(residual)

    def _best_scale(self, error):
        return error

    def _of(self, loc, scale):
        return tfd.Laplace(loc, scale)


def _mean_over_replicas(values):
    """The mean of the values of all replicas, a scalar."""
    total, count = tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32)
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        total, count = replica.all_reduce(tf.distribute.ReduceOp.SUM, [total, count])
    return total / count
