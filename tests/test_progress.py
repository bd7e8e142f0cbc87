"""One line that is rewritten in a terminal; short lines, and no control characters, elsewhere."""

import functools
import io
import re
from contextlib import redirect_stdout

import keras
import numpy as np
import pytest

from keras_vae import evaluate, models, progress, recipe, terminal, training
from keras_vae.models import importance

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def screen(self):
        """The lines that one sees in the end."""
        lines = []
        for line in self.getvalue().split("\n"):
            seen = ""
            for text in line.split("\r"):
                seen = text + seen[len(text) :]
            lines.append(seen.rstrip())
        assert lines.pop() == ""  # whatever comes next begins a line
        return lines


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def live(request):
    return request.param


@pytest.fixture
def stream(live, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal() if live else io.StringIO()


def lines_of(stream):
    return stream.screen() if isinstance(stream, Terminal) else stream.getvalue().splitlines()


@functools.cache
def compiled(builder):
    """One model of each builder: what is told of its training does not depend on its weights."""
    model = models.build(builder, image_shape=(8, 8, 1), latent_dim=2, hidden_units=(8,))
    model.compile("adam")
    return model


def fit(stream, builder, epochs, lines=None, callbacks=()):
    model = compiled(builder)
    images = np.random.default_rng(0).integers(0, 2, (40, 8, 8, 1)).astype("float32")
    with redirect_stdout(stream), progress.training(lines=lines) as (verbose, shown):
        options = {"validation_data": images, "callbacks": [*shown, *callbacks]}
        model.fit(images, batch_size=20, epochs=epochs, verbose=verbose, **options)


NUMBERS = {
    "dense_vae": r"elbo -\d+\.\d\d  val_elbo -\d+\.\d\d  rate \d+\.\d\d",
    "dense_ae": r"mse 0\.\d{5}  val_mse 0\.\d{5}",
}


@pytest.mark.parametrize(
    ("builder", "live"),
    [
        pytest.param("dense_vae", True, id="dense_vae in a terminal"),
        pytest.param("dense_ae", False, id="dense_ae in a pipe"),
        pytest.param("dense_vae", False, id="dense_vae in a pipe", marks=pytest.mark.shelf),
        pytest.param("dense_ae", True, id="dense_ae in a terminal", marks=pytest.mark.shelf),
    ],
    indirect=["live"],
)
def test_a_fit_is_one_line_or_a_line_an_epoch(builder, stream, live):
    numbers = NUMBERS[builder]
    fit(stream, builder, 3)
    lines = lines_of(stream)
    assert len(lines) == (1 if live else 3)
    for number, line in enumerate(lines, 1):
        end = r"  in 0:\d\d" if number == len(lines) else ""
        assert re.fullmatch(rf"epoch {3 if live else number}/3  {numbers}{end}", line)
    if live:
        looks = stream.getvalue().split("\r")
        assert len(looks) >= 3 * 2  # each step is seen
        assert max(map(len, looks)) < 80
        assert re.search(rf"epoch 2/3 \[=+\.+\] 0:\d\d left  {numbers}", stream.getvalue())
    else:
        assert not CONTROL.search(stream.getvalue())


@pytest.mark.parametrize("live", [False], indirect=True)
def test_a_demo_needs_few_lines(stream):
    fit(stream, "dense_vae", 7, lines=2)
    assert [line.split()[1] for line in lines_of(stream)] == ["4/7", "7/7"]


def test_an_error_begins_a_line_of_its_own(stream, live):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(stream, "dense_vae", 2, callbacks=[Fails()])
    assert len(lines_of(stream)) == (1 if live else 0)


@pytest.mark.parametrize("live", [True], indirect=True)
def test_a_narrow_terminal_has_one_line_too(stream, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    fit(stream, "dense_vae", 2)
    assert max(map(len, re.split(r"[\r\n]", stream.getvalue()))) < 30
    assert len(stream.screen()) == 1


def test_measuring_shows_one_line(stream, live, monkeypatch):
    monkeypatch.setattr(importance, "POSITIONS_PER_STEP", 64 * 2 * 10)
    model = models.dense_vae((8, 8, 1), 2, hidden_units=(8,))
    images = np.zeros((40, 8, 8, 1), "float32")
    with redirect_stdout(stream):
        evaluate.report(model, images, 2, progress=False)
        assert stream.getvalue() == ""
        evaluate.report(model, images, 2)
    (line,) = lines_of(stream)
    assert re.fullmatch(r"measuring: \d+ of \d+ in 0:\d\d", line)
    assert live or not CONTROL.search(stream.getvalue())


def test_a_step_of_a_bar_has_a_name(stream, live, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 60.0)
    with redirect_stdout(stream):
        bar = progress.Bar(2, "file")
        for name in ("one.tflite", "two.tflite"):
            bar.begin(name)
            bar.add(1)
    assert ("file 1/2 [====....] 0:00 left  two.tflite" in stream.getvalue()) is live
    assert lines_of(stream) == ["file: 2 of 2 in 0:00"]


@pytest.mark.parametrize(
    ("verbose", "live"),
    [
        pytest.param("auto", True, id="auto in a terminal"),
        pytest.param("auto", False, id="auto in a pipe", marks=pytest.mark.shelf),
        pytest.param(0, True, id="0 in a terminal", marks=pytest.mark.shelf),
        pytest.param(0, False, id="0 in a pipe", marks=pytest.mark.shelf),
    ],
    indirect=["live"],
)
def test_a_recipe_tells_its_training(verbose, stream, live):
    arguments = {"latent_dim": 2, "hidden_units": (8,)}
    made = recipe.Recipe(
        name="tiny", data="digits", builder="dense_ae", arguments=arguments, epochs=2
    )
    with redirect_stdout(stream):
        training.run(made, verbose=verbose)
    told = [line.split()[:2] for line in lines_of(stream)] if stream.getvalue() else []
    epochs = [["epoch", "2/2"]] if live else [["epoch", "1/2"], ["epoch", "2/2"]]
    assert told == (epochs if verbose == "auto" else [])


@pytest.mark.parametrize("json_wanted", [True, False])
def test_bars_of_keras_are_for_terminals_and_never_in_json(json_wanted, live, monkeypatch):
    out, err = (Terminal() if live else io.StringIO() for _ in range(2))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    keras.config.enable_interactive_logging()
    with terminal.progress(json_wanted):
        bar = keras.utils.Progbar(1)
        bar.add(1)
    assert keras.config.is_interactive_logging_enabled()
    assert bool(out.getvalue()) is (live and not json_wanted)
    assert bool(err.getvalue()) is (live and json_wanted)


def test_clock():
    seconds = (0.4, 75.2, 3725)
    assert [progress.clock(s) for s in seconds] == ["0:00", "1:15", "1:02:05"]
