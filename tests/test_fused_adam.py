"""Adam by one kernel: the steps of Keras's own, to the rounding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import averaging, fused_adam, models

SHAPES = [(7, 5), (5,)]


def walked(optimizer, fused, policy="float32", steps=6):
    """The variables after some steps along random gradients, in float32."""
    random = np.random.default_rng(0)
    start = [random.standard_normal(shape) for shape in SHAPES]
    variables = [keras.Variable(values, dtype=policy) for values in start]
    optimizer.build(variables)
    if fused:
        fused_adam.fuse(optimizer)
    step = tf.function(lambda *gradients: optimizer.apply(gradients, variables))
    for _ in range(steps):
        step(*(tf.constant(random.standard_normal(shape), policy) for shape in SHAPES))
    optimizer.finalize_variable_values(variables)
    kept = [*variables, *optimizer.variables]
    return [np.asarray(tf.cast(variable.value, tf.float32)) for variable in kept]


def schedule():
    return keras.optimizers.schedules.CosineDecay(0.1, 6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.1),
        lambda: keras.optimizers.Adam(schedule(), beta_1=0.8, beta_2=0.99, epsilon=1e-3),
        lambda: keras.optimizers.Adam(0.1, clipnorm=0.5, use_ema=True),
        lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
        lambda: averaging.AveragedAdam(0.1),
    ],
    ids=["default", "schedule", "clipped", "adamw", "averaged"],
)
def test_the_steps_are_those_of_keras(make):
    usual, fused = walked(make(), fused=False), walked(make(), fused=True)
    assert len(usual) == len(fused)
    for one, other in zip(usual, fused):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_bfloat16_variables():
    usual, fused = (walked(keras.optimizers.Adam(0.1), f, "bfloat16") for f in (False, True))
    for one, other in zip(usual, fused):
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", keras.optimizers.Adam(1e-2)])
def test_a_model_takes_the_kernel(optimizer):
    model = models.dense_vae((4, 4, 1), latent_dim=2, hidden_units=(8,))
    model.compile(optimizer, jit_compile=False)
    images = np.random.default_rng(0).random((8, 4, 4, 1), "float32")
    batch = tf.data.Dataset.from_tensors(images)
    step = tf.function(lambda: model.train_step(next(iter(batch))))
    model.optimizer.build(model.trainable_variables)
    kinds = [op.type for op in step.get_concrete_function().graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == len(model.trainable_variables)


class Slower(keras.optimizers.Adam):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate / 2)


@pytest.mark.parametrize(
    "optimizer",
    [None, keras.optimizers.SGD(), keras.optimizers.Adam(amsgrad=True), Slower()],
    ids=["none", "sgd", "amsgrad", "subclass"],
)
def test_others_keep_their_step(optimizer):
    assert fused_adam.fuse(optimizer) is optimizer
    assert "update_step" not in vars(optimizer or object).keys()


def test_the_configuration_is_that_of_keras():
    optimizer = keras.optimizers.Adam(0.1)
    before = keras.saving.serialize_keras_object(optimizer)
    assert keras.saving.serialize_keras_object(fused_adam.fuse(optimizer)) == before


def test_compiled_by_xla():
    model = models.dense_vae((4, 4, 1), latent_dim=2, hidden_units=(8,))
    model.compile("adam", jit_compile=True)
    images = np.random.default_rng(0).random((8, 4, 4, 1), "float32")
    before = model.get_weights()
    model.fit(images, epochs=1, verbose=0)
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights()))
