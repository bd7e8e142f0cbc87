"""Recipes: what they refuse, what a run gives, and how an interrupted one goes on."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest

from keras_vae import compact, data, models, recipe, training


def tiny(**fields):
    return recipe.Recipe(
        **{
            "name": "dense_vae_tiny",
            "data": "digits",
            "builder": "dense_vae",
            "arguments": {"latent_dim": 2, "hidden_units": (8,)},
            "binarize": "dynamic",
            "epochs": 1,
            "batch_size": 256,
            "importance_samples": 2,
            **fields,
        }
    )


class TestWhatARecipeRefuses:
    def test_unknown_builder_names_the_nearest(self):
        with pytest.raises(ValueError, match=r"Unknown builder 'conv_vea'.*'conv_vae'"):
            tiny(builder="conv_vea")

    def test_unknown_argument_of_the_builder(self):
        with pytest.raises(ValueError, match="Unknown argument of dense_vae 'latent_dims'"):
            tiny(arguments={"latent_dims": 2})

    @pytest.mark.parametrize("field", ["epochs", "batch_size", "learning_rate", "clip_norm"])
    def test_numbers_that_must_be_positive(self, field):
        with pytest.raises(ValueError, match=f"{field} must be .*; received 0"):
            tiny(**{field: 0})

    def test_a_negative_number_of_int8_aware_epochs(self):
        with pytest.raises(ValueError, match=r"quantization_aware_epochs must be .*received -1"):
            tiny(quantization_aware_epochs=-1)

    def test_an_expected_number_without_a_tolerance(self):
        with pytest.raises(ValueError, match="must name the same numbers"):
            tiny(expected={"nll_nats": 20.0})

    @pytest.mark.parametrize(
        "changes",
        [
            {"reference": {"nll_nats": 89.8}},
            {"reference_source": "a paper"},
            {"reference": {"nll_nats": "89.8"}, "reference_source": "a paper"},
        ],
    )
    def test_a_published_number_without_its_source(self, changes):
        with pytest.raises(ValueError, match="reference"):
            tiny(**changes)

    def test_it_does_not_change_after_it_was_made(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            tiny().epochs = 3


class TestMisses:
    wanted = tiny(expected={"nll_nats": 20.0}, tolerance={"nll_nats": 0.5})

    def test_a_number_within_the_tolerance_is_none(self):
        assert self.wanted.misses({"nll_nats": 20.4}) == []

    @pytest.mark.parametrize("value", [20.6, 19.4, float("nan")])
    def test_a_number_outside_is_told_with_both_values(self, value):
        (sentence,) = self.wanted.misses({"nll_nats": value})
        assert sentence == f"nll_nats is {value:.6g}, expected 20 within 0.5"

    def test_a_number_that_was_not_measured_is_missed(self):
        assert len(self.wanted.misses({"mse": 0.1})) == 1


class TestLoad:
    def test_reads_recipe_and_leaves_no_bytecode(self, tmp_path):
        path = tmp_path / "recipe.py"
        path.write_text(
            "from keras_vae.recipe import Recipe\n"
            "RECIPE = Recipe(name='a_b', data='digits', builder='conv_ae', epochs=3)\n"
        )
        assert recipe.load(path).epochs == 3
        assert [p.name for p in tmp_path.iterdir()] == ["recipe.py"]

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"No recipe at .*nowhere\.py"):
            recipe.load(tmp_path / "nowhere.py")

    def test_a_file_without_recipe(self, tmp_path):
        (tmp_path / "recipe.py").write_text("RECIPE = {'epochs': 3}\n")
        with pytest.raises(ValueError, match="does not define RECIPE"):
            recipe.load(tmp_path / "recipe.py")


class TestData:
    def test_a_folder_named_like_a_data_set_does_not_take_its_place(self, tmp_path, monkeypatch):
        (tmp_path / "digits").mkdir()
        monkeypatch.chdir(tmp_path)
        assert len(training.load_data(tiny()).test) == 300

    def test_a_path_to_no_folder_is_not_taken_for_a_name(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="No folder at"):
            training.load_data(tiny(data=str(tmp_path / "pictures")))

    def test_image_shape_of_the_arguments_resizes(self):
        wanted = tiny(arguments={"image_shape": (4, 4, 1)})
        assert training.load_data(wanted).image_shape == (4, 4, 1)


class TestRun:
    def test_model_is_compiled_in_float32_without_slots(self, tiny_run):
        assert tiny_run.model.optimizer is not None
        assert not tiny_run.model.optimizer.built
        assert {v.dtype for v in tiny_run.model.trainable_variables} == {"float32"}

    def test_numbers_are_of_the_test_images_with_their_sample_count(self, tiny_run):
        assert tiny_run.numbers["images"] == len(tiny_run.data.test)
        assert tiny_run.numbers["importance_samples"] == 2
        assert tiny_run.numbers["nll_nats"] < 64 * np.log(2)  # better than a fair coin per pixel

    def test_image_shape_comes_from_the_data(self, tiny_run):
        assert tiny_run.arguments["image_shape"] == (8, 8, 1)

    def test_seconds_are_those_of_training(self, tiny_run):
        assert 0 < tiny_run.seconds < 600

    @pytest.mark.shelf
    def test_weights_are_the_moving_average_where_it_is_asked_for(self):
        one_step = {"batch_size": 1297, "cosine_decay": False, "learning_rate": 0.03}
        after = [
            training.run(tiny(**one_step, ema_momentum=None, epochs=epochs), verbose=0).model
            for epochs in (1, 2, 3)
        ]
        averaged = training.run(tiny(**one_step, ema_momentum=0.2, epochs=3), verbose=0).model
        weights = zip(*(model.get_weights() for model in (*after, averaged)))
        rounding = 2.0**-compact.SIGNIFICANT_BITS  # of each of the four, of its own size
        for one, two, three, average in weights:
            parts = [2 / 11 * 0.2 * one, 9 / 11 * 0.2 * two, 0.8 * three]  # min(0.2, 3/12)
            allowed = rounding * (abs(average) + sum(map(abs, parts))) + 1e-6
            assert (abs(average - sum(parts)) <= allowed).all()
            assert (abs(average - three) > allowed).any()  # rounding does not hide the average

    def test_half_precision_is_for_training_only_and_the_policy_comes_back(self):
        run = training.run(tiny(dtype_policy="mixed_bfloat16", warmup_epochs=0.5), verbose=0)
        assert keras.config.dtype_policy().name == "float32"
        assert run.model.decoder.compute_dtype == "float32"
        assert np.isfinite(run.numbers["nll_nats"])

    def test_policy_comes_back_when_building_fails(self):
        with pytest.raises(ValueError, match="latent_dim"):
            training.run(
                tiny(dtype_policy="mixed_bfloat16", arguments={"latent_dim": 0}), verbose=0
            )
        assert keras.config.dtype_policy().name == "float32"

    def test_autoencoder_is_measured_beside_pca(self):
        wanted = tiny(
            builder="dense_ae", binarize=None, arguments={"latent_dim": 70, "hidden_units": (8,)}
        )
        numbers = training.run(wanted, verbose=0).numbers
        assert numbers["pca_mse"] < 1e-6  # 64 components rebuild 64 pixels; 70 there cannot be
        assert "nll_nats" not in numbers


class Spy(keras.callbacks.Callback):
    """What each epoch starts from; raises KeyboardInterrupt before the epoch `stop`."""

    def __init__(self, stop=None):
        super().__init__()
        self.stop, self.epochs, self.slots = stop, [], None

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop:
            self.slots = [np.array(v) for v in self.model.optimizer.variables]
            raise KeyboardInterrupt
        if not self.epochs:
            self.slots = [np.array(v) for v in self.model.optimizer.variables]
        self.epochs.append(epoch)


def run_spied(monkeypatch, wanted, checkpoints, stop=None):
    spy, original = Spy(stop), training._training_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(training, "_training_callbacks", lambda *a: [*original(*a), spy])
        patch.setattr(training, "measure", lambda *a, **k: {})
        if stop is None:
            return spy, training.run(wanted, checkpoints, verbose=0)
        with pytest.raises(KeyboardInterrupt):
            training.run(wanted, checkpoints, verbose=0)
        return spy, None


def test_an_interrupted_run_goes_on_where_it_was(tmp_path, monkeypatch):
    wanted, steps = tiny(epochs=4, warmup_epochs=2), -(-1297 // 256)
    before, _ = run_spied(monkeypatch, wanted, tmp_path, stop=2)
    spent = json.loads((tmp_path / "epoch_00002" / "state.json").read_text())
    assert before.epochs == [0, 1]
    assert spent["epochs"] == 2

    after, run = run_spied(monkeypatch, wanted, tmp_path)
    assert after.epochs == [2, 3]
    assert int(after.slots[0]) == 2 * steps  # the optimizer's iterations
    for kept, restored in zip(before.slots, after.slots):
        np.testing.assert_array_equal(kept, restored)
    kept = sorted(path.name for path in tmp_path.glob("epoch*"))
    assert kept == ["epoch_00003", "epoch_00004"]
    assert run.seconds > spent["seconds"] > 0
    with open(tmp_path / "log.csv", newline="") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [0, 1, 2, 3]

    finished, again = run_spied(monkeypatch, wanted, tmp_path)  # nothing is left to do
    assert finished.epochs == []
    assert again.seconds == run.seconds
    for first, second in zip(run.model.get_weights(), again.model.get_weights()):
        np.testing.assert_array_equal(first, second)


class Stopped:
    """Raises KeyboardInterrupt in the third batch of an epoch, counted over the runs."""

    def __init__(self, stop):
        self.left = stop

    def hear(self, batches, told):
        told.on_train_batch_end = self.on_train_batch_end
        return batches, told

    def on_train_batch_end(self, batch, logs=None):
        self.left -= batch == 2
        if self.left < 0:
            raise KeyboardInterrupt


def test_a_run_interrupted_in_both_phases_is_in_the_end_the_undisturbed_one(tmp_path, monkeypatch):
    wanted = tiny(epochs=2, warmup_epochs=2, quantization_aware_epochs=2)
    monkeypatch.setattr(training, "measure", lambda *a, **k: {})
    whole = training.run(wanted, verbose=0).model.get_weights()
    original = training._counted
    for stop, kept in ((1, "epoch_00001"), (2, "int8_2/epoch_00001")):  # epochs from here on
        stopped = Stopped(stop)
        with monkeypatch.context() as patch:
            patch.setattr(
                training, "_counted", lambda *a, s=stopped, **k: s.hear(*original(*a, **k))
            )
            with pytest.raises(KeyboardInterrupt):
                training.run(wanted, tmp_path, verbose=0)
        assert (tmp_path / kept).is_dir()
    again = training.run(wanted, tmp_path, verbose=0).model.get_weights()
    for one, other in zip(whole, again):
        np.testing.assert_array_equal(one, other)


def test_a_run_starts_from_the_weights_of_another_where_shapes_agree(tiny_run):
    kind = {**tiny_run.recipe.arguments, "prior": "full_normal"}
    still = tiny(arguments=kind, start="dense_vae_tiny", learning_rate=1e-12, epochs=1)
    model = training.run(still, verbose=0, start=tiny_run.model).model
    for own, other in zip(model.encoder.weights, tiny_run.model.encoder.weights):
        np.testing.assert_allclose(own, other, atol=1e-6)
    assert len(model.prior_family.weights) == 3  # its own: the other prior had none
    with pytest.raises(ValueError, match=r"starts from 'dense_vae_tiny', and start=None"):
        training.run(still, verbose=0)


def test_a_head_that_one_of_two_networks_has_shifts_the_weights_behind_it_and_takes_none():
    """Where places had to agree, an encoder's layers behind a head began with their neighbours'."""
    small = {"image_shape": (8, 8, 1), "latent_dim": 3, "filters": (4, 6), "hidden_units": 16}
    plain = models.build("conv_vae", **small)
    headed = models.build("conv_vae", **small, head_filters=4, head_blocks=1)
    for start, model in ((plain, headed), (headed, plain)):
        training._begin_with(model, start)
        for part in ("encoder", "decoder"):
            own, other = (_kernels(getattr(m, part)) for m in (model, start))
            shared = sum(any(np.array_equal(one, its) for its in other) for one in own)
            assert shared >= min(len(own), len(other)) - 1  # one has the head's channels beside it


def _kernels(network):
    return [weight.numpy() for weight in network.weights if len(weight.shape) > 1]


@pytest.mark.shelf
def test_the_int8_aware_phase_comes_after_the_checkpoints(tmp_path, monkeypatch):
    """The same checkpoints, the same encoder; the decoder alone has moved, and it took time."""
    _, plain = run_spied(monkeypatch, tiny(), tmp_path)
    _, aware = run_spied(monkeypatch, tiny(quantization_aware_epochs=1), tmp_path)
    same = lambda a, b: all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights()))
    assert same(plain.model.encoder, aware.model.encoder)
    assert not same(plain.model.decoder, aware.model.decoder)
    assert aware.seconds > plain.seconds
    assert aware.model.encoder.trainable


def test_checkpoints_of_another_recipe_are_refused(tmp_path):
    training._claim(tmp_path, tiny())
    training._claim(
        tmp_path, tiny(expected={"mse": 0.1}, tolerance={"mse": 0.1})
    )  # told afterwards
    with pytest.raises(ValueError, match=r"another recipe: learning_rate is 0\.5 here and 0\.001"):
        training.run(tiny(learning_rate=0.5), tmp_path, verbose=0)


def test_test_images_are_binarised_once_for_all_measurements(tiny_run):
    first = training.measure(tiny_run.model, tiny_run.data, tiny_run.recipe, progress=False)
    assert first == tiny_run.numbers
    grey = training.measure(
        tiny_run.model,
        tiny_run.data,
        dataclasses.replace(tiny_run.recipe, binarize=None),
        progress=False,
    )
    assert grey["nll_nats"] != first["nll_nats"]
    assert data.pixels(tiny_run.data.test, "dynamic", 0).max() == 1


def test_what_a_recipe_names_and_what_its_data_knows_is_measured():
    reference = {"reference": {"frechet_distance": 1.0}, "reference_source": "another entry"}
    numbers = training.run(tiny(data="shapes", batch_size=4096, **reference), verbose=0).numbers
    assert {"mig", "sap", "factor_vae_score"} <= set(numbers)
    assert numbers["frechet_distance"] > 0
    assert 0 <= numbers["coverage"] <= 1
    assert numbers["images"] == 1000
    assert not {"mig", "frechet_distance"} & set(training.run(tiny(), verbose=0).numbers)
