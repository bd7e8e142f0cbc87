"""Quantisation-aware training: the twin learns what its int8 file is worth."""

import keras
import numpy as np
import pytest
from export_models import DECODED, codes, pictures, small

from keras_vae import data, evaluate, export, models
from keras_vae.export.int8.equalise import equalise


def binary(count=64):
    return (pictures(count) < 0.4).astype("float32")


@pytest.fixture(scope="module")
def trained():
    """A dense VAE that has learnt the digits a little, and its images."""
    digits = data.load("digits")
    keras.utils.set_random_seed(0)
    x = data.pixels(digits.train, "dynamic")
    model = models.dense_vae(digits.image_shape, 8, hidden_units=(64, 32), activation="gated")
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(x, batch_size=64, epochs=12, verbose=0)
    return model, x, data.pixels(digits.test, "dynamic")


def copy_of(model):
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


class TestTwin:
    @pytest.mark.parametrize(
        "builder",
        [
            pytest.param(name, marks=[] if name in ("conv_vae", "dense_ae") else pytest.mark.shelf)
            for name in DECODED
        ],
    )
    def test_it_is_a_model_that_rounds(self, builder):
        model, x = small(builder, activation="elu"), binary()
        twin = export.quantization_aware(model, x)
        assert type(twin) is type(model)
        assert twin.encoder is model.encoder
        error = np.abs(twin.decode(codes()) - model.decode(codes()))
        assert 0 < error.mean() < 3 / 255

    @pytest.mark.shelf
    def test_its_report_is_that_of_the_file(self, trained, tmp_path):
        """The ELBO that the twin loses is what the certificate of the file says."""
        model, x, test = trained
        file = export.tflite(model, tmp_path / "d.tflite", "int8", calibration_images=x)
        row = export.certify(file.path, model, test)
        twin = export.quantization_aware(model, x)
        elbo = [evaluate.report(m, test, 20, progress=False)["elbo_nats"] for m in (model, twin)]
        assert elbo[0] - elbo[1] == pytest.approx(
            row["nats_lost"], abs=4 * row["nats_lost_error"] + 0.02
        )

    def test_half_of_a_training_batch_is_not_rounded(self):
        model = small("dense_vae")
        decoder = export.quantization_aware(model).decoder
        z = np.repeat(codes(1), 8, axis=0)
        raw = decoder(z, training=True).numpy()
        np.testing.assert_allclose(raw[4:], model.decoder(z[4:]), atol=1e-6)
        assert np.abs(raw[:4] - model.decoder(z[:4])).max() > 1e-4
        np.testing.assert_array_equal(raw[:4], decoder(z)[:4])

    def test_an_autoencoder_needs_images(self):
        with pytest.raises(ValueError, match="needs calibration_images"):
            export.quantization_aware(small("dense_ae"))


class TestFinetune:
    @pytest.mark.shelf
    def test_int8_loses_less(self, trained):
        """The same function in units of very different ranges: int8 loses what float32 does not."""
        original, x, test = trained
        model = copy_of(original)
        linear = [
            layer
            for layer in model.decoder.layers
            if getattr(layer, "activation", None) is keras.activations.linear
        ]
        source, end = linear[-2:]
        scale = np.exp(np.random.default_rng(0).normal(0, 2, source.units))
        source.set_weights([source.kernel.numpy() * scale, source.bias.numpy() * scale])
        end.set_weights([end.kernel.numpy() / scale[:, None], end.bias.numpy()])
        elbo = lambda m: evaluate.report(m, test, 20, progress=False)["elbo_nats"]
        lost, exact = [], []
        for _ in range(2):
            exact.append(elbo(model))
            lost.append(exact[-1] - elbo(export.quantization_aware(model, x)))
            options = {"calibration_images": x, "batch_size": 64, "verbose": 0}
            export.finetune(model, x, epochs=4, learning_rate=5e-4, **options)
        assert lost[0] > 0.1
        assert lost[1] < 0.5 * lost[0]
        assert exact[1] > exact[0] - 0.1  # in float32 it is as good as before

    @pytest.mark.parametrize(
        "builder",
        ["dense_vae", *(pytest.param(n, marks=pytest.mark.shelf) for n in ("conv_vae", "conv_ae"))],
    )
    def test_only_the_decoder_changes(self, builder):
        blocks = {"residual_blocks": 1} if "conv" in builder else {}
        model, x = small(builder, activation="elu", **blocks), binary()
        before = [model.encoder.get_weights(), model.decoder.get_weights()]
        batches = data.batches(data.Split("train", (x * 255).astype("uint8")), 16)
        history = export.finetune(model, batches, epochs=2, calibration_images=x, verbose=0)
        assert len(history.history["loss"]) == 2
        for ours, theirs in zip(model.encoder.get_weights(), before[0]):
            np.testing.assert_array_equal(ours, theirs)
        moved = [np.abs(a - b).max() for a, b in zip(model.decoder.get_weights(), before[1])]
        assert min(moved) > 0
        assert model.encoder.trainable

    def test_the_encoder_thaws_after_an_error(self):
        model = small()
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            export.finetune(model, 300 * pictures(), verbose=0)
        assert model.encoder.trainable


class TestEqualise:
    @pytest.mark.parametrize("activation", ["relu", "gated", "linear"])
    def test_the_same_function_of_one_range(self, activation):
        decoder = small("dense_vae", hidden_units=(16, 12), activation=activation).decoder
        random = np.random.default_rng(3)
        for layer in decoder.layers:
            if layer.name.startswith("dense") and layer.activation is not keras.activations.sigmoid:
                kernel, bias = layer.get_weights()
                scale = np.exp(random.normal(0, 2, kernel.shape[1]))
                layer.set_weights([kernel * scale, bias * scale])
        before = decoder(codes(50)).numpy()
        span = lambda: np.abs(hidden(codes(50))).max(axis=0)
        spread = lambda: np.std(np.log(span()[span() > 0]))
        hidden = keras.Model(decoder.input, decoder.get_layer("parameters").input)
        wide = spread()
        assert equalise(decoder, codes(50)) == 2
        np.testing.assert_allclose(decoder(codes(50)), before, rtol=1e-4, atol=1e-4)
        assert spread() < 0.7 * wide

    @pytest.mark.parametrize("builder", ["dense_vae", "conv_vae"])
    def test_other_layers_stay(self, builder):
        decoder = small(builder, activation="elu").decoder
        weights = decoder.get_weights()
        assert equalise(decoder, codes()) == 0
        for ours, theirs in zip(decoder.get_weights(), weights):
            np.testing.assert_array_equal(ours, theirs)
