"""Two replicas train as one does, whatever the size of the last batch.

python tests/replicas.py        # in a process of its own: logical devices are made at its start
"""

import keras
import numpy as np
import tensorflow as tf

from keras_vae import data, models
from keras_vae.distributions import likelihoods

IMAGES = 37  # three batches of 12 and one of a single image, which leaves a replica without any


def trained(images):
    """An autoencoder with a loss of its own layers, too, for each size of batches.

    Returns:
        list of (weights, history, numbers).
    """
    keras.utils.set_random_seed(3)
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1)),
    ]
    decoder = models.dense_ae((8, 8, 1), 3, hidden_units=(16,)).decoder
    likelihood = likelihoods.Normal(scale=0.3)
    model = models.Autoencoder(keras.Sequential(layers), decoder, likelihood=likelihood)
    model.compile(optimizer=keras.optimizers.SGD(1e-3))
    start, done = model.get_weights(), []
    for batch_size in (12, IMAGES):
        model.set_weights(start)
        options = {"batch_size": batch_size, "verbose": 0}
        history = model.fit(images, shuffle=False, epochs=2, **options).history
        numbers = model.evaluate(images, return_dict=True, **options)
        done.append((model.get_weights(), history, numbers))
    return done


def check_trackers_and_weights(strategy, images):
    """Those of two replicas are those of one."""
    alone = trained(images)
    with strategy.scope():
        together = trained(images)
    for one, two in zip(alone, together):
        for mine, theirs in zip(one[0], two[0]):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(one[1:], two[1:]):
            assert mine.keys() == theirs.keys()
            for name in mine:
                np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-4, err_msg=name)


def check_convolutional_vae(strategy, images):
    """It trains, and its trackers add up."""
    with strategy.scope():
        vae = models.conv_vae((8, 8, 1), 3, filters=(4,), hidden_units=0)
        vae.compile()
    binary = np.round(images)
    history = vae.fit(binary, validation_data=binary, batch_size=12, verbose=0).history
    assert np.isfinite([value for values in history.values() for value in values]).all()
    gap = history["elbo"][0] + history["distortion"][0] + history["rate"][0]
    assert abs(gap) < 1e-3


def check_measured_scale(strategy, images):
    """The best scale of a batch is that of all its images, of either replica."""

    def scale():
        keras.utils.set_random_seed(3)
        likelihood = likelihoods.Normal(scale="optimal")
        model = models.dense_ae((8, 8, 1), 3, hidden_units=(16,), likelihood=likelihood)
        model.compile(keras.optimizers.SGD(1e-3))
        losses = model.fit(images, batch_size=12, shuffle=False, epochs=2, verbose=0).history
        return [*losses["loss"], float(likelihood.scale)]

    alone = scale()
    with strategy.scope():
        np.testing.assert_allclose(scale(), alone, rtol=1e-4)


def main():
    (processor,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, two)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    images = data.pixels(data.load("digits").train)[:IMAGES]
    check_trackers_and_weights(strategy, images)
    check_convolutional_vae(strategy, images)
    check_measured_scale(strategy, images[:36])
    print("replicas: as one")


if __name__ == "__main__":
    main()
