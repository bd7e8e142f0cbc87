"""The price of a file in nats is that of the file: closed forms, noise that is known, errors."""

import re

import numpy as np
import pytest
from export_models import LATENT_DIM, SHAPE, every_format, exported, pictures, small

from keras_vae import export, models
from keras_vae.distributions import likelihoods, priors


def binary(count=64):
    return (pictures(count) < 0.4).astype("float32")


def images_for(likelihood, count=64):
    if likelihood == "bernoulli":
        return binary(count)
    return np.round(pictures(count) * 255).astype("float32") / 255


QUICK = {("conv_vae", "int8"), ("dense_ae", "float16")}  # the others with the shelf


@pytest.mark.parametrize(
    ("builder", "quantize"), every_format(("dense_vae", "conv_vae", "dense_ae"), QUICK)
)
def test_contract(builder, quantize):
    model, file = exported(builder, quantize)
    row = export.certify(file.path, model, binary())
    assert row["images"] == 64
    assert row["bytes"] == file.path.stat().st_size
    assert abs(row["nats_lost"]) < {None: 1e-4, "float16": 0.02}.get(quantize, 1.0)
    assert row["nats_lost_error"] >= 0
    assert row["psnr_db"] > (100 if quantize is None else 30)


NATS = {  # by default; the others with the shelf
    ("bernoulli", "pixels"),
    ("continuous_bernoulli", "pixels"),
    ("discretized_logistic", "logits"),
    ("normal", "pixels"),
}


@pytest.mark.parametrize(
    ("likelihood", "output"),
    [
        pytest.param(name, output, marks=[] if (name, output) in NATS else pytest.mark.shelf)
        for name in sorted(likelihoods.FAMILIES)
        for output in ("pixels", "logits")
    ],
)
def test_the_nats_are_those_of_the_likelihood(likelihood, output, tmp_path):
    """The file of another decoder: what is lost is the difference of the two log-likelihoods."""
    model, other = (small("dense_vae", likelihood=likelihood, seed=seed) for seed in (0, 1))
    path = tmp_path / "d.tflite"
    export.tflite(other, path, output=output)
    images = images_for(likelihood)
    if output == "pixels" and likelihood not in ("bernoulli", "normal", "laplace"):
        with pytest.raises(ValueError, match=r"do not determine.*output='logits'"):
            export.certify(path, model, images)
        return
    row = export.certify(path, model, images, seed=3)
    z = model.sample_codes(images, 3)
    lost = (model.likelihood(z).log_prob(images) - other.likelihood(z).log_prob(images)).numpy()
    assert row["nats_lost"] == pytest.approx(lost.mean(), abs=1e-3)
    assert row["nats_lost_error"] == pytest.approx(lost.std() / 8, rel=1e-3)
    mse = np.mean((model.decode(z) - other.decode(z)) ** 2)
    assert row["psnr_db"] == pytest.approx(-10 * np.log10(mse), abs=1e-3)


@pytest.mark.parametrize("quantize", [pytest.param(None, marks=pytest.mark.shelf), "weights"])
def test_the_rounding_of_the_prior_counts_where_the_file_draws(quantize, tmp_path):
    flow, images = priors.Flow(couplings=2, units=200), binary()
    model = models.dense_vae(SHAPE, 6, hidden_units=(24,), prior=flow)
    rng = np.random.default_rng(0)
    for weight in model.prior_family.trainable_weights:
        weight.assign(weight + 0.05 * rng.standard_normal(weight.shape))
    path = tmp_path / "d.tflite"
    export.tflite(model, path, quantize, batch=3, calibration_images=images)
    row = export.certify(path, model, images)
    limit = 1e-4 if quantize is None else 0.5
    assert abs(row["nats_lost_from_noise"]) < limit
    assert "nats lost from noise" in export.table([row])
    if quantize:
        assert row["nats_lost_from_noise"] != pytest.approx(row["nats_lost"], abs=1e-6)
    for weight in model.prior_family.trainable_weights:  # another flow than that of the file
        weight.assign(weight + 0.5 * rng.standard_normal(weight.shape))
    again = export.certify(path, model, images)
    assert again["nats_lost_from_noise"] > again["nats_lost"] + 0.1
    export.tflite(model, path, signatures=("decode",))
    assert "nats_lost_from_noise" not in export.certify(path, model, images)


def test_codes_are_draws_of_the_posterior():
    model, images = small("dense_vae"), np.repeat(binary(1), 8_000, axis=0)
    z = model.sample_codes(images, seed=0)
    posterior = model.posterior(images[:1])
    np.testing.assert_allclose(z.mean(axis=0), posterior.mean()[0], atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), posterior.stddev()[0], rtol=0.05)
    assert len(np.unique(z, axis=0)) == len(z)
    np.testing.assert_array_equal(z, model.sample_codes(images, seed=0))
    assert z.shape == (8_000, LATENT_DIM)


def test_sure_pixels_stay_finite(tmp_path):
    model = small("dense_vae")
    model.decoder.layers[-2].bias.assign(np.full(np.prod(SHAPE), 200.0))  # float32 sees exactly 1
    path = tmp_path / "d.tflite"
    export.tflite(model, path)
    assert np.isfinite(export.certify(path, model, binary())["nats_lost"])


def test_a_pruned_model_and_bytes(tmp_path):
    model = export.pruned(small("dense_vae"), pictures(64), min_rate=1e-3).model
    for output in ("pixels", "uint8"):
        path = tmp_path / f"{output}.tflite"
        export.tflite(model, path, output=output)
        assert abs(export.certify(path, model, binary())["nats_lost"]) < 0.5


def test_the_table_shows_it(tmp_path):
    model = small("dense_vae")
    saved = export.saved_model(model, tmp_path / "m").path
    path = tmp_path / "d.tflite"
    export.tflite(model, path)
    rows = [export.verify(saved, model), export.certify(path, model, binary())]
    head, _, first, second = re.sub(" +", " ", export.table(rows)).splitlines()
    assert head.count("|") == first.count("|") == second.count("|")
    assert "nats lost | PSNR, dB" in head
    assert "0.0000 ± 0.0000" in second
    assert "±" not in first


def test_errors(tmp_path):
    model = small("dense_vae")
    with pytest.raises(FileNotFoundError, match="No exported file at"):
        export.certify(tmp_path / "missing.tflite", model, binary())
    path = tmp_path / "d.tflite"
    path.write_bytes(b"no file of that kind")
    with pytest.raises(ValueError, match=r"is not a \.tflite file"):
        export.certify(path, model, binary())
    export.tflite(model, path)
    with pytest.raises(ValueError, match="needs pixels in"):
        export.certify(path, model, 255 * binary())
