"""A training on several devices and in several processes, and its pages."""

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import workers

from keras_vae import distribution, zoo

PAGE = (Path(__file__).parents[1] / "docs" / "distributed.md").read_text(encoding="utf-8")
RECIPE = """from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="dense_ae_tiny",
    data="digits",
    builder="dense_ae",
    arguments={{"latent_dim": 4, "hidden_units": (16,)}},
    batch_size=128,
    epochs={epochs},
    ema_momentum={ema},
)
"""


def written(folder, epochs=2, ema=0.9):
    path = folder / "recipe.py"
    path.write_text(RECIPE.format(epochs=epochs, ema=ema))
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "no description of a cluster"), ("[]", "no description of a cluster")],
)
def test_a_broken_cluster_is_told_with_an_example(text, said, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=said) as error:
        distribution.strategy()
    assert '"task": {"type": "worker", "index": 0}' in str(error.value)


def test_devices_beside_a_cluster_and_too_few(monkeypatch):
    with pytest.raises(ValueError, match="devices must be an integer of at least 1; received 0"):
        distribution.strategy(0)
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}))
    with pytest.raises(ValueError, match="describes 2 workers"):
        distribution.strategy(2)


def test_one_process_is_its_own_chief(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert distribution.strategy() is None
    assert distribution.strategy(1) is None
    assert distribution.is_chief(None)
    with distribution.scope(None):
        distribution.check_same(None, 3, "never")


@pytest.mark.parametrize("language", ["yaml", "sh"])
def test_the_pages_clusters_are_clusters(language):
    """The shell of the Kubernetes and the Slurm file, with what they call replaced by echoes."""
    (text,) = [
        block.split("```")[0]
        for block in PAGE.split(f"```{language}\n")[1:]
        if "JOB_COMPLETION_INDEX" in block.split("```")[0] or "srun" in block.split("```")[0]
    ]
    if language == "yaml":
        text = text.split("args:\n")[1].split("          env:")[0].split("- |\n")[1]
        text = "JOB_COMPLETION_INDEX=2\n" + text
    stubs = """keras-vae() { echo "$TF_CONFIG"; }
export -f keras-vae
scontrol() { echo train-0.train; echo train-1.train; echo train-2.train; echo train-3.train; }
srun() { shift; SLURM_PROCID=2 "$@"; }
"""
    done = subprocess.run(["bash", "-c", stubs + text], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "cluster": {"worker": [f"train-{k}.train:12345" for k in range(4)]},
        "task": {"type": "worker", "index": 2},
    }


def run_alone(*words):
    done = workers.ended(workers.start(1, *words))
    assert done[0][0] == 0, done[0][2]


@pytest.mark.shelf
def test_two_workers_and_two_devices_train_as_one_process(tmp_path):
    recipe = written(tmp_path)
    run_alone("train", recipe, "--output", tmp_path / "one")
    run_alone("train", recipe, "--output", tmp_path / "devices", "--devices", 2)
    done = workers.ended(workers.start(2, "train", recipe, "--output", tmp_path / "workers"))
    assert [status for status, _, _ in done] == [0, 0], done[0][2][-2000:] + done[1][2][-2000:]
    assert "mse" in done[0][1]
    assert done[1][1] == ""  # the chief alone tells
    one, *others = (zoo.load(tmp_path / name) for name in ("one", "devices", "workers"))
    for other in others:
        for mine, theirs in zip(one.get_weights(), other.get_weights()):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["devices", "one", "recipe.py", "workers"]


@pytest.mark.shelf
def test_fit_and_evaluate_on_arrays_tell_the_same():
    program = (workers.__file__,)
    one = workers.ended(workers.start(1, program=program))
    two = workers.ended(workers.start(2, program=program))
    for status, _, said in (*one, *two):
        assert status == 0, said[-2000:]
    alone, *together = (json.loads(told) for _, told, _ in (*one, *two))
    for found in together:
        assert found[0].keys() == alone[0].keys()
        for name, values in alone[0].items():
            np.testing.assert_allclose(found[0][name], values, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(found[1], alone[1], rtol=1e-4)
        assert found[2] == pytest.approx(alone[2], rel=1e-4)


@pytest.mark.shelf
def test_a_lost_worker_ends_the_others_and_more_workers_go_on(tmp_path):
    recipe, output = written(tmp_path, epochs=4000), tmp_path / "entry"
    two = workers.start(2, "train", recipe, "--output", output)
    states = tmp_path / ".entry.checkpoints"
    begun = time.monotonic()
    while not list(states.glob("epoch_*")) and time.monotonic() - begun < 100:
        assert two[0].poll() is None, two[0].stderr.read()
        time.sleep(0.5)
    two[1].kill()
    killed = time.monotonic()
    (status, _, said), _ = workers.ended(two)
    assert time.monotonic() - killed < 60
    assert status == 1
    assert "A worker of the cluster was lost" in said.splitlines()[-1]
    kept = max(int(path.name.removeprefix("epoch_")) for path in states.glob("epoch_*"))
    # the rest of the same training, shortened: epochs are part of the recipe
    for path in (recipe, states / "recipe.json"):
        path.write_text(path.read_text().replace("4000", str(kept + 2)))
    done = workers.ended(workers.start(4, "train", recipe, "--output", output))
    assert [status for status, _, _ in done] == [0] * 4, done[0][2][-2000:]
    assert zoo.info(output)["training"]["epochs"] == kept + 2
    assert zoo.info(output)["numbers"]["images"] == 300
