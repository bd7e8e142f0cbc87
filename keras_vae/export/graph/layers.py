"""The layers of a functional network: which there are, who reads what, copies of them."""

import collections

import keras
import numpy as np
from keras import layers

from keras_vae import private_api


def in_float32(network):
    """The network itself, or its float32 copy where a layer computes in another type."""
    if all(layer.compute_dtype == "float32" for layer in leaves(network)):
        return network

    def copy(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    clone = keras.models.clone_model(network, clone_function=copy, recursive=True)
    copy_weights(network, clone)
    return clone


def copy_weights(source, target):
    """Gives the layers of a network the weights of the layers of the same names in another.

    The order of the layers is no guide: what stands beside each other may change places in a copy.
    """
    for layer in target.layers:
        if isinstance(layer, keras.Model):
            copy_weights(source.get_layer(layer.name), layer)
        elif layer.weights and source.get_layer(layer.name) is not layer:
            weights = source.get_layer(layer.name).get_weights()
            layer.set_weights([np.asarray(weight, "float32") for weight in weights])


def leaves(network):
    """The layers of a network, those of nested networks among them."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def readers(network):
    """id of a tensor -> the operations of the network that read it."""
    found = collections.defaultdict(list)
    for operation in private_api.operations(network):
        if not isinstance(operation, layers.InputLayer):
            for tensor in keras.tree.flatten(operation.input):
                found[id(tensor)].append(operation)
    return found
