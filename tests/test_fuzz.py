"""Damaged files of an entry: an error that names the file, or the right answer."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_vae import objectives, zoo
from keras_vae.zoo import entry, listing

ROUNDS = 6  # of each file
VALUES = [None, 3, [], {}, [[]], {"class_name": "x"}, -1, "\0", True]
TEXTS = {
    "deep": "[" * 100_000,
    "deeper": '{"a":' * 100_000,
    "latin": "\xff",
    "none": "",
    "NaN": "NaN",
}


def damaged(content, random):
    """One to three bytes changed, or the end cut off."""
    content = bytearray(content)
    if random.random() < 0.3:
        return bytes(content[: random.integers(len(content))])
    for place in random.integers(len(content), size=random.integers(1, 4)):
        content[place] ^= random.integers(1, 256)
    return bytes(content)


def refusal(function, *arguments):
    """What the error of a call says, or None; other kinds of errors are not expected."""
    try:
        function(*arguments)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("file", entry.FILES)
def test_every_file_of_an_entry(entry_copy, file):
    whole = (entry_copy / file).read_bytes()
    random = np.random.default_rng(list(file.encode()))
    refused = 0
    for _ in range(ROUNDS):
        (entry_copy / file).write_bytes(damaged(whole, random))
        said = refusal(entry.check, entry_copy)
        assert said is None or file in said
        refused += said is not None
    assert refused == ROUNDS or file == "metadata.json"  # the card's digest is of the rest of it


def paths(value, path=()):
    """Paths of all values inside of JSON."""
    yield path
    if not isinstance(value, (dict, list)):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from paths(item, (*path, key))


def with_value(whole, path, value):
    if not path:
        return value
    copy = json.loads(json.dumps(whole))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


READERS = {
    "config.json": [entry.read_config],
    "metadata.json": [listing.info, entry.check, entry.told_recipe],
}


@pytest.mark.parametrize("file", READERS)
def test_wrong_types(entry_copy, file):
    whole = json.loads((entry_copy / file).read_text())
    wrong = [with_value(whole, path, value) for path in paths(whole) for value in VALUES]
    for text in [*map(json.dumps, wrong), *TEXTS.values()]:
        (entry_copy / file).write_bytes(text.encode("latin-1"))
        for read in READERS[file]:
            said = refusal(read, entry_copy)
            assert said is None or file in said or "README.md" in said


@pytest.mark.parametrize("value", [None, 2.5, "x", [[]], {}, -1])
@pytest.mark.parametrize("argument", ["image_shape", "latent_dim", "hidden_units", "prior"])
def test_wrong_arguments_of_a_model(entry_copy, argument, value):
    config = json.loads((entry_copy / "config.json").read_text())
    config["arguments"][argument] = value
    (entry_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json' does not describe a model"):
        entry.build(entry_copy)


def test_a_class_that_is_not_registered_imports_nothing(entry_copy, tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    config = json.loads((entry_copy / "config.json").read_text())
    bad = {"module": "stranger", "class_name": "X", "config": {}, "registered_name": "stranger>X"}
    known = keras.saving.serialize_keras_object(objectives.ELBO())
    disguised = {**bad, "class_name": "function", "registered_name": "keras_vae>ELBO"}
    for value in (bad, disguised, {**known, "config": {"beta": [bad]}}):
        config["arguments"]["prior"] = value
        (entry_copy / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=r"config\.json' does not describe a model"):
            entry.build(entry_copy)


def test_golden_and_examples_check_what_they_read(entry_copy):
    shutil.copyfile(entry_copy / "golden.npz", entry_copy / "examples.npz")
    for read in (zoo.golden, zoo.examples):
        with pytest.raises(ValueError, match=r"examples\.npz' is not the published file"):
            read(entry_copy)
