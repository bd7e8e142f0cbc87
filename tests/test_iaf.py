"""The inverse autoregressive flow as a posterior."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import evaluate, export, models
from keras_vae.distributions import posteriors, tfd
from keras_vae.export.runtime.runtimes import open_file

LATENTS = 5


@pytest.fixture(scope="module")
def family():
    made = posteriors.InverseAutoregressive(steps=2, units=16)
    made.build_for(LATENTS)
    rng = np.random.default_rng(0)
    for weight in made.trainable_weights:
        weight.assign(0.3 * rng.standard_normal(weight.shape))
    return made


@pytest.fixture(scope="module")
def raw():
    return np.random.default_rng(1).standard_normal((3, 3 * LATENTS)).astype("float32")


def test_a_step_is_autoregressive(family):
    """z'_i depends on z_i and on those before it alone."""
    z, context = (tf.constant(np.random.randn(2, LATENTS), tf.float32) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(z)
        after, _ = family.flow[0](z, context)
    jacobian = tape.batch_jacobian(after, z).numpy()
    assert np.abs(np.triu(jacobian, 1)).max() == 0
    rows, columns = np.tril_indices(LATENTS)
    assert np.abs(jacobian[:, rows, columns]).min() > 0


def test_the_log_determinant_is_that_of_the_jacobian(family, raw):
    u, context = tf.constant(raw[:, :LATENTS]), tf.constant(raw[:, -LATENTS:])
    with tf.GradientTape() as tape:
        tape.watch(u)
        z, log_det = family.forward(u, context)
    _, expected = np.linalg.slogdet(tape.batch_jacobian(z, u))
    np.testing.assert_allclose(log_det, expected, atol=1e-5)
    back, same = family.inverse(z, context)
    np.testing.assert_allclose(back, u, atol=1e-5)
    np.testing.assert_allclose(same, log_det, atol=1e-5)


def test_a_draw_knows_the_density_that_any_code_is_told(family, raw):
    q = family.distribution(raw)
    assert q.batch_shape == (3,)
    assert q.event_shape == (LATENTS,)
    z, log_prob = q.experimental_sample_and_log_prob((4,), seed=tf.constant([0, 1]))
    assert z.shape == (4, 3, LATENTS)
    np.testing.assert_allclose(q.log_prob(z), log_prob, atol=1e-4)
    np.testing.assert_array_equal(q.sample(4, seed=tf.constant([0, 1])), z)


def test_its_density_is_normalised(family, raw):
    """E_r[q / r] = 1 for draws of a wider normal r around it."""
    q = family.distribution(raw[:1])
    z = q.sample(4000, seed=tf.constant([0, 2])).numpy()[:, 0]
    scale = np.linalg.cholesky(2 * np.cov(z.T)).astype("float32")
    wide = tfd.MultivariateNormalTriL(z.mean(axis=0), scale)
    draws = wide.sample(40_000, seed=tf.constant([0, 3]))
    ratio = np.exp(q.log_prob(draws[:, None])[:, 0] - wide.log_prob(draws))
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / np.sqrt(len(ratio)))


def test_float32_under_every_policy(raw):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        family = posteriors.InverseAutoregressive(1, 8)
        family.build_for(LATENTS)
    finally:
        keras.config.set_dtype_policy("float32")
    z, log_prob = family.distribution(tf.cast(raw, tf.bfloat16)).experimental_sample_and_log_prob(2)
    assert z.dtype == log_prob.dtype == tf.float32


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"units": 1.5}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        posteriors.InverseAutoregressive(**arguments)


def test_it_learns_is_measured_saved_and_its_encoder_exported(binary, tmp_path):
    family = posteriors.InverseAutoregressive(1, 16)
    model = models.dense_vae((8, 8, 1), LATENTS, hidden_units=(16,), posterior=family)
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(binary, epochs=3, verbose=0).history["elbo"]
    assert history[-1] > history[0]
    numbers = evaluate.report(model, binary[:40], 20, progress=False)
    assert numbers["nll_nats"] < -numbers["elbo_nats"]
    model.save(tmp_path / "iaf.keras")
    again = keras.saving.load_model(tmp_path / "iaf.keras")
    np.testing.assert_allclose(again.encode(binary[:4]), model.encode(binary[:4]), atol=1e-6)
    path = tmp_path / "iaf.tflite"
    export.tflite(model, path, signatures=("encode",))
    code = open_file(path.read_bytes(), "interpreter")("encode", images=binary[:1])["z"]
    np.testing.assert_allclose(code, model.encode(binary[:1]), atol=1e-5)
