"""Progress of what takes long: one line that is rewritten in a terminal, short lines elsewhere.

Keras's own bars write backspaces and colours wherever they write; a file or a pipe gets none here.
"""

import contextlib
import shutil
import sys
import time

import keras

WIDTH = 8  # characters of a bar: a line is to fit into 80
INTERVAL = 0.1  # seconds between two looks of a line
SHOWN = (
    "elbo",
    "val_elbo",
    "nll",
    "val_nll",
    "mse",
    "val_mse",
    "rate",
)  # of a fit, the most telling first


def is_live():
    """Whether standard output is a terminal or a notebook, where a line can be rewritten."""
    return sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")


class Line:
    """One line: rewritten by each `show` where that is possible, else written by `end` alone."""

    def __init__(self):
        self.shown, self.time = "", 0.0

    def show(self, text, at_once=False):
        """Rewrites the line, not more often than can be read or at once."""
        if is_live() and (at_once or time.monotonic() - self.time >= INTERVAL):
            self._write(text)
            self.time = time.monotonic()

    def end(self, text=None):
        """Writes the line for the last time; without a text it stays as it is."""
        if text is not None:
            self._write(text)
        if text is not None or self.shown:
            print(flush=True)
        self.shown = ""

    def _write(self, text):
        if is_live():  # a line that wraps could not be rewritten
            text = text[: shutil.get_terminal_size().columns - 1]
            text, self.shown = text.ljust(len(self.shown)), text
            text = f"\r{text}"
        print(text, end="", flush=True)


class Bar:
    """Progress of a number of steps that take about as long as each other.

    Args:
        total: number of steps.
        what: is done, "measuring".
        silent: show nothing.
    """

    def __init__(self, total, what, silent=False):
        self.total, self.what, self.silent = total, what, silent
        self.done, self.start, self.line = 0, time.monotonic(), Line()

    def begin(self, step):
        """Names the step that comes now."""
        self._show(step, at_once=True)

    def add(self, steps):
        self.done += steps
        if self.done < self.total:
            self._show()
        elif not self.silent:
            seconds = clock(time.monotonic() - self.start)
            self.line.end(f"{self.what}: {self.done} of {self.total} in {seconds}")

    def _show(self, step="", at_once=False):
        seconds = time.monotonic() - self.start
        left = ""
        if self.done:
            left = f"{clock(seconds / self.done * (self.total - self.done))} left  "
        if not self.silent:
            share = bar(self.done / self.total)
            self.line.show(f"{self.what} {self.done}/{self.total} {share} {left}{step}", at_once)


class Training(keras.callbacks.Callback):
    """One line for a whole `fit`.

    Where it cannot be rewritten, a line for each epoch, or for `lines` of them.

    Args:
        what: is trained, in front of the line; or "".
        lines: at most so many, evenly over the epochs, the last among them; None for all.
    """

    def __init__(self, what="", lines=None):
        super().__init__()
        self.what, self.lines, self.line = f"{what}: " if what else "", lines, Line()

    def on_train_begin(self, logs=None):
        self.start, self.started = time.monotonic(), None
        self.epoch, self.numbers = 0, ""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        steps = self.params.get("steps")
        done = self.epoch + ((batch + 1) / steps if steps else 0.0)
        if self.started is None:  # the first step compiles, and tells nothing of the others
            self.started = time.monotonic(), done
        self.line.show(self._so_far(done, self.numbers or _numbers(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.numbers, done, total = _numbers(logs), epoch + 1, self.params["epochs"]
        if is_live():
            return self.line.show(self._so_far(done, self.numbers))
        every = 1 if self.lines is None else -(-total // self.lines)
        if done % every == 0 and done < total:
            Line().end(f"{self.what}epoch {done}/{total}  {self.numbers}")

    def on_train_end(self, logs=None):
        if self.numbers:  # not where all epochs were done before
            seconds = clock(time.monotonic() - self.start)
            epochs = f"epoch {self.epoch + 1}/{self.params['epochs']}"
            self.line.end(f"{self.what}{epochs}  {self.numbers}  in {seconds}")

    def _so_far(self, done, numbers):
        total, left = self.params["epochs"], ""
        start, first = self.started or (0.0, done)
        if done > first:
            left = f"{clock((time.monotonic() - start) / (done - first) * (total - done))} left  "
        epoch = f"{self.epoch + 1:{len(str(total))}}/{total}"
        return f"{self.what}epoch {epoch} {bar(done / total)} {left}{numbers}"


@contextlib.contextmanager
def training(verbose="auto", what="", lines=None):
    """What a `fit` is given to show one line, which ends whatever happens in the block.

    Args:
        verbose: "auto" for a line of ours; any other value is Keras's, 0 shows nothing.
        what, lines: see `Training`.

    Yields:
        the `verbose` and the list of callbacks for `fit`.
    """
    if verbose != "auto":
        yield verbose, []
        return
    shown = Training(what, lines)
    try:
        yield 0, [shown]
    finally:
        shown.line.end()  # an error begins a line of its own


def bar(share):
    """Progress in [0, 1] -> "[====........]", in letters that every terminal has."""
    full = round(WIDTH * min(max(share, 0.0), 1.0))
    return f"[{'=' * full}{'.' * (WIDTH - full)}]"


def clock(seconds):
    """75.2 -> "1:15"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _numbers(logs):
    """The numbers of a VAE or an autoencoder that say most, in few letters."""
    logs = logs or {}
    names = [name for name in SHOWN if name in logs] or list(logs)
    shown = {name: format(logs[name], ".5f" if name.endswith("mse") else ".2f") for name in names}
    return "  ".join(f"{name} {value}" for name, value in shown.items())
