"""An entry from a stranger is data: no verb but `train` runs its recipe.py."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_vae import cli, image_folder, plot, recipe, training, zoo
from keras_vae.zoo import certificates, entry, runs

VERBS = {
    "info": [],
    "evaluate": ["--importance-samples", "2", "--count", "10"],
    "generate": ["--count", "4", "--output", "{out}.png"],
    "export": ["--quantize", "int8", "--output", "{out}.tflite"],
}


@pytest.fixture
def hostile(entry_copy, tmp_path):
    """An entry whose recipe.py leaves a file behind when it is run, and whose hashes fit."""
    traces = tmp_path / "it_ran"
    with open(entry_copy / "recipe.py", "a") as file:
        file.write(f"\nopen({str(traces)!r}, 'w').close()\n")
    told = entry.metadata(entry_copy)
    told["sha256"]["recipe.py"] = entry.sha256(entry_copy / "recipe.py")
    (entry_copy / "metadata.json").write_text(json.dumps(told))
    yield entry_copy
    assert not traces.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_verbs(hostile, tmp_path, verb):
    options = [option.format(out=tmp_path / "out") for option in VERBS[verb]]
    done = CliRunner().invoke(cli.app, [verb, str(hostile), *options])
    assert done.exit_code == 0, done.output


@pytest.mark.shelf
def test_certify(hostile):
    certificates.certify(hostile)


def test_python(hostile, tiny_run):
    certificates.held_out_images(hostile, 5)
    zoo.renew(hostile)
    zoo.publish(tiny_run, hostile)


def test_what_was_told_measures_as_what_was_run(tiny_run, tiny_entry):
    measured = runs.evaluate(tiny_entry, importance_samples=2, progress=False)
    assert measured.keys() == tiny_run.numbers.keys()
    for key, value in measured.items():  # numbers, and a list of them
        assert value == pytest.approx(tiny_run.numbers[key]), key


def test_who_refuses_a_changed_entry_does_not_say_train_it(entry_copy, monkeypatch):
    (entry_copy / "recipe.py").write_text("changed")
    with pytest.raises(ValueError, match="from where it came from") as error:
        entry.check(entry_copy)
    assert "keras-vae train" not in str(error.value)
    monkeypatch.setattr(entry, "shelf", lambda: entry_copy.parent)
    with pytest.raises(ValueError, match=f"keras-vae train {entry_copy.name} "):
        entry.check(entry_copy)


def test_a_name_that_is_no_data_set_is_refused(entry_copy):
    told = entry.metadata(entry_copy)
    told["data"]["name"] = "stranger:code/that_loads"
    (entry_copy / "metadata.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match=r"metadata\.json' does not tell .*'stranger:code"):
        entry.told_recipe(entry_copy)


def test_the_recipe_is_hashed_and_older_entries_load(entry_copy):
    with open(entry_copy / "recipe.py", "a") as file:
        file.write("# another\n")
    with pytest.raises(ValueError, match=r"recipe\.py' is not the published file"):
        zoo.load(entry_copy)
    told = entry.metadata(entry_copy)
    del told["sha256"]["recipe.py"]
    (entry_copy / "metadata.json").write_text(json.dumps(told))
    zoo.load(entry_copy)


def test_renewed_is_the_same_but_for_what_is_derived(entry_copy):
    before = {path.name: path.read_bytes() for path in entry_copy.iterdir()}
    (entry_copy / "samples.png").write_bytes(b"")
    told = json.loads(before["metadata.json"])
    told["sha256"]["samples.png"] = entry.sha256(entry_copy / "samples.png")
    (entry_copy / "metadata.json").write_text(json.dumps(told))
    zoo.renew(entry_copy)
    assert {path.name: path.read_bytes() for path in entry_copy.iterdir()} == before


class TestPictures:
    """Own pictures: told by a path as the entry sees it, without the rest of the machine."""

    @pytest.fixture(scope="class")
    def published(self, digits, tmp_path_factory):
        root = tmp_path_factory.mktemp("machine")
        pictures = root / "photos" / "holiday"
        pictures.mkdir(parents=True)
        for number in range(12):
            plot.save(digits.train.images[number], pictures / f"{number}.png")
        run = training.run(
            recipe.Recipe(
                name="mine",
                data=str(pictures),
                builder="dense_vae",
                arguments={"hidden_units": (4,), "image_shape": (8, 8, 1), "likelihood": "normal"},
                epochs=1,
                importance_samples=1,
            ),
            verbose=0,
        )
        return zoo.publish(run, root / "runs" / "mine"), pictures

    def test_the_card_and_the_metadata_name_the_folder_alone(self, published):
        folder, pictures = published
        assert zoo.info(folder)["data"]["name"] == "holiday"
        assert zoo.info(folder)["data"]["folder"] == os.path.join("..", "..", "photos", "holiday")
        for file in ("README.md", "metadata.json"):
            assert str(pictures.parents[1]) not in (folder / file).read_text()

    @pytest.mark.filterwarnings("ignore:Resized")
    def test_the_pictures_are_found_from_the_entry(self, published, monkeypatch):
        folder, pictures = published
        monkeypatch.chdir("/")
        images = certificates.held_out_images(folder)
        expected = image_folder.load(pictures, (8, 8, 1)).test.images / 255
        np.testing.assert_allclose(images, expected, atol=1e-6)
        assert Path(entry.told_recipe(folder).data) == pictures.resolve()
