"""The state of a training after each epoch, from which the same training goes on."""

import json
import time
import warnings
from pathlib import Path

import keras

from keras_vae import atomic

KEPT = 2  # states; the older one is for a newer one that cannot be read
WEIGHTS, STATE = "model.weights.h5", "state.json"


class Checkpoints(keras.callbacks.Callback):
    """Keeps weights, optimizer and seconds of the last epochs, each state a folder that is whole.

    Args:
        folder: of the states, `epoch_00012` and so on; or None to count the seconds alone.
        keep: whether this process writes them; of several workers one does.
    """

    def __init__(self, folder=None, keep=True):
        super().__init__()
        self.keep = keep
        self.folder = None if folder is None else Path(folder)
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
            self.model.save_weights(aside / WEIGHTS)
            state = {"epochs": epoch + 1, "seconds": self.seconds}
            (aside / STATE).write_text(json.dumps(state), encoding="utf-8")
        for path in self._states()[:-KEPT]:
            atomic.remove(path)

    def _states(self):
        """Paths of the states, the newest last."""
        if self.folder is None or not self.folder.is_dir():
            return []
        for path in self.folder.glob(".epoch_*"):
            atomic.repair(self.folder / path.name.split(".")[1])
        return sorted(self.folder.glob("epoch_*"))
