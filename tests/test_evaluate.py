"""The numbers of a report, against a model whose marginal likelihood is known exactly."""

import json

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_vae import data, evaluate, models
from keras_vae.distributions import likelihoods
from keras_vae.models import importance

IMAGE = (2, 3, 1)
NOISE = 0.4  # s of p(x|z) = N(Wz + b, s^2 I)


class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(Wz + b, s^2 I): log p(x) = log N(x; b, W W^T + s^2 I).

    The columns of W are orthogonal, so the true posterior is diagonal: its precision is
    1 + |w_i|^2 / s^2. The encoder's is wrong by `off` in its means and in its scales.
    """

    def __init__(self, off=0.15, likelihood_class=likelihoods.Normal):
        generator = np.random.default_rng(4)
        basis, _ = np.linalg.qr(generator.standard_normal((6, 2)))
        self.w = basis * [0.9, 0.5]  # (6, 2)
        self.b = generator.random(6)
        variance = 1 / (1 + np.sum(self.w**2, axis=0) / NOISE**2)
        self.true_scale = np.sqrt(variance)
        self.true_gain = self.w * variance / NOISE**2  # (6, 2): posterior mean (x - b) gain
        self.gain, self.scale = self.true_gain * (1 + off), self.true_scale * (1 + off)
        layers = keras.layers
        encoder = keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(4)])
        decoder = keras.Sequential([keras.Input((2,)), layers.Dense(6), layers.Reshape(IMAGE)])
        raw_scale = np.log(np.expm1(self.scale - 1e-4))
        encoder.set_weights(
            [
                np.concatenate([self.gain, np.zeros((6, 2))], axis=1),
                np.concatenate([-self.b @ self.gain, raw_scale]),
            ]
        )
        decoder.set_weights([self.w.T, self.b])
        likelihood = likelihood_class(scale=NOISE, mean="linear")
        self.model = models.VAE(encoder, decoder, likelihood=likelihood)

    def images(self, count):
        generator = np.random.default_rng(5)
        z, noise = generator.standard_normal((count, 2)), generator.standard_normal((count, 6))
        x = z @ self.w.T + self.b + NOISE * noise
        return x.reshape(count, *IMAGE).astype("float32")

    def log_p(self, images):
        covariance = self.w @ self.w.T + NOISE**2 * np.eye(6)
        return scipy.stats.multivariate_normal(self.b, covariance).logpdf(images.reshape(-1, 6))

    def gap(self, images):
        """KL(q || true posterior) of each image, in nats."""
        x = images.reshape(-1, 6) - self.b
        shift = (x @ self.gain - x @ self.true_gain) / self.true_scale
        ratio = self.scale / self.true_scale
        return (0.5 * (ratio**2 + shift**2 - 1) - np.log(ratio)).sum(axis=1)


def test_linear_gaussian_is_measured_exactly():
    linear = LinearGaussian()
    images = linear.images(300)
    numbers = evaluate.report(linear.model, images, importance_samples=2000, progress=False)
    log_p, gap = linear.log_p(images).mean(), linear.gap(images).mean()
    assert gap > 0.03  # or the importance weights would not matter
    assert numbers["nll_nats"] == pytest.approx(-log_p, abs=0.005)
    assert numbers["elbo_nats"] <= log_p
    assert log_p - numbers["elbo_nats"] == pytest.approx(gap, abs=0.01)
    assert numbers["bits_per_dim"] == pytest.approx(-log_p / (6 * np.log(2)) + 8, abs=0.005)


def test_each_image_is_measured_exactly():
    linear = LinearGaussian()
    images = linear.images(40)
    terms = importance.importance_terms(linear.model, images, 5000)
    assert terms["nll"].shape == (40,)
    assert terms["nll"].dtype == np.float64
    np.testing.assert_allclose(terms["nll"], -linear.log_p(images), atol=0.06)
    elbo = -(terms["distortion"] + terms["rate"])
    np.testing.assert_allclose(linear.log_p(images) - elbo, linear.gap(images), atol=0.12)


def test_right_posterior_closes_the_gap_with_one_sample():
    linear = LinearGaussian(off=0.0)
    images = linear.images(20)
    terms = importance.importance_terms(linear.model, images, 1)
    # The true posterior gives every draw the same weight p(x); 1e-4 is the floor of the scale.
    np.testing.assert_allclose(terms["nll"], -linear.log_p(images), atol=0.01)


def test_bound_falls_as_samples_grow():
    linear = LinearGaussian(off=0.6)
    images = linear.images(200)
    one, ten, many = (
        importance.importance_terms(linear.model, images, k)["nll"].mean() for k in (1, 10, 1000)
    )
    assert one > ten > many - 0.01
    assert many == pytest.approx(-linear.log_p(images).mean(), abs=0.02)


def test_the_usual_number_of_samples_is_told_beside_a_larger_one(monkeypatch):
    linear = LinearGaussian(off=0.6)
    images = linear.images(7)
    monkeypatch.setattr(importance, "POSITIONS_PER_STEP", 6 * 300)  # several steps to the thousand
    terms = importance.importance_terms(linear.model, images, 2500)
    usual = importance.importance_terms(linear.model, images, 1000)["nll"]
    np.testing.assert_allclose(terms["nll_compared"], usual, atol=1e-5)
    assert np.abs(terms["nll"] - usual).max() > 1e-4
    assert "nll_compared" not in importance.importance_terms(linear.model, images, 1000)


def test_an_interrupted_measuring_goes_on(monkeypatch, tmp_path):
    linear = LinearGaussian()
    images = linear.images(6)
    monkeypatch.setattr(importance, "POSITIONS_PER_STEP", 6 * 2 * 50)  # batches of two images
    measure = lambda: importance.importance_terms(linear.model, images, 50, kept=tmp_path)
    whole = measure()
    (states,) = tmp_path.iterdir()
    assert sorted(path.name for path in states.iterdir()) == ["0.npz", "2.npz", "4.npz"]
    (states / "2.npz").unlink()  # an interruption had left it out
    kept = np.load(states / "0.npz")
    np.savez(states / "0.npz", **{name: kept[name] + 1 for name in kept.files})
    again = measure()
    np.testing.assert_allclose(again["nll"][:2], whole["nll"][:2] + 1)  # read, not measured
    np.testing.assert_array_equal(again["nll"][2:], whole["nll"][2:])
    linear.model.decoder.weights[-1].assign_add(np.ones(6, "float32"))  # another model: anew
    assert measure()["nll"].mean() > whole["nll"].mean() + 1


@pytest.mark.parametrize(
    "positions",
    [1, 6 * 64, *(pytest.param(n, marks=pytest.mark.shelf) for n in (6 * 300, 10**9))],
)
def test_results_do_not_depend_on_the_chunks(monkeypatch, positions):
    linear = LinearGaussian()
    images = linear.images(11)
    monkeypatch.setattr(importance, "POSITIONS_PER_STEP", positions)
    samples = 200 if positions > 1 else 40
    terms = importance.importance_terms(linear.model, images, samples)
    assert all(values.shape == (11,) for values in terms.values())
    tolerance = 0.05 if positions > 1 else 0.15
    assert terms["nll"].mean() == pytest.approx(-linear.log_p(images).mean(), abs=tolerance)
    exact = (linear.gap(images) - linear.log_p(images)).mean()
    both = (terms["distortion"] + terms["rate"]).mean()
    assert both == pytest.approx(exact, abs=2 * tolerance)


def test_chunks_get_different_draws(monkeypatch):
    """Equal draws in every chunk would leave the effective sample count at one chunk's."""
    linear = LinearGaussian(off=0.6)
    image = linear.images(1)
    seen = []
    sample_terms = linear.model.sample_terms

    def spy(x, y, samples, seed):
        seen.append(tuple(seed.numpy()))
        return sample_terms(x, y, samples, seed=seed)

    monkeypatch.setattr(linear.model, "sample_terms", spy)
    monkeypatch.setattr(importance, "POSITIONS_PER_STEP", 6 * 5)
    tf.config.run_functions_eagerly(True)
    try:
        importance.importance_terms(linear.model, np.repeat(image, 3, axis=0), 17)
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(seen) == len(set(seen)) == 3 * 4


