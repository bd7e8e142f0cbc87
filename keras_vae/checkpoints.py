"""The state of a training after each epoch, from which the same training goes on."""

import json
import time
import warnings
from pathlib import Path

import keras

from keras_vae import atomic

KEPT = 2  # states; the older one is for a newer one that cannot be read
WEIGHTS, STATE = "model.weights.h5", "state.json"


def save_weights(model, path):
    """As `model.save_weights`; without room for it an OSError, where HDF5 crashes the process.

    Args:
        model: keras.Model; the slots of its optimizer are saved as well.
        path: of a new file, ending in .weights.h5.
    """
    optimizer = getattr(model, "optimizer", None)  # set by compile
    variables = [*model.variables, *(optimizer.variables if optimizer else ())]
    room = sum(variable.numpy().nbytes for variable in variables)
    room += 8192 * len(variables) + 2**16  # names, and what HDF5 keeps of each
    atomic.write(path, bytes(room))
    path.unlink()
    model.save_weights(path)


class Checkpoints(keras.callbacks.Callback):
    """Keeps weights, optimizer and seconds of the last epochs, each state a folder that is whole.

    Args:
        folder: of the states, `epoch_00012` and so on; or None to count the seconds alone.
        claim: what the training is, JSON values: a state of another one is not read; or None.
        keep: whether this process writes them; of several workers one does.
    """

    def __init__(self, folder=None, claim=None, keep=True):
        super().__init__()
        self.folder, self.claim = None if folder is None else Path(folder), claim
        self.keep = keep
        self.seconds = 0.0

    def restore(self, model):
        """Gives a compiled model, its optimizer built, the newest state that can be read.

        Returns:
            Number of epochs that are done, 0 where there is no state.

        Warns:
            For each state that cannot be read, by its path.
        """
        variables = [*model.variables, *model.optimizer.variables]
        fresh = [variable.numpy() for variable in variables]
        for path in self._states()[::-1]:
            try:
                state = json.loads((path / STATE).read_text(encoding="utf-8"))
                epochs, seconds = int(state["epochs"]), float(state["seconds"])
                if state.get("claim", self.claim) != self.claim:
                    raise ValueError("it is of another training")
                model.load_weights(path / WEIGHTS)
            except Exception as error:  # of JSON, HDF5 and Keras, a dozen kinds
                note = f"The checkpoint {str(path)!r} cannot be read ({error}); going on without."
                warnings.warn(note, stacklevel=2)
                for variable, value in zip(variables, fresh):  # it may have been read in part
                    variable.assign(value)
                continue
            self.seconds = seconds
            return epochs
        return 0

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.start
        if self.folder is None or not self.keep:
            return
        with atomic.folder(self.folder / f"epoch_{epoch + 1:05d}") as aside:
            save_weights(self.model, aside / WEIGHTS)
            state = {"epochs": epoch + 1, "seconds": self.seconds, "claim": self.claim}
            (aside / STATE).write_text(json.dumps(state), encoding="utf-8")
        for path in self._states()[:-KEPT]:
            atomic.remove(path)

    def epochs(self):
        """Numbers of the epochs whose states are there, the newest last."""
        return [int(path.name.removeprefix("epoch_")) for path in self._states()]

    def _states(self):
        """Paths of the states, the newest last."""
        if self.folder is None or not self.folder.is_dir():
            return []
        for path in self.folder.glob(".epoch_*"):
            atomic.repair(self.folder / path.name.split(".")[1])
        return sorted(self.folder.glob("epoch_" + "[0-9]" * 5))
