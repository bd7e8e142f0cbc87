"""The discriminator of codes: where its gradients go, what it learns, in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import adversaries

KEY = tf.constant([1, 2])


def test_gradients_reach_one_side_each():
    network = adversaries.Discriminator(hidden_units=(8,)).network(3)
    z, other = tf.random.normal((5, 3)), tf.random.normal((5, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        logits = adversaries.as_it_stands(network, z)
        own = adversaries.own_loss(network, z, other)
    np.testing.assert_allclose(logits, network(z)[:, 0], rtol=1e-5)
    first, second = network(z)[:, 0], network(other)[:, 0]
    expected = np.log1p(np.exp(-first)) + np.log1p(np.exp(second))
    np.testing.assert_allclose(own, expected, rtol=1e-5)
    assert np.abs(tape.gradient(logits, z)).min() > 0
    assert tape.gradient(logits, network.trainable_variables) == [None] * 4
    assert tape.gradient(own, z) is None
    assert all(np.any(g != 0) for g in tape.gradient(own, network.trainable_variables))


def test_latents_are_shuffled_each_by_itself():
    z = tf.constant(np.arange(200)[:, None] + [0.0, 1000.0], tf.float32)
    shuffled = adversaries.permuted(z, KEY).numpy()
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), z)
    assert abs(np.corrcoef(shuffled.T)[0, 1]) < 0.25


def test_it_learns_the_total_correlation_of_a_normal():
    """-log(1 - rho^2) / 2 of two latents of correlation rho."""
    rho = 0.8
    network = adversaries.Discriminator(hidden_units=(32, 32)).network(2)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, 600))
    optimizer.build(network.trainable_variables)
    mix = tf.constant([[1.0, rho], [0.0, np.sqrt(1 - rho**2)]], tf.float32)

    @tf.function
    def step(number):
        z = tf.matmul(tf.random.stateless_normal((500, 2), [3, number]), mix)
        shuffled = adversaries.permuted(z, tf.stack([4, number]))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(adversaries.own_loss(network, z, shuffled))
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    for number in range(600):
        step(tf.constant(number))
    z = tf.matmul(tf.random.stateless_normal((20_000, 2), KEY), mix)
    found = float(tf.reduce_mean(adversaries.as_it_stands(network, z)))
    assert found == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.06)


def test_choice_and_configuration():
    chosen = adversaries.Discriminator(2.0, [8, 4])
    again = adversaries.Discriminator.from_config(chosen.get_config())
    assert again.get_config() == {"weight": 2.0, "hidden_units": (8, 4)}
    with pytest.raises(ValueError, match="Unknown adversary 'gan'"):
        adversaries.get("gan")
    with pytest.raises(ValueError, match="hidden_units must be a sequence"):
        adversaries.Discriminator(hidden_units=8)
