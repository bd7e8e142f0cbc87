import json
import shutil
import threading
import time

import keras
import numpy as np
import pytest

from keras_vae import checkpoints, models, recipe, training, zoo
from keras_vae.zoo import publishing, runs


def small(seed):
    keras.utils.set_random_seed(seed)
    model = models.dense_vae((8, 8, 1), 3, hidden_units=(12,))
    model.compile(keras.optimizers.Adam(1e-2))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory, binary):
    """A folder of three epochs' states, of which two are kept, and the model behind them."""
    model, folder = small(0), tmp_path_factory.mktemp("trained")
    model.fit(binary, epochs=3, verbose=0, callbacks=[checkpoints.Checkpoints(folder)])
    return folder, model


@pytest.fixture
def states(trained, tmp_path):
    """The same in a copy of the folder, to be damaged."""
    folder, model = trained
    return shutil.copytree(folder, tmp_path / "states"), model


def same(one, other):
    pairs = zip(one.get_weights(), other.get_weights())
    return all(np.array_equal(a, b) for a, b in pairs)


def test_the_newest_state_is_restored_with_its_optimizer(states):
    folder, model = states
    assert [path.name for path in sorted(folder.iterdir())] == ["epoch_00002", "epoch_00003"]
    again, kept = small(1), checkpoints.Checkpoints(folder)
    assert kept.restore(again) == 3
    assert kept.seconds > 0
    assert same(again, model)
    for one, other in zip(again.optimizer.variables, model.optimizer.variables):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fault", ["no weights", "cut weights", "no state", "cut state", "a list"])
def test_a_state_that_cannot_be_read_is_named_and_the_one_before_it_taken(states, fault):
    folder, model = states
    weights, state = folder / "epoch_00003/model.weights.h5", folder / "epoch_00003/state.json"
    if fault == "no weights":
        weights.unlink()
    elif fault == "cut weights":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif fault == "no state":
        state.unlink()
    else:
        state.write_text({"cut state": '{"epochs": 3, "sec', "a list": "[]"}[fault])
    again = small(1)
    with pytest.warns(UserWarning, match=r"epoch_00003' cannot be read"):
        assert checkpoints.Checkpoints(folder).restore(again) == 2
    assert not same(again, model)


def test_without_a_readable_state_the_model_is_fresh(states):
    folder, _ = states
    for path in folder.glob("*/model.weights.h5"):
        path.write_bytes(path.read_bytes()[:-2000])  # some of it can still be read
    again, fresh = small(1), small(1)
    with pytest.warns(UserWarning, match="cannot be read"):
        assert checkpoints.Checkpoints(folder).restore(again) == 0
    assert same(again, fresh)


def test_a_state_of_another_training_is_not_read(states):
    folder, _ = states
    with pytest.warns(UserWarning, match="it is of another training"):
        assert checkpoints.Checkpoints(folder, {"epochs": 9}).restore(small(1)) == 0


def test_a_full_disk_is_an_error_and_leaves_the_states_before(states, full_disk):
    """HDF5 itself would end the process by a segmentation fault."""
    folder, model = states
    kept = checkpoints.Checkpoints(folder)
    kept.set_model(model)
    kept.on_epoch_begin(3)
    with full_disk(20_000), pytest.raises(OSError, match=r"model\.weights\.h5"):
        kept.on_epoch_end(3)
    assert [path.name for path in sorted(folder.iterdir())] == ["epoch_00002", "epoch_00003"]
    kept.on_epoch_end(3)
    assert kept.epochs() == [3, 4]


class TestTrain:
    """`runs.train`: what a kill leaves, and what may replace an entry."""

    def wanted(self, **changes):
        return recipe.Recipe(
            **{
                "name": "mine",
                "data": "digits",
                "builder": "dense_vae",
                "arguments": {"latent_dim": 3, "hidden_units": (12,)},
                "binarize": "dynamic",
                "epochs": 2,
                "learning_rate": 1e-2,
                "ema_momentum": None,
                "importance_samples": 2,
                **changes,
            }
        )

    @pytest.mark.shelf
    def test_a_kill_while_the_checkpoints_were_removed_costs_nothing(self, tmp_path):
        """The last epoch's state without its weights: it is trained again, and not published."""
        folder, states = tmp_path / "mine", tmp_path / ".mine.checkpoints"
        first = runs.train(self.wanted(), folder, verbose=0)
        assert not states.exists()
        training._claim(states, self.wanted())
        (states / "epoch_00002").mkdir(parents=True)
        (states / "epoch_00002" / "state.json").write_text('{"epochs": 2, "seconds": 1.0}')
        with pytest.warns(UserWarning, match=r"epoch_00002' cannot be read"):
            again = runs.train(self.wanted(), folder, verbose=0)
        assert again["numbers"]["nll_nats"] == pytest.approx(first["numbers"]["nll_nats"], abs=1.5)

    def test_a_run_that_misses_replaces_no_entry(self, entry_copy):
        before = {path.name: path.read_bytes() for path in entry_copy.iterdir()}
        bad = self.wanted(epochs=1, expected={"nll_nats": 1.0}, tolerance={"nll_nats": 0.1})
        with pytest.raises(ValueError, match=r"misses its numbers: nll_nats is .* stays as it was"):
            runs.train(bad, entry_copy, verbose=0)
        assert {path.name: path.read_bytes() for path in entry_copy.iterdir()} == before

    @pytest.mark.shelf
    def test_a_run_that_misses_is_kept_where_there_is_nothing_better(self, tmp_path):
        bad = self.wanted(expected={"nll_nats": 1.0}, tolerance={"nll_nats": 0.1})
        written = runs.train(bad, tmp_path / "mine", verbose=0)
        assert bad.misses(written["numbers"])
        zoo.load(tmp_path / "mine")

    @pytest.mark.shelf
    def test_a_recipe_that_changes_while_it_trains_is_published_as_it_was(self, tmp_path):
        file, wanted = tmp_path / "recipe.py", self.wanted()
        file.write_text(publishing._recipe_source(wanted))
        whole, copy = file.read_bytes(), tmp_path / ".mine.checkpoints" / "recipe.py"

        def edit():
            while not copy.exists():
                time.sleep(0.01)
            file.write_text("another")

        editor = threading.Thread(target=edit, daemon=True)
        editor.start()
        runs.train(wanted, tmp_path / "mine", file, verbose=0)
        editor.join(10)
        assert file.read_text() == "another"
        assert (tmp_path / "mine" / "recipe.py").read_bytes() == whole

    def test_an_unreadable_claim_is_named_and_blocks_nothing(self, tmp_path):
        (tmp_path / "recipe.json").write_text('{"name": "mi')
        with pytest.warns(UserWarning, match=r"recipe\.json' cannot be read"):
            claim = training._claim(tmp_path, self.wanted())
        assert claim == training._claim(tmp_path, self.wanted())
        with pytest.raises(ValueError, match="another recipe: epochs is 3 here and 2 there"):
            training._claim(tmp_path, self.wanted(epochs=3))

    def test_states_are_json_and_weights(self, states):
        folder, _ = states
        state = json.loads((folder / "epoch_00003" / "state.json").read_text())
        assert set(state) == {"epochs", "seconds", "claim"}
