"""The network that tells two kinds of codes apart, and what it tells an encoder."""

import keras
import tensorflow as tf
from keras import layers

from keras_vae.choice import choose, real, widths


@keras.saving.register_keras_serializable(package="keras_vae")
class Discriminator:
    """A dense network of codes, (B, D) -> (B, 1) logits, high for the first of two kinds.

    Where it has learned all that there is, its logit is the log of the ratio of the two densities.

    Args:
        weight: nats for what it tells the encoder.
        hidden_units: width of each hidden layer.
    """

    def __init__(self, weight=1.0, hidden_units=(256, 256)):
        self.weight = real("weight", weight, least=0)
        self.hidden_units = widths("hidden_units", hidden_units)

    def network(self, latent_dim):
        """A new functional keras.Model."""
        hidden = code = keras.Input((latent_dim,), name="code")
        for number, units in enumerate(self.hidden_units):
            hidden = layers.Dense(units, activation="leaky_relu", name=f"hidden_{number}")(hidden)
        logit = layers.Dense(1, dtype="float32", name="logit")(hidden)
        return keras.Model(code, logit, name="discriminator")

    def get_config(self):
        return {"weight": self.weight, "hidden_units": self.hidden_units}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


FAMILIES = {"discriminator": Discriminator}


def get(adversary):
    """A name of `FAMILIES`, or a Discriminator, to a Discriminator."""
    return choose("adversary", adversary, FAMILIES, Discriminator)


def as_it_stands(network, z):
    """(B, D) codes -> (B,) logits whose gradient reaches the codes and not the network."""
    stopped = [tf.stop_gradient(variable.value) for variable in network.trainable_variables]
    logits, _ = network.stateless_call(stopped, [], z)
    return tf.squeeze(logits, -1)


def own_loss(network, first, second):
    """(B, D) codes of the two kinds -> (B,), -log of what it gives the right answers.

    log 4 where it cannot tell them apart. The gradient reaches the network and not the codes.
    """
    logits = [tf.squeeze(network(tf.stop_gradient(codes)), -1) for codes in (first, second)]
    return tf.nn.softplus(-logits[0]) + tf.nn.softplus(logits[1])


def permuted(z, key):
    """(B, D) codes, each latent by itself shuffled over the batch (arXiv 1802.05983, algorithm 1).

    Args:
        z: (B, D), draws of q(z); the result is as from the product of its marginals.
        key: (2,) integers.
    """
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(z), key), axis=0)
    return tf.transpose(tf.gather(tf.transpose(z), tf.transpose(order), batch_dims=1))
