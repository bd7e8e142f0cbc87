"""Families of distributions: raw network outputs in, tfp distributions out.

A family is a choice that a model is given (`likelihood=`, `posterior=`, `prior=`); it knows how
many raw parameters it needs and how to read them. Nothing else touches tensorflow_probability.
"""

from keras_vae.distributions import likelihoods, posteriors, priors

__all__ = ["likelihoods", "posteriors", "priors"]
