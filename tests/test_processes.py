"""The command in real processes: killed, stopped, out of room, twice into one folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import keras_vae

pytestmark = pytest.mark.shelf

RECIPE = """
from keras_vae.recipe import Recipe
RECIPE = Recipe(name="mine", data="digits", builder="dense_vae",
    arguments={"latent_dim": 3, "hidden_units": (12,)}, binarize="dynamic", epochs=EPOCHS,
    importance_samples=2)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(keras_vae.__file__).parents[1])}
LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)"
)
MAIN = "; from keras_vae.cli import main; main()"


def start(folder, *words, program="import sys" + MAIN):
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


def ended(process):
    """(exit status, what it said)."""
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


@pytest.fixture
def training(tmp_path):
    """function (epochs) -> a process that trains, after its first state was written."""

    def begin(epochs):
        (tmp_path / "recipe.py").write_text(RECIPE.replace("EPOCHS", str(epochs)))
        process = start(tmp_path, "train", "./recipe.py", "--output", "mine")
        end = time.monotonic() + 90
        while not list(tmp_path.glob(".mine.checkpoints/epoch_*")) and time.monotonic() < end:
            time.sleep(0.1)
        return process

    return begin


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_last_state_and_says_where(training, tmp_path, number, status):
    process = training(4000)
    process.send_signal(number)
    code, said = ended(process)
    assert code == status
    assert "is kept in '.mine.checkpoints'; the same command goes on" in said
    assert "Traceback" not in said
    assert sorted(os.listdir(tmp_path)) == [".mine.checkpoints", "recipe.py"]
    assert not list(tmp_path.glob(".mine.checkpoints/.*"))


def test_a_second_training_is_refused_and_a_killed_one_goes_on(training, tmp_path):
    process = training(40)
    recipe = (tmp_path / "recipe.py").read_bytes()
    code, said = ended(start(tmp_path, "train", "./recipe.py", "--output", "mine"))
    assert code == 1
    assert f"process {process.pid} on" in said
    process.kill()
    ended(process)
    process = start(tmp_path, "train", "./recipe.py", "--output", "mine")
    time.sleep(1)
    code, said = ended(process)
    assert code == 0, said
    assert (tmp_path / "mine" / "recipe.py").read_bytes() == recipe
    assert sorted(os.listdir(tmp_path)) == ["mine", "recipe.py"]


def test_sigterm_while_publishing_leaves_the_older_entry_and_no_half_of_a_new_one(tmp_path):
    words = ("train", "./recipe.py", "--output", "mine")
    (tmp_path / "recipe.py").write_text(RECIPE.replace("EPOCHS", "2"))
    code, said = ended(start(tmp_path, *words))
    assert code == 0, said
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    (tmp_path / "recipe.py").write_text(RECIPE.replace("EPOCHS", "3"))
    process = start(tmp_path, *words)
    end = time.monotonic() + 90
    while not list(tmp_path.glob(".mine.[0-9]*/config.json")) and time.monotonic() < end:
        time.sleep(0.005)
    process.terminate()
    code, said = ended(process)
    assert code == 143, said
    assert sorted(os.listdir(tmp_path)) == [".mine.checkpoints", "mine", "recipe.py"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before
    code, said = ended(start(tmp_path, *words))
    assert code == 0, said
    assert sorted(os.listdir(tmp_path)) == ["mine", "recipe.py"]


def test_a_full_disk_is_one_line_and_blocks_nothing(tmp_path):
    (tmp_path / "recipe.py").write_text(RECIPE.replace("EPOCHS", "2"))
    words = ("train", "./recipe.py", "--output", "mine")
    code, said = ended(start(tmp_path, 30_000, *words, program=LIMITED + MAIN))
    assert code == 1
    assert said.strip().splitlines()[-1].startswith("keras-vae: [Errno 27] File too large: ")
    assert "Traceback" not in said
    code, said = ended(start(tmp_path, *words))
    assert code == 0, said
    words = ("export", "mine", "--format", "saved_model", "--output", "model")
    code, said = ended(start(tmp_path, 3000, *words, program=LIMITED + MAIN))
    assert code == 1
    assert "Cannot write" in said
    assert "Traceback" not in said
    assert sorted(os.listdir(tmp_path)) == ["mine", "recipe.py"]
