"""Latents that say nothing leave the file, and what that costs is measured."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from export_models import LATENT_DIM, codes, pictures, small

from keras_vae import export
from keras_vae.export.graph import pruning


def half_dead(builder="dense_vae"):
    """A VAE whose latent 1 is the prior, whatever the image, and moves the decoder all the same."""
    model = small(builder)
    last = model.encoder.layers[-1]
    kernel, bias = (np.array(weight) for weight in last.get_weights())
    kernel[:, [1, LATENT_DIM + 1]] = 0
    bias[[1, LATENT_DIM + 1]] = 0, np.log(np.e - 1)  # softplus of that is 1
    last.set_weights([kernel, bias])
    return model


def test_rate_per_latent_adds_up_to_the_rate():
    model, images = small(), pictures(40)
    rates = pruning.rate_per_latent(model, images)
    assert rates.shape == (LATENT_DIM,)
    loc, scale = model.posterior(images).distribution.loc, model.posterior(images).stddev()
    expected = (0.5 * (scale**2 + loc**2 - 1) - np.log(scale)).numpy().mean(axis=0)
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


@pytest.mark.parametrize("quantize", export.QUANTIZE)
@pytest.mark.parametrize("builder", ["dense_vae", "conv_vae"])
def test_a_dead_latent_is_folded_away(builder, quantize, tmp_path):
    model = half_dead(builder)
    path = tmp_path / "d.tflite"
    file = export.tflite(
        model,
        path,
        quantize,
        signatures=export.SIGNATURES,
        min_rate=0.01,
        calibration_images=pictures(64),
    )
    assert file.latents == (0, 2)
    interpreter = Interpreter(model_content=path.read_bytes())
    z = codes()
    z[:, 1] = 0
    found = interpreter.get_signature_runner("decode")(z=z[:1, [0, 2]])["images"]
    np.testing.assert_allclose(found, model.decode(z[:1]), atol=0.1 if quantize else 1e-5)
    code = interpreter.get_signature_runner("encode")(images=pictures(1))["z"]
    expected = model.encode(pictures(1))[:, [0, 2]]
    np.testing.assert_allclose(code, expected, atol=0.1 if quantize else 1e-5)
    assert interpreter.get_signature_runner("generate")(seed=np.array([3], "int32"))
    row = export.verify(path, model, z)
    assert row["max_abs_error"] < (0.12 if quantize else 1e-5)


def test_the_cost_is_that_of_the_elbo():
    """Against the closed form: the distortion with and without the noise of the dead latent."""
    model, images = half_dead(), pictures(500)
    kept, cost = pruning.live_latents(model, images, 0.01)
    assert kept == (0, 2)
    z = model.posterior(images).sample(seed=[0, 3]).numpy()
    silent = z.copy()
    silent[:, 1] = 0
    distortion = [-model.likelihood(code).log_prob(images).numpy().mean() for code in (z, silent)]
    assert cost == pytest.approx(distortion[1] - distortion[0], abs=1e-3)
    assert cost < 0  # noise that says nothing can only hurt; its rate was 0


def test_leaving_out_what_is_alive_costs():
    model, images = small("dense_vae"), pictures(100)
    rates = pruning.rate_per_latent(model, images)
    kept, cost = pruning.live_latents(model, images, float(np.sort(rates)[1]) - 1e-6)
    assert len(kept) == 2
    assert np.isfinite(cost)


def test_errors(tmp_path):
    path, images = tmp_path / "d.tflite", pictures(8)
    with pytest.raises(ValueError, match="min_rate needs calibration_images"):
        export.tflite(small("dense_vae"), path, min_rate=0.01)
    with pytest.raises(ValueError, match=r"No latent has a rate of min_rate=1000.*largest is"):
        export.tflite(small("dense_vae"), path, min_rate=1000, calibration_images=images)
    with pytest.raises(ValueError, match=r"posterior and prior are products.*Autoencoder has"):
        export.tflite(small("dense_ae"), path, min_rate=0.01, calibration_images=images)
    assert not list(tmp_path.iterdir())
