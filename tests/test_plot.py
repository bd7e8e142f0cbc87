"""Grids and latent maps: sizes, order, and files that other programs read."""

import numpy as np
import pytest
from PIL import Image

from keras_vae import models, plot


def flat(values, size=(4, 6, 1)):
    """Images of one value each."""
    return np.ones((len(values), *size), "float32") * np.reshape(values, (-1, 1, 1, 1))


def tile(canvas, row, column, size=(4, 6)):
    top, left = (plot.PAD + i * (s + plot.PAD) for i, s in zip((row, column), size))
    return canvas[top : top + size[0], left : left + size[1]]


@pytest.mark.parametrize(
    ("count", "columns", "rows_columns"),
    [(1, None, (1, 1)), (4, None, (2, 2)), (7, None, (3, 3)), (7, 4, (2, 4)), (3, 10, (1, 3))],
)
def test_grid_is_as_square_as_it_gets_or_as_asked(count, columns, rows_columns):
    canvas = plot.grid(flat(np.linspace(0, 0.5, count)), columns)
    rows, columns = rows_columns
    assert canvas.shape == (rows * 6 + 2, columns * 8 + 2, 1)
    assert canvas.dtype == np.uint8


def test_grid_fills_row_by_row():
    canvas = plot.grid(flat([0.0, 0.2, 0.4, 0.6, 0.8]), columns=3)
    values = [tile(canvas, i // 3, i % 3).mean() for i in range(6)]
    assert values == [0, 51, 102, 153, 204, plot.BACKGROUND]


def test_grid_repeats_pixels_and_clips():
    canvas = plot.grid(flat([-1.0, 2.0]), columns=2, scale=3)
    assert canvas.shape == (12 + 2 * plot.PAD, 36 + 3 * plot.PAD, 1)
    assert tile(canvas, 0, 0, (12, 18)).max() == 0
    assert tile(canvas, 0, 1, (12, 18)).min() == 255


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 4), (3, 3), (4, 4)])
def test_saved_grid_is_a_png_that_pil_reads(channels, shown, tmp_path):
    images = np.random.rand(5, 4, 6, channels)
    canvas = plot.grid(images)
    assert canvas.shape[-1] == shown
    plot.save(canvas, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture).reshape(canvas.shape), canvas)


@pytest.mark.parametrize("images", [np.zeros((0, 4, 6, 1)), np.zeros((4, 6, 1))])
def test_grid_refuses_other_shapes(images):
    with pytest.raises(ValueError, match=r"images must be \(N, H, W, C\)"):
        plot.grid(images)


def test_pairs_put_each_reconstruction_below_its_original():
    originals, rebuilt = flat([0.0, 0.1, 0.2, 0.3]), flat([0.4, 0.5, 0.6, 0.7])
    canvas = plot.pairs(originals[..., 0], rebuilt, columns=2)
    assert canvas.shape == (4 * 6 + 2, 2 * 8 + 2, 1)
    rows = [[tile(canvas, r, c).mean() / 255 for c in range(2)] for r in range(4)]
    expected = [[0.0, 0.1], [0.4, 0.5], [0.2, 0.3], [0.6, 0.7]]
    np.testing.assert_allclose(rows, expected, atol=0.002)


def test_pairs_show_every_image_when_the_last_row_is_short():
    canvas = plot.pairs(flat([0.0, 0.1, 0.2]), flat([0.4, 0.5, 0.6]), columns=2)
    rows = [[tile(canvas, r, c).mean() / 255 for c in range(2)] for r in range(4)]
    expected = [[0.0, 0.1], [0.4, 0.5], [0.2, 1.0], [0.6, 1.0]]
    np.testing.assert_allclose(rows, expected, atol=0.002)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize("labelled", [True, False])
def test_latent_map(latent_dim, labelled, grey, digits, tmp_path):
    model = models.dense_ae((8, 8, 1), latent_dim=latent_dim, hidden_units=(8,))
    labels = digits.train.labels[: len(grey)] if labelled else None
    figure = plot.latent_map(model, grey, labels, title="digits")
    axes = figure.axes[0]
    points = axes.collections[0].get_offsets()
    codes = model.encode(grey)
    assert points.shape == (64, 2)
    assert len(figure.axes) == (2 if labelled else 1)  # the colour bar
    assert axes.get_title() == "digits"
    if latent_dim == 5:
        assert "component 1 of the codes" in axes.get_xlabel()
        widest = np.linalg.eigvalsh(np.cov(codes.T))[-1]
        assert np.var(points[:, 0], ddof=1) == pytest.approx(widest, rel=1e-3)
    else:
        np.testing.assert_allclose(points[:, :latent_dim], codes)
        assert axes.get_xlabel() == "z[0]"
    figure.savefig(tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.width > 100
