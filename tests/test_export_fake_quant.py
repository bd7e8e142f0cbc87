"""What an int8 file computes: the simulation is the file, and its ranges lose little likelihood."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_models import codes, pictures, small
from keras import layers

from keras_vae import export
from keras_vae.distributions import likelihoods, tfd
from keras_vae.export.graph.rewrite import PART, rewritten
from keras_vae.export.int8 import calibration, fake_quant
from keras_vae.export.int8.aware import RoundedDecoder
from keras_vae.export.int8.fake_quant import FakeQuant, calibrate, marked, round_kernel
from keras_vae.export.runtime.interpreter import run

LOGISTIC = "discretized_logistic"  # whose divergence has no closed form


def steps_of(mark):
    return (mark.high - mark.low) / fake_quant.LEVELS


class TestFakeQuant:
    def test_levels(self):
        mark = FakeQuant()
        mark.low, mark.high = -1.0, 1.55
        x = np.linspace(-3, 3, 1000, dtype="float32")
        rounded = mark(x).numpy()
        assert len(np.unique(rounded)) == 256
        assert 0.0 in rounded
        inside = (x > -1) & (x < 1.55)
        assert np.abs(rounded - x)[inside].max() <= 0.005 + 1e-6
        assert (rounded.min(), rounded.max()) == pytest.approx((-1.0, 1.55), abs=0.01)

    def test_the_gradient_passes_within_the_range(self):
        mark = FakeQuant()
        mark.low, mark.high = -1.0, 1.0
        x = tf.constant([-2.0, -0.5, 0.3, 5.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(mark(x))
        np.testing.assert_array_equal(tape.gradient(y, x), [0, 1, 1, 0])

    def test_without_a_range_it_looks_on(self):
        mark = FakeQuant()
        x = codes()
        np.testing.assert_array_equal(mark(x), x)
        np.testing.assert_array_equal(mark.seen, x)


def test_two_parts_are_finer_than_one():
    """Sixteen times as fine, in a file as in the simulation: a code's own rounding is gone."""
    mark = fake_quant.TwoParts()
    z = np.linspace(-1.9, 1.9, 1000, dtype="float32")[:, None]
    np.testing.assert_array_equal(mark(z), np.concatenate([z, 0 * z], axis=1))
    mark.low, mark.high = -2.0, 2.0
    first, rest = mark(z).numpy().T
    step = 4 / fake_quant.LEVELS
    assert step / 3 < np.abs(first - z[:, 0]).max() <= step / 2 + 1e-3
    assert np.abs(first + rest / PART - z[:, 0]).max() <= step / 2 / PART + 1e-5
    for part in (first, rest):  # both fit the same integers
        np.testing.assert_allclose(part / step, np.round(part / step), atol=1e-3)
        assert np.abs(part).max() < 2.01


@pytest.mark.parametrize("axis", [-1, 0])
def test_rounded_kernels(axis):
    kernel = tf.Variable(np.random.default_rng(0).normal(size=(5, 4)).astype("float32"))
    with tf.GradientTape() as tape:
        rounded = round_kernel(tf.convert_to_tensor(kernel), axis)
        total = tf.reduce_sum(rounded)
    peak = np.abs(kernel.numpy()).max(axis=1 + axis, keepdims=True)
    levels = rounded.numpy() / peak * 127
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    assert np.abs(rounded - kernel).max() <= peak.max() / 254 + 1e-6
    np.testing.assert_array_equal(tape.gradient(total, kernel), np.ones((5, 4)))


class TestMarked:
    @pytest.mark.parametrize("builder", ["dense_vae", "conv_vae"])
    @pytest.mark.parametrize("activation", ["relu", "elu", "softplus"])
    def test_without_ranges_nothing_changes(self, builder, activation):
        decoder = small(builder, activation=activation).decoder
        copy, _ = marked(decoder)
        np.testing.assert_allclose(copy(codes()), decoder(codes()), atol=2e-6)

    def test_gates_keep_their_places(self):
        """Two layers of the same shape side by side: the copy must not exchange their weights."""
        decoder = small("dense_vae", hidden_units=(8, 8), activation="gated").decoder
        copy, marks = marked(decoder)
        np.testing.assert_allclose(copy(codes()), decoder(codes()), atol=2e-6)
        assert [mark.fixed for mark in marks].count((0.0, 255 / 256)) == 2

    def test_marks_stand_where_kernels_read_and_write(self):
        count = lambda **options: len(marked(small(**options).decoder)[1])
        dense = count(builder="dense_vae")
        assert dense == 3  # the code, behind the fused ReLU, the output
        assert count(builder="dense_vae", activation="elu") == dense + 1  # before and behind it
        assert count(builder="dense_vae", activation="gated") == 6

    def test_sums_and_a_small_last_convolution_are_float(self):
        """Marks of one level: the code, two Dense, a block's two convolutions and its input."""
        options = {"filters": (4,), "residual_blocks": 1, "activation": "elu"}
        copy, marks = marked(small(**options).decoder)
        behind = [mark.input._keras_history.operation.name for mark in marks]
        assert not any(name.startswith("add") for name in behind)
        assert "conv" in behind[-1]  # which the last sum reads
        assert behind[-1] != copy.layers[-1].name
        _, marks = marked(small(**{**options, "filters": (64,)}).decoder)
        behind = [mark.input._keras_history.operation.name for mark in marks]
        assert not any(name.startswith("add") for name in behind)
        assert behind[-1].startswith("conv2d_transpose")  # 25 x 64 weights for each channel