def test_same_seed_same_numbers():
    linear = LinearGaussian()
    images = linear.images(10)
    first, again, other = (
        importance.importance_terms(linear.model, images, 20, seed=seed)["nll"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


class Spy(likelihoods.Normal):
    """Records how many pixels were decoded at a time, and how often it was asked."""

    largest = decoded = calls = 0

    def distribution(self, parameters):
        Spy.calls += 1
        if parameters.shape.num_elements() is None:  # a graph of any number of images
            return super().distribution(parameters)
        Spy.largest = max(Spy.largest, int(np.prod(parameters.shape)))
        Spy.decoded += int(np.prod(parameters.shape))
        return super().distribution(parameters)


def test_memory_is_bounded_however_many_samples(monkeypatch):
    monkeypatch.setattr(importance, "POSITIONS_PER_STEP", 6 * 999)
    linear = LinearGaussian(likelihood_class=Spy)
    Spy.largest = Spy.decoded = 0
    tf.config.run_functions_eagerly(True)
    try:
        importance.importance_terms(linear.model, linear.images(3), 5000)
    finally:
        tf.config.run_functions_eagerly(False)
    assert Spy.decoded == 3 * 5000 * 6  # every draw, none twice
    assert Spy.largest <= importance.POSITIONS_PER_STEP


# ---- the report -------------------------------------------------------------------------------

COMMON = {"images", "mse", "psnr_db", "ssim", "active_units", "distortion_nats"}


def small_vae(**options):
    return models.dense_vae((8, 8, 1), latent_dim=4, hidden_units=(16,), **options)


def test_report_of_a_vae(binary):
    model = small_vae()
    numbers = evaluate.report(model, binary, importance_samples=10, progress=False)
    extra = {"rate_nats", "elbo_nats", "nll_nats", "importance_samples", "bits_per_dim"}
    extra |= {"marginal_kl_nats", "marginal_kl_error_nats"}
    extra |= {"mutual_information_nats", "total_correlation_nats", "rate_nats_by_latent"}
    assert set(numbers) == COMMON | extra
    assert numbers["images"] == 64
    assert numbers["importance_samples"] == 10
    error = np.mean((model.reconstruct(binary).astype("float64") - binary) ** 2)
    assert numbers["mse"] == pytest.approx(error, rel=1e-5)
    assert numbers["psnr_db"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert numbers["elbo_nats"] == -numbers["distortion_nats"] - numbers["rate_nats"]
    assert numbers["nll_nats"] < -numbers["elbo_nats"]
    bits = numbers["nll_nats"] / (64 * np.log(2))  # Bernoulli: probabilities, not densities
    assert numbers["bits_per_dim"] == pytest.approx(bits)
    by_latent = numbers["rate_nats_by_latent"]
    assert len(by_latent) == 4
    assert sum(by_latent) == pytest.approx(numbers["rate_nats"], rel=1e-4)
    assert {type(value) for value in (*numbers.values(), *by_latent)} <= {int, float, list}
    assert json.loads(json.dumps(numbers)) == numbers


@pytest.mark.parametrize(
    ("likelihood", "offset"),
    [
        ("discretized_logistic", 0),
        ("normal", 8),
        pytest.param("continuous_bernoulli", 8, marks=pytest.mark.shelf),
    ],
)
def test_bits_per_dim_of_densities_are_per_8_bit_level(grey, likelihood, offset):
    numbers = evaluate.report(small_vae(likelihood=likelihood), grey, 3, progress=False)
    bits = numbers["nll_nats"] / (64 * np.log(2)) + offset
    assert numbers["bits_per_dim"] == pytest.approx(bits)


def test_report_agrees_with_evaluate(binary):
    model = small_vae()
    model.compile()
    numbers = evaluate.report(model, binary, importance_samples=200, progress=False)
    tracked = model.evaluate(binary, verbose=0, return_dict=True)
    assert numbers["rate_nats"] == pytest.approx(tracked["rate"], rel=1e-3)
    assert numbers["distortion_nats"] == pytest.approx(tracked["distortion"], rel=0.02)


def test_report_of_an_autoencoder(grey):
    model = models.dense_ae((8, 8, 1), latent_dim=4, hidden_units=(16,))
    model.compile()
    numbers = evaluate.report(model, grey, progress=False)
    assert set(numbers) == COMMON
    tracked = model.evaluate(grey, verbose=0, return_dict=True)
    assert numbers["mse"] == pytest.approx(tracked["mse"], rel=1e-4)
    assert numbers["distortion_nats"] == pytest.approx(tracked["distortion"], rel=1e-4)
    assert numbers == evaluate.report(model, grey[..., 0], progress=False)


def test_a_second_report_traces_nothing():
    linear = LinearGaussian(likelihood_class=Spy)
    Spy.calls = 0
    measure = lambda: evaluate.report(linear.model, linear.images(30), 5, progress=False)
    first, traced = measure(), Spy.calls
    assert traced > 0
    assert measure() == first
    assert Spy.calls == traced


def test_ssim_is_the_formula_where_one_window_is_the_image(grey):
    model = models.dense_ae((4, 3, 1), latent_dim=2, hidden_units=(4,))
    a = grey[:6, 2:6, 2:5]
    b = model.reconstruct(a)
    weights = np.exp(-np.add.outer([1, 0, 1], [1, 0, 1]) / (2 * 1.5**2))[None, ..., None]
    weights /= weights.sum()
    found = []
    for top in (0, 1):
        x, y = (part[:, top : top + 3].astype("float64") for part in (a, b))
        mean = lambda part: (part * weights).sum(axis=(1, 2, 3))
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        found.append(
            (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
        )
    told = evaluate.report(model, a, progress=False)["ssim"]
    assert told == pytest.approx(np.mean(found), abs=1e-4)
    assert -1 < told < 0.9
    flat = models.dense_ae((2, 4, 1), latent_dim=2, hidden_units=(4,))
    assert "ssim" not in evaluate.report(flat, grey[:6, :2, :4], progress=False)


def test_active_units_are_the_dimensions_that_move(grey):
    model = small_vae(likelihood="normal")
    layer = model.encoder.get_layer("parameters")
    kernel, bias = layer.get_weights()
    kernel[:, [1, 3]] = 0.0
    bias[[1, 3]] = 2.0  # constant, though not zero: dead
    kernel[:, [0, 2]] *= 5
    layer.set_weights([kernel, bias])
    assert evaluate.report(model, grey, 2, progress=False)["active_units"] == 2


def test_report_refuses_what_the_model_cannot_explain(binary):
    with pytest.raises(ValueError, match="Divide 8-bit images"):
        evaluate.report(small_vae(), 255 * binary, progress=False)
    with pytest.raises(
        ValueError, match="importance_samples must be an integer of at least 1; received 0"
    ):
        evaluate.report(small_vae(), binary, importance_samples=0)


def test_progress_is_silent_if_asked(binary, capsys):
    evaluate.report(small_vae(), binary, 2, progress=False)
    assert capsys.readouterr().out == ""
    evaluate.report(small_vae(), binary, 2, progress=True)
    assert "1 of 1" in capsys.readouterr().out


def test_pca_mse_is_the_error_of_sklearns_pca(digits):
    from sklearn.decomposition import PCA

    train, test = data.pixels(digits.train), data.pixels(digits.test)
    pca = PCA(8, random_state=0).fit(train.reshape(len(train), -1))
    flat = test.reshape(len(test), -1)
    linear = np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
    assert evaluate.pca_mse(train, test, 8) == pytest.approx(linear, rel=1e-6)


@pytest.mark.shelf
def test_autoencoder_beats_pca_with_a_code_of_the_same_size(digits):
    train, test = data.pixels(digits.train), data.pixels(digits.test)
    model = models.dense_ae((8, 8, 1), latent_dim=8, hidden_units=(128, 64))
    model.compile(optimizer=keras.optimizers.Adam(2e-3))
    model.fit(train, batch_size=64, epochs=40, verbose=0)
    mse = evaluate.report(model, test, progress=False)["mse"]
    assert mse < 0.9 * evaluate.pca_mse(train, test, 8)
