"""Latents that say nothing leave the model, and what that costs is measured."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from export_models import LATENT_DIM, codes, pictures, small
from keras import layers

from keras_vae import evaluate, export, models


def half_dead(builder="dense_vae"):
    """A VAE whose latent 1 is the prior, whatever the image, and moves the decoder all the same."""
    model = small(builder)
    last = model.encoder.layers[-1]
    kernel, bias = (np.array(weight) for weight in last.get_weights())
    kernel[:, [1, LATENT_DIM + 1]] = 0
    bias[[1, LATENT_DIM + 1]] = 0, np.log(np.e - 1)  # softplus of that is 1
    last.set_weights([kernel, bias])
    return model


def test_rate_by_latent_adds_up_to_the_rate():
    model, images = small(), pictures(40)
    rates = model.rate_by_latent(images)
    assert rates.shape == (LATENT_DIM,)
    loc, scale = model.posterior(images).distribution.loc, model.posterior(images).stddev()
    expected = (0.5 * (scale**2 + loc**2 - 1) - np.log(scale)).numpy().mean(axis=0)
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


@pytest.mark.parametrize("builder", ["dense_vae", "conv_vae"])
def test_a_dead_latent_is_left_out(builder):
    model = half_dead(builder)
    smaller, latents, _ = export.pruned(model, pictures(64), 0.01)
    assert latents == (0, 2)
    assert smaller.latent_dim == 2
    z = codes()
    z[:, 1] = 0
    np.testing.assert_allclose(smaller.decode(z[:, [0, 2]]), model.decode(z), atol=1e-6)
    codes_of = model.encode(pictures(4))[:, [0, 2]]
    np.testing.assert_allclose(smaller.encode(pictures(4)), codes_of, atol=1e-6)
    spread = model.posterior(pictures(4)).stddev().numpy()[:, [0, 2]]
    np.testing.assert_allclose(smaller.posterior(pictures(4)).stddev(), spread, atol=1e-6)


def test_the_smaller_model_is_a_model_of_its_own(tmp_path):
    model = half_dead()
    before, smaller = model.get_weights(), export.pruned(half_dead(), pictures(64), 0.01).model
    smaller.compile(keras.optimizers.SGD(1e-2))
    smaller.fit(pictures(8), epochs=1, verbose=0)
    for ours, theirs in zip(model.get_weights(), before):
        np.testing.assert_array_equal(ours, theirs)
    smaller.save(tmp_path / "smaller.keras")
    again = keras.saving.load_model(tmp_path / "smaller.keras")
    np.testing.assert_allclose(again.sample(2, seed=1), smaller.sample(2, seed=1), atol=1e-6)
    evaluate.report(again, pictures(8), 2, progress=False)


@pytest.mark.shelf  # one of a learned prior by default, in test_prior_with_weights.py
@pytest.mark.parametrize(
    ("builder", "quantize"),
    [
        ("conv_vae", None),
        ("dense_vae", "weights"),
        ("dense_vae", "int8"),
    ],
)
def test_it_leaves_as_any_model(builder, quantize, tmp_path):
    model = export.pruned(half_dead(builder), pictures(64), 0.01).model
    path = tmp_path / "d.tflite"
    options = {"signatures": export.SIGNATURES, "calibration_images": pictures(64)}
    file = export.tflite(model, path, quantize, **options)
    assert export.verify(path, model)["max_abs_error"] < (0.12 if quantize else 1e-5)
    interpreter = Interpreter(model_content=path.read_bytes())
    code = interpreter.get_signature_runner("encode")(images=pictures(1))["z"]
    np.testing.assert_allclose(code, model.encode(pictures(1)), atol=0.1 if quantize else 1e-5)
    assert interpreter.get_signature_runner("generate")(seed=np.array([3], "int32"))
    if quantize is None:
        whole = export.tflite(half_dead(builder), tmp_path / "w.tflite", **options)
        assert file.bytes < whole.bytes


def test_the_cost_is_that_of_the_elbo():
    """Against the closed form: the distortion with and without the noise of the dead latent."""
    model, images = half_dead(), pictures(500)
    _, latents, cost = export.pruned(model, images, 0.01)
    assert latents == (0, 2)
    z = model.sample_codes(images, seed=3)
    silent = z.copy()
    silent[:, 1] = 0
    distortion = [-model.likelihood(code).log_prob(images).numpy().mean() for code in (z, silent)]
    assert cost == pytest.approx(distortion[1] - distortion[0], abs=1e-3)
    assert cost < 0  # noise that says nothing can only hurt; its rate was 0


def test_leaving_out_what_is_alive_costs():
    model, images = small("dense_vae"), pictures(100)
    rates = model.rate_by_latent(images)
    smaller = export.pruned(model, images, float(np.sort(rates)[1]) - 1e-6)
    assert len(smaller.latents) == 2
    assert np.isfinite(smaller.nats)


def test_errors():
    images = pictures(8)
    with pytest.raises(ValueError, match="pruned needs images"):
        export.pruned(small("dense_vae"), None, 0.01)
    with pytest.raises(ValueError, match=r"No latent has a rate of min_rate=1000.*largest is"):
        export.pruned(small("dense_vae"), images, 1000)
    with pytest.raises(ValueError, match=r"posterior and prior are products.*Autoencoder has"):
        export.pruned(small("dense_ae"), images, 0.01)
    code = keras.Input((LATENT_DIM,))
    tile = layers.Reshape((1, 1, LATENT_DIM))(code)
    decoder = keras.Model(code, layers.Conv2DTranspose(2, (10, 7))(tile))
    model = models.VAE(small("dense_vae").encoder, decoder)
    with pytest.raises(ValueError, match="first layer is Dense; this one starts with Reshape"):
        export.pruned(model, images, 0.0)
    prior = small("dense_vae", prior="full_normal")
    with pytest.raises(ValueError, match="posterior and prior are products"):
        export.pruned(prior, images, 0.0)
