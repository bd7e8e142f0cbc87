"""The tour that the README's first command runs."""

import numpy as np
import pytest
from PIL import Image

from keras_vae import demo

PICTURES = ("digits_samples", "digits_reconstructions", "digits_map", "mnist_samples")


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    epochs, demo.EPOCHS = demo.EPOCHS, 2
    try:
        return folder, demo.run(folder)
    finally:
        demo.EPOCHS = epochs


def test_writes_its_pictures(tour):
    folder, _ = tour
    for name in PICTURES:
        assert np.asarray(Image.open(folder / f"{name}.png")).std() > 10, name


def test_every_exported_file_was_run(tour):
    _, rows = tour
    assert len(rows) == 5
    assert all(row["kib"] > 0 and row["ops"] > 0 for row in rows)
    assert all(row["microseconds_per_image"] > 0 for row in rows)
    assert all(row["mean_abs_error"] < 3 / 255 for row in rows)


def test_runs_twice_into_the_same_folder(tour, monkeypatch):
    folder, _ = tour
    monkeypatch.setattr(demo, "PRETRAINED", "dense_vae_digits")  # the quickest of the shelf
    epochs, demo.EPOCHS = demo.EPOCHS, 1
    try:
        assert len(demo.run(folder)) == 5
    finally:
        demo.EPOCHS = epochs
