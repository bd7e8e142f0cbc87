"""The python and sh blocks of the first page run on the embedded digits; samples are read."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vae import data, zoo

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
# What installs, trains for a minute or serves for ever: tested in files of their own.
ELSEWHERE = ("demo", "web")
SHORTER = {"evaluate": ["--count", "30"]}

whole_or_short = pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=pytest.mark.shelf)], ids=["short", "whole"]
)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def judge(digits):
    """function (images) -> (numbers of the digits that are read, mean confidence in [0, 1])."""
    from sklearn.neighbors import KNeighborsClassifier

    flat = lambda images: images.reshape(len(images), -1)
    reader = KNeighborsClassifier(20).fit(flat(data.pixels(digits.train)), digits.train.labels)

    def read(images):
        confidence = reader.predict_proba(flat(images))
        return set(confidence.argmax(axis=1)), confidence.max(axis=1).mean()

    return read


def are_digits(images, judge, digits):
    """Asserts that (N, 8, 8, 1) images differ, are of several kinds, and can be read."""
    different = np.abs(images[:, None] - images[None]).mean(axis=(2, 3, 4))
    assert different[~np.eye(len(images), dtype=bool)].min() > 0.01
    random = np.random.default_rng(0)
    pixels = data.pixels(digits.train)[:300].reshape(300, -1)
    unrelated = random.permuted(pixels, axis=0).reshape(300, 8, 8, 1)  # each pixel has its grey
    uniform = random.random((300, 8, 8, 1))
    noise = max(judge(unrelated)[1], judge(uniform)[1])
    read, confidence = judge(images)
    assert len(read) >= 5
    assert confidence > noise + 0.08


def test_the_judge_knows_digits_from_noise(judge, digits):
    test = data.pixels(digits.test)
    are_digits(test[:64], judge, digits)
    noise = np.random.default_rng(1).random((64, 8, 8, 1))
    mean = np.repeat(test.mean(axis=0, keepdims=True), 64, axis=0)
    for images in (noise, mean, mean + 0.02 * noise):
        with pytest.raises(AssertionError):
            are_digits(images, judge, digits)


@whole_or_short
def test_the_python_flow_learns_digits(whole, tmp_path, monkeypatch, capsys, judge, digits):
    (flow,) = [code for code in blocks("python") if "model.fit" in code]
    on_digits = (
        flow.replace('load("mnist")', 'load("digits")')
        .replace("model.fit(train, ", "model.fit(train, verbose=0, ")
        .replace("importance_samples=100", "importance_samples=2, progress=False")
    )
    assert on_digits.count("digits") == 2  # the call, and the comment that was there before
    if not whole:
        assert "epochs=20" in on_digits
        on_digits = on_digits.replace("epochs=20", "epochs=1")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(on_digits, "README.md", "exec"), names)
    assert "nll_nats" in capsys.readouterr().out
    assert (tmp_path / "decoder.tflite").is_file()
    assert names["images"].shape == (16, 8, 8, 1)
    if whole:
        assert len(judge(names["images"])[0]) >= 4
        are_digits(names["model"].sample(64, seed=1), judge, digits)


def commands(block):
    """The words of each `keras-vae` command of a block, without what other files test."""
    lines = [line.split("#")[0].split("&&")[-1].strip() for line in block.splitlines()]
    found = [shlex.split(line) for line in lines if line.startswith("keras-vae")]
    return [words[1:] for words in found if words[1] not in ELSEWHERE]


def run(words):
    from typer.testing import CliRunner

    from keras_vae.cli import app

    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (words, result.output)


def parse(words):
    """Reads the words as the command does, which refuses an option that it does not know."""
    from typer.main import get_command

    from keras_vae.cli import app

    get_command(app).commands[words[0]].make_context(words[0], words[1:])


@pytest.fixture
def folder(tmp_path, monkeypatch, digits):
    """The current folder, with the pictures that the commands name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    for index, image in enumerate(digits.train.images[:100, ..., 0]):
        Image.fromarray(image).resize((32, 32)).save(tmp_path / "FOLDER" / f"{index}.png")
    (three,) = np.flatnonzero(digits.test.labels == 3)[:1]
    Image.fromarray(255 - digits.test.images[three, ..., 0]).resize((64, 64)).save("three.jpg")
    return tmp_path


@whole_or_short
def test_every_command_runs_on_digits(whole, folder, judge, digits):
    """In short, what trains and what takes its result are read alone; test_cli.py trains."""
    verbs = []
    for block in blocks("sh"):
        for words in commands(block):
            words = [word.replace("mnist", "digits") for word in words]
            verbs.append(words[0])
            if not whole and any("runs/" in word for word in words):
                parse(words)
                continue
            run([*words, *([] if whole else SHORTER.get(words[0], []))])
            if "--output" in words:
                assert (folder / words[words.index("--output") + 1]).exists(), words
    assert len(verbs) >= 10
    assert {"generate", "train", "evaluate", "export", "info", "list"} <= set(verbs)
    if whole:
        are_digits(zoo.load("runs/dense_vae_digits").sample(64, seed=1), judge, digits)
        mine = zoo.load("runs/mine").sample(64, seed=1)  # of 100 pictures, 32x32
        assert mine.std(axis=0).mean() > 0.1
        assert len(judge(mine.reshape(64, 8, 4, 8, 4, 1).mean(axis=(2, 4)))[0]) >= 4


def test_a_command_that_is_not_known_is_refused():
    with pytest.raises(Exception, match="No such option: --epoch"):
        parse(["train", "dense_vae_digits", "--epoch", "1"])


def test_the_blocks_are_all_known():
    """A block that is new is run here, or is named as one that is tested elsewhere."""
    assert all("model.fit" in code for code in blocks("python"))
    others = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if not commands(line) and not re.search(r"keras-vae (demo|web)|pytest", line)
    ]
    assert others == []