class TestRanges:
    def calibrated(self, model, ranges):
        copy = calibration.calibrated(model, model.decoder, ranges=ranges)
        return [layer for layer in copy.layers if isinstance(layer, FakeQuant)]

    def test_min_max_is_what_was_seen(self):
        model = small("dense_vae")
        first, *_, last = self.calibrated(model, "min_max")
        z = calibration.calibration_codes(model)
        raw = model.decoder(z).numpy()
        assert (first.low, first.high) == pytest.approx((z.min(), z.max()))
        assert (last.low, last.high) == pytest.approx((raw.min(), raw.max()), rel=1e-5)

    def test_what_does_not_matter_is_clipped(self):
        """A logit of -60 and one of -15 are the same pixel; one of -5 is not."""
        model = small("dense_vae")
        last = model.decoder.layers[-2]
        bias = np.where(np.arange(len(last.bias.numpy())) % 3 == 0, -60.0, 0.5)
        last.bias.assign(bias)
        low = self.calibrated(model, "likelihood")[-1].low
        assert self.calibrated(model, "min_max")[-1].low < -55
        assert -30 < low < -8

    @pytest.mark.parametrize(
        "likelihood",
        [
            pytest.param(name, marks=[] if name == LOGISTIC else pytest.mark.shelf)
            for name in sorted(likelihoods.FAMILIES)
        ],
    )
    def test_of_every_likelihood(self, likelihood):
        """Also of those whose divergence has no closed form."""
        model = small("dense_vae", likelihood=likelihood)
        for ours, widest in zip(
            self.calibrated(model, "likelihood"), self.calibrated(model, "min_max")
        ):
            assert widest.low <= ours.low <= 0 <= ours.high <= widest.high
            assert ours.high > ours.low

    def test_the_weighted_error_is_the_least(self):
        """Against all pairs of the grid, one tensor of two scales with a known weight."""
        random = np.random.default_rng(0)
        t = np.concatenate([random.normal(0, 0.1, 900), random.normal(0, 30, 100)])
        weight = np.concatenate([np.full(900, 1.0), np.full(100, 1e-6)])
        loss = fake_quant._weighted_error(t, weight)
        found = fake_quant._narrowed((t.min(), t.max()), loss)
        parts = fake_quant.SHRINK
        every = min(loss((t.min() * a, t.max() * b)) for a in parts for b in parts)
        assert loss(found) <= 1.1 * every
        assert loss(found) < 0.02 * loss((t.min(), t.max()))

    def test_fewer_nats_than_min_max(self):
        """Hidden units of very different ranges that hardly matter: the reason for all this."""
        model = small("dense_vae", hidden_units=(24,), spread=2.0)
        hidden, last = model.decoder.layers[1], model.decoder.layers[-2]
        kernel, bias = hidden.get_weights()
        hidden.set_weights([kernel * ([1.0] * 23 + [200.0]), bias])
        rows, bias = last.get_weights()
        last.set_weights([rows * ([[1.0]] * 23 + [[1e-5]]), bias])
        z = codes(200)
        exact = model.likelihood_family.distribution(model.decoder(z))
        lost = {}
        for ranges in calibration.RANGES:
            copy = calibration.calibrated(model, model.decoder, ranges=ranges)
            other = model.likelihood_family.distribution(copy(z))
            lost[ranges] = float(tf.reduce_mean(tfd.kl_divergence(exact, other)))
        assert lost["likelihood"] < 0.3 * lost["min_max"]

    def test_of_an_encoder(self):
        model = small("dense_vae")
        x = pictures(40)
        copy = calibration.calibrated(model, model.encoder, images=x)
        error = np.abs(model.code(copy(x)) - model.encode(x))
        assert 0 < error.max() < 0.1


@pytest.mark.parametrize(
    ("builder", "options", "limit"),
    [
        pytest.param("dense_vae", {"activation": "gated"}, 2, marks=pytest.mark.shelf),
        pytest.param("dense_ae", {}, 2, marks=pytest.mark.shelf),
        pytest.param("conv_vae", {"head_filters": 4}, 2, marks=pytest.mark.shelf),
        ("conv_vae", {"residual_blocks": 1, "activation": "elu"}, 3),  # a float32 end adds them up
    ],
)
def test_the_file_computes_the_simulation(builder, options, limit, tmp_path):
    """Within a few steps of the last integers for nearly all pixels: kernels round where we do."""
    model = small(builder, spread=1.5, **options)
    images = pictures(60)
    file = export.tflite(
        model, tmp_path / "d.tflite", "int8", output="logits", calibration_images=images
    )
    network = calibration.calibrated(model, model.decoder, images=images)
    z = codes(50)
    simulated = RoundedDecoder(network, rewritten(model.decoder))(z).numpy()
    last = [layer for layer in network.layers if isinstance(layer, FakeQuant)][-1]
    steps = np.abs(run(file.path.read_bytes(), z) - simulated) / steps_of(last)
    assert np.mean(steps < limit + 0.01) > 0.98
    assert np.abs(simulated - model.decoder(z)).max() > steps_of(last) / 4  # it does round


def test_a_shared_layer_and_a_nested_model_are_marked():
    code = keras.Input((3,))
    shared = layers.Dense(3, activation="tanh")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu")])
    network = keras.Model(code, layers.Dense(2)(inner(shared(shared(code)))))
    copy, marks = marked(network)
    np.testing.assert_allclose(copy(codes()), network(codes()), atol=1e-6)
    calibrate(copy, marks, codes())
    assert 0 < np.abs(copy(codes()) - network(codes())).max() < 0.1
