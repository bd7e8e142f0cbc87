"""One entry: what is written, what survives it, and every way in which it can be damaged."""

import dataclasses
import json

import h5py
import numpy as np
import pytest
from PIL import Image

from keras_vae import data, models, objectives, recipe, training, zoo
from keras_vae.distributions import likelihoods
from keras_vae.zoo import card, entry, example_data, publishing

SMALL = {"latent_dim": 2, "hidden_units": (8,)}


def untrained_run(builder, arguments, images=60, **fields):
    """A Run without the training: publishing does not care."""
    made = recipe.Recipe(
        name=f"{builder}_tiny",
        data="digits",
        builder=builder,
        arguments=arguments,
        epochs=1,
        **fields,
    )
    splits = data.load("digits")
    splits = data.Data(
        "digits",
        *(data.Split(s.name, s.images[:images]) for s in (splits.train, splits.validation)),
        data.Split("test", splits.test.images[: images // 10]),
    )
    bound = {"image_shape": (8, 8, 1), **arguments}
    numbers = {"images": len(splits.test), "mse": 0.1}
    model = models.build(builder, **bound)
    model.complete(data.pixels(splits.train))
    return training.Run(made, bound, model, splits, numbers, 1.0)


class TestWhatIsWritten:
    def test_exactly_the_files_of_an_entry(self, tiny_entry):
        assert sorted(path.name for path in tiny_entry.iterdir()) == sorted(entry.FILES)

    def test_examples_are_test_images_and_their_codes(self, tiny_entry, digits):
        found, model = zoo.examples(tiny_entry), zoo.load(tiny_entry)
        assert found["codes"].shape == (300, 3)
        assert found["codes"].dtype == np.float16
        np.testing.assert_array_equal(found["labels"], digits.test.labels)
        expected = model.encode(data.pixels(digits.test, "dynamic"))
        np.testing.assert_allclose(found["codes"], expected, rtol=2e-3, atol=1e-4)
        assert (found["images"].shape, found["images"].dtype) == ((12, 8, 8, 1), np.uint8)
        assert set(found["image_labels"].tolist()) == set(range(10))
        codes = model.encode(found["images"].astype("float32") / 255)
        np.testing.assert_allclose(found["image_codes"], codes, atol=1e-5)

    def test_config_binds_every_default(self, tiny_entry):
        config = json.loads((tiny_entry / "config.json").read_text())
        assert config["builder"] == "dense_vae"
        assert config["arguments"] == {
            "image_shape": [8, 8, 1],
            "latent_dim": 3,
            "hidden_units": [12],
            "activation": "relu",
            "likelihood": "bernoulli",
            "posterior": "diagonal_normal",
            "prior": "standard_normal",
            "objective": "elbo",
            "adversary": None,
        }

    def test_weights_are_without_slots_even_of_a_model_in_training(self, tiny_run, tmp_path):
        model = models.build("dense_vae", **tiny_run.arguments)
        model.compile("adam")
        model.fit(data.pixels(tiny_run.data.test, "dynamic"), verbose=0)
        assert model.optimizer.built
        folder = zoo.publish(dataclasses.replace(tiny_run, model=model), tmp_path / "entry")
        with h5py.File(folder / "model.weights.h5") as file:
            assert not any("optimizer" in key for key in file)

    def test_weights_come_back_exactly(self, tiny_run, tiny_entry):
        loaded = zoo.load(tiny_entry)
        for kept, trained in zip(loaded.get_weights(), tiny_run.model.get_weights()):
            np.testing.assert_array_equal(kept, trained)

    def test_metadata_tells_what_the_numbers_are_of(self, tiny_entry):
        told = entry.metadata(tiny_entry)
        assert told["data"]["test_images"] == told["numbers"]["images"] == 300
        assert told["data"]["licence"].startswith("CC BY 4.0")
        assert told["parameters"] == zoo.load(tiny_entry).count_params()
        assert set(told["sha256"]) == set(entry.HASHED)

    def test_picture_has_samples_and_reconstructions_side_by_side(self, tiny_entry):
        with Image.open(tiny_entry / "samples.png") as picture:
            pixels = np.asarray(picture)
        side = 8 * 7  # 8 pixels, each shown as 7x7
        rows = 8 * (side + 2) + 2
        assert pixels.shape[1] == 2 * (8 * (side + 2) + 2) + 24
        captions = pixels[:-rows]
        for half in np.split(captions, 2, axis=1):
            assert half.min() < 60 < np.median(half)
        test = data.pixels(data.load("digits").test, "dynamic", 0)[0, :, :, 0]
        left = pixels.shape[1] // 2 + 12 + 2
        shown = pixels[-rows:][2 : 2 + side : 7, left : left + side : 7]
        np.testing.assert_array_equal(shown, test * 255)

    def test_caption_says_what_the_samples_of_an_autoencoder_are(self):
        captions = {}
        for builder in ("dense_ae", "dense_vae"):
            picture = publishing._picture(untrained_run(builder, SMALL, images=300))
            captions[builder] = (picture[:24, :464] < 128).sum()
        assert captions["dense_ae"] > 4 * captions["dense_vae"] > 0  # a sentence, a word

    def test_recipe_is_written_where_there_is_none_and_loads(self, tiny_run, tiny_entry):
        assert recipe.load(tiny_entry / "recipe.py") == tiny_run.recipe

    def test_recipe_beside_the_entry_is_kept_byte_for_byte(self, tiny_run, tiny_entry, tmp_path):
        text = '"""By hand."""\n' + (tiny_entry / "recipe.py").read_text()
        (tmp_path / "recipe.py").write_text(text)
        folder = zoo.publish(tiny_run, tmp_path)
        assert (folder / "recipe.py").read_text() == text

    def test_recipe_of_another_training_is_refused(self, tiny_run, tiny_entry, tmp_path):
        text = (tiny_entry / "recipe.py").read_text().replace("epochs=1,", "epochs=7,")
        (tmp_path / "recipe.py").write_text(text)
        with pytest.raises(ValueError, match="not the recipe of this run: epochs is 7 there and 1"):
            zoo.publish(tiny_run, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["recipe.py"]

    def test_an_entry_replaced_by_another_training_gets_its_recipe(self, tiny_run, entry_copy):
        longer = dataclasses.replace(tiny_run.recipe, epochs=7)
        zoo.publish(dataclasses.replace(tiny_run, recipe=longer), entry_copy)
        assert recipe.load(entry_copy / "recipe.py") == longer

    def test_a_recipe_file_that_is_not_there_is_an_error(self, tiny_run, tmp_path):
        with pytest.raises(FileNotFoundError, match="No recipe at"):
            zoo.publish(tiny_run, tmp_path / "entry", tmp_path / "recipe.py")

    @pytest.mark.parametrize("images", [10, 30, 300])
    def test_few_test_images_are_enough_for_a_picture(self, images, tmp_path):
        run = untrained_run("dense_vae", SMALL, images=images)
        with Image.open(zoo.publish(run, tmp_path / "entry") / "samples.png") as picture:
            rows = 2 * max(1, min(32, images // 10) // 8)
            assert 15 < picture.height - (rows * 58 + 2) < 100  # the captions

    def test_autoencoder_with_a_code_of_one_number(self, tmp_path):
        run = untrained_run("dense_ae", {**SMALL, "latent_dim": 1})
        z, pixels = zoo.golden(zoo.publish(run, tmp_path / "entry"))
        assert z.shape == (8, 1)
        assert pixels.shape == (8, 8, 8, 1)


class TestRecord:
    def test_what_is_measured_later_stands_in_metadata_and_card(self, entry_copy):
        before = entry.metadata(entry_copy)
        row = {"kib": 9.5, "nats_lost": 0.5, "nats_lost_error": 0.1, "psnr_db": 40.0, "ops": 5}
        row |= {"images": 300, "microseconds_per_image": 2.0}
        publishing.record(entry_copy, "export", {"int8": row})
        entry.check(entry_copy)
        told = entry.metadata(entry_copy)
        assert told.pop("export") == {"int8": row}
        assert {**told, "sha256": None} == {**before, "sha256": None}
        assert "| int8 | 9.5 | +0.5000 ± 0.1000 | 40.0 |" in (entry_copy / "README.md").read_text()
        assert sorted(path.name for path in entry_copy.parent.iterdir()) == [entry_copy.name]
        zoo.load(entry_copy)

    def test_a_damaged_entry_is_not_recorded_over(self, entry_copy):
        (entry_copy / "golden.npz").write_bytes(b"")
        with pytest.raises(ValueError, match="is not the published file"):
            publishing.record(entry_copy, "export", {})
        assert "export" not in entry.metadata(entry_copy)


class TestInstances:
    """What a user passes as an instance with arguments comes back with them."""

    def published(self, tmp_path):
        arguments = {
            **SMALL,
            "objective": objectives.ELBO(beta=0.5, free_nats=0.25),
            "likelihood": likelihoods.Normal(scale=0.125),
        }
        run = untrained_run("dense_vae", arguments)
        return run, zoo.publish(run, tmp_path / "entry")

    def test_loaded_model_has_them(self, tmp_path):
        run, folder = self.published(tmp_path)
        model = zoo.load(folder)
        assert (model.objective.beta, model.objective.free_nats) == (0.5, 0.25)
        assert model.likelihood_family.scale == 0.125
        z, pixels = zoo.golden(folder)
        np.testing.assert_allclose(model.decode(z), pixels, atol=1e-6)
        np.testing.assert_allclose(run.model.decode(z), pixels, atol=1e-6)

    def test_written_recipe_has_them_and_publishes_again(self, tmp_path):
        run, folder = self.published(tmp_path)
        again = recipe.load(folder / "recipe.py")
        assert again.arguments["objective"].beta == 0.5
        assert again.arguments["likelihood"].scale == 0.125
        zoo.publish(dataclasses.replace(run, recipe=again), folder, folder / "recipe.py")

    def test_another_value_inside_an_instance_is_another_recipe(self, tmp_path):
        run, folder = self.published(tmp_path)
        assert publishing.recipe_difference(folder / "recipe.py", run) is None
        other = {**run.recipe.arguments, "objective": objectives.ELBO(beta=0.75)}
        other_run = untrained_run("dense_vae", other)
        assert "0.75" in publishing.recipe_difference(folder / "recipe.py", other_run)


class TestCheck:
    def test_an_entry_from_before_the_examples_loads(self, entry_copy):
        told = entry.metadata(entry_copy)
        del told["sha256"][example_data.FILE]
        (entry_copy / "metadata.json").write_text(json.dumps(told))
        (entry_copy / example_data.FILE).unlink()
        zoo.load(entry_copy)
        assert zoo.examples(entry_copy) is None
        publishing.record(entry_copy, "note", "measured later")
        entry.check(entry_copy)

    def test_an_untouched_entry_passes(self, tiny_entry):
        entry.check(tiny_entry)

    @pytest.mark.parametrize("file", entry.HASHED)
    def test_one_flipped_bit(self, entry_copy, file):
        content = bytearray((entry_copy / file).read_bytes())
        content[len(content) // 2] ^= 1
        (entry_copy / file).write_bytes(content)
        with pytest.raises(
            ValueError, match=f"{file}.*is not the published file.*Take the folder anew"
        ):
            zoo.load(entry_copy)

    @pytest.mark.parametrize("file", entry.FILES)
    def test_a_missing_file(self, entry_copy, file):
        (entry_copy / file).unlink()
        missing = "is no entry" if file == "metadata.json" else f"{file}.*is missing"
        with pytest.raises((FileNotFoundError, ValueError), match=missing):
            zoo.load(entry_copy)

    @pytest.mark.parametrize(
        ("key", "number"), [("nll_nats", 1.0), ("importance_samples", 5000), ("images", 10000)]
    )
    def test_an_edited_number(self, entry_copy, key, number):
        told = entry.metadata(entry_copy)
        told["numbers"][key] = number
        (entry_copy / "metadata.json").write_text(json.dumps(told))
        with pytest.raises(ValueError, match=r"The card .* disagrees with metadata\.json"):
            zoo.load(entry_copy)

    def test_a_card_made_for_edited_numbers(self, entry_copy):
        told = entry.metadata(entry_copy)
        told["numbers"]["nll_nats"] = 1.0
        (entry_copy / "README.md").write_text(card.render(told))
        with pytest.raises(ValueError, match=r"README\.md.*is not the published file"):
            zoo.load(entry_copy)

    def test_metadata_without_checksums(self, entry_copy):
        told = entry.metadata(entry_copy)
        del told["sha256"]
        (entry_copy / "metadata.json").write_text(json.dumps(told))
        with pytest.raises(ValueError, match="is not the published file"):
            zoo.load(entry_copy)

    def test_metadata_that_is_no_json(self, entry_copy):
        (entry_copy / "metadata.json").write_text("{'numbers': }")
        with pytest.raises(ValueError, match=r"metadata\.json' is no JSON"):
            zoo.load(entry_copy)


class TestCheckTarget:
    def test_new_and_empty_folders_and_entries_are_fine(self, tmp_path, entry_copy):
        publishing.check_target(tmp_path / "new")
        (tmp_path / "empty").mkdir()
        publishing.check_target(tmp_path / "empty")
        (entry_copy / "__pycache__").mkdir()
        publishing.check_target(entry_copy)

    def test_a_file(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError, match="is a file"):
            publishing.check_target(tmp_path / "notes.txt")

    def test_a_folder_with_something_else_names_it(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("mine")
        with pytest.raises(FileExistsError, match=r"holds other files \(thesis\.tex\)"):
            publishing.check_target(tmp_path)
