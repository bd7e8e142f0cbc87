"""The tour that the README's first command runs."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from keras_vae import demo
from keras_vae.plot import grids

pytestmark = pytest.mark.shelf

PICTURES = ("digits_samples", "digits_reconstructions", "digits_map", "mnist_samples")


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """(folder, rows, what was printed)."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    epochs, demo.EPOCHS = demo.EPOCHS, 4
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            return folder, demo.run(folder), printed.getvalue()
    finally:
        demo.EPOCHS = epochs


def test_writes_its_pictures(tour):
    folder, *_ = tour
    for name in PICTURES:
        picture = np.asarray(Image.open(folder / f"{name}.png"))
        assert picture.std() > 10, name
        assert picture.shape[1] >= 8 * grids.LEGIBLE, name  # eight images in a row, or more


def test_tells_its_steps_in_a_few_short_lines(tour):
    *_, printed = tour
    lines = [line for line in printed.splitlines() if line]
    assert len(lines) == 8
    assert [line[:12] for line in lines[1:3]] == ["epoch 2/4  e", "epoch 4/4  e"]
    assert lines[-1].startswith("file: 6 of 6 in ")
    assert max(map(len, lines)) < 80
    assert printed.replace("\n", "").isprintable()


def test_every_exported_file_was_run(tour):
    _, rows, _ = tour
    assert len(rows) == 6
    assert all(row["kib"] > 0 and row["ops"] > 0 for row in rows)
    assert all(row["microseconds_per_image"] > 0 for row in rows)
    assert all(row["mean_abs_error"] < 3 / 255 for row in rows)


def test_runs_twice_into_the_same_folder(tour, monkeypatch):
    folder, *_ = tour
    monkeypatch.setattr(demo, "PRETRAINED", "dense_vae_digits")  # the quickest of the shelf
    epochs, demo.EPOCHS = demo.EPOCHS, 1
    try:
        assert len(demo.run(folder)) == 6
    finally:
        demo.EPOCHS = epochs
