"""Grids and latent maps: sizes, order, and files that other programs read."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
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
    assert canvas.shape == (rows * 6 + 2, columns * 8 + 2)
    assert canvas.dtype == np.uint8


def test_grid_fills_row_by_row():
    canvas = plot.grid(flat([0.0, 0.2, 0.4, 0.6, 0.8]), columns=3)
    values = [tile(canvas, i // 3, i % 3).mean() for i in range(6)]
    assert values == [0, 51, 102, 153, 204, plot.BACKGROUND]


def test_grid_repeats_pixels_and_clips():
    canvas = plot.grid(flat([-1.0, 2.0]), columns=2, scale=3)
    assert canvas.shape == (12 + 2 * plot.PAD, 36 + 3 * plot.PAD)
    assert tile(canvas, 0, 0, (12, 18)).max() == 0
    assert tile(canvas, 0, 1, (12, 18)).min() == 255


@pytest.mark.parametrize(("channels", "shown"), [(1, ()), (2, (4,)), (3, (3,)), (4, (4,))])
def test_a_grid_goes_into_pil_and_matplotlib_as_it_is(channels, shown, tmp_path):
    images = np.random.default_rng(0).random((3, 4, 6, channels), "float32")
    canvas = plot.grid(images)
    assert canvas.shape[2:] == shown
    np.testing.assert_array_equal(np.asarray(Image.fromarray(canvas)), canvas)
    figure = Figure()
    np.testing.assert_array_equal(figure.add_subplot().imshow(canvas).get_array(), canvas)
    assert plot.pairs(images, images).shape[2:] == shown
    plot.save(canvas, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), canvas)


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path):
    plot.save(np.zeros((4, 6), "uint8"), tmp_path / "grid.png")
    before = (tmp_path / "grid.png").read_bytes()
    for shape, kind in (((4, 6, 7), "uint8"), ((4, 6, 3), "float32"), ((2, 4, 6, 3), "uint8")):
        with pytest.raises(ValueError, match=r"received \(.*plot.grid\(images\)"):
            plot.save(np.zeros(shape, kind), tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("shape", "scale"), [((8, 8, 1), 8), ((28, 28, 1), 3), ((32, 48, 3), 2), ((200, 64, 1), 1)]
)
def test_images_are_shown_with_at_least_64_pixels(shape, scale):
    assert plot.legible_scale(shape) == scale
    assert min(shape[:2]) * scale >= 64


@pytest.mark.parametrize("colours", [(), (3,)])
def test_captions_stand_above_their_pictures(colours):
    random = np.random.default_rng(0)
    left, right = (random.integers(0, 256, (60, 150, *colours), "uint8") for _ in range(2))
    long = "decoded draws of a normal fitted to the codes"
    for captions, lines in ((("samples", "originals"), 1), (("samples", long), 3)):
        shown = plot.captioned(dict(zip(captions, (left, right))), gap=10)
        top = shown.shape[0] - 60
        assert shown.shape[1:] == (310, *colours)
        assert lines * plot.FONT_SIZE < top < (lines + 1) * 1.6 * plot.FONT_SIZE
        for panel, first in ((left, 0), (right, 160)):
            error = shown[top:, first : first + 150].astype("int") - panel
            assert np.abs(error).max() <= (0 if colours else 5)  # 32 levels of grey
            caption = shown[:top, first : first + 150]
            assert caption.min() < 60 < 200 < np.median(caption)
        assert shown[:, 150:160].min() == 255  # no caption reaches over the gap
    other = plot.captioned({"codes": left, "originals": right}, gap=10)
    assert other.shape != shown.shape or (other != shown).any()


@pytest.mark.parametrize("images", [np.zeros((0, 4, 6, 1)), np.zeros((4, 6, 1))])
def test_grid_refuses_other_shapes(images):
    with pytest.raises(ValueError, match=r"images must be \(N, H, W, C\)"):
        plot.grid(images)


def test_pairs_put_each_reconstruction_below_its_original():
    originals, rebuilt = flat([0.0, 0.1, 0.2, 0.3]), flat([0.4, 0.5, 0.6, 0.7])
    canvas = plot.pairs(originals[..., 0], rebuilt, columns=2)
    assert canvas.shape == (4 * 6 + 2, 2 * 8 + 2)
    rows = [[tile(canvas, r, c).mean() / 255 for c in range(2)] for r in range(4)]
    expected = [[0.0, 0.1], [0.4, 0.5], [0.2, 0.3], [0.6, 0.7]]
    np.testing.assert_allclose(rows, expected, atol=0.002)


def test_pairs_show_every_image_when_the_last_row_is_short():
    canvas = plot.pairs(flat([0.0, 0.1, 0.2]), flat([0.4, 0.5, 0.6]), columns=2)
    rows = [[tile(canvas, r, c).mean() / 255 for c in range(2)] for r in range(4)]
    expected = [[0.0, 0.1], [0.4, 0.5], [0.2, 1.0], [0.6, 1.0]]
    np.testing.assert_allclose(rows, expected, atol=0.002)


QUICK = {(1, False), (2, True), (5, True)}  # the others with the shelf


@pytest.mark.parametrize(
    ("labelled", "latent_dim"),
    [
        pytest.param(x, d, marks=[] if (d, x) in QUICK else pytest.mark.shelf)
        for x in (True, False)
        for d in (1, 2, 5)
    ],
)
def test_latent_map(latent_dim, labelled, grey, digits, tmp_path):
    model = models.dense_ae((8, 8, 1), latent_dim=latent_dim, hidden_units=(8,))
    labels = digits.train.labels[: len(grey)]
    figure = plot.latent_map(model, grey, labels if labelled else None, title="digits")
    (axes,) = figure.axes
    points = np.concatenate([part.get_offsets() for part in axes.collections])
    codes = model.encode(grey)
    if labelled:  # label after label
        codes = codes[np.argsort(labels, kind="stable")]
    assert points.shape == (64, 2)
    assert axes.get_title() == "digits"
    if latent_dim == 5:
        assert "component 1 of the codes" in axes.get_xlabel()
        widest = np.linalg.eigvalsh(np.cov(codes.T))[-1]
        assert np.var(points[:, 0], ddof=1) == pytest.approx(widest, rel=1e-3)
    else:
        np.testing.assert_allclose(points[:, :latent_dim], codes)
        assert axes.get_xlabel() == "z[0]"
    plot.save(figure, tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert min(picture.size) >= 800


def test_the_labels_of_a_latent_map_are_whole_however_long_the_numbers_are(grey, tmp_path):
    model = models.dense_ae((8, 8, 1), latent_dim=2, hidden_units=(8,))
    for weight in model.encoder.weights:
        weight.assign(1000.0 * weight)
    for images, once in itertools.product((grey, grey[:1]), (True, False)):
        figure = plot.latent_map(model, images)
        (axes,) = figure.axes
        FigureCanvasAgg(figure).draw() if once else plot.save(figure, tmp_path / "map.png")
        for label in (axes.xaxis.label, axes.yaxis.label):
            seen = label.get_window_extent()
            assert min(seen.x0, seen.y0) >= 0
        assert np.diff(axes.get_xlim()) == pytest.approx(np.diff(axes.get_ylim()), rel=1e-3)


@pytest.mark.parametrize("latent_dim", [2, 5])
def test_a_map_of_codes_that_are_not_finite_says_whose_they_are(latent_dim, grey):
    model = models.dense_ae((8, 8, 1), latent_dim=latent_dim, hidden_units=(8,))
    weight = model.encoder.weights[-1]
    weight.assign(np.full(weight.shape, np.nan, "float32"))
    with pytest.raises(ValueError, match=r"64 of 64 codes are not finite,.*images\[0\].*diverged"):
        plot.latent_map(model, grey)


def test_points_of_the_latent_map_are_numerals_in_colours_named_by_large_ones(grey):
    model = models.dense_ae((8, 8, 1), latent_dim=2, hidden_units=(8,))
    labels = np.arange(64) % 12
    axes = plot.latent_map(model, grey, labels).axes[0]
    assert [text.get_text() for text in axes.texts] == [str(label) for label in range(12)]
    colours = [to_hex(text.get_color()) for text in axes.texts]
    assert len(set(colours[:10])) == 10
    assert colours == [to_hex(part.get_facecolor()[0]) for part in axes.collections]
    outlines = [part.get_paths()[0].vertices for part in axes.collections]
    assert len({outline.tobytes() for outline in outlines}) == 12  # each its own numeral


def test_a_full_disk_leaves_the_older_picture(tmp_path, full_disk):
    path = tmp_path / "grid.png"
    path.write_bytes(b"before")
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 1), dtype=np.uint8)
    with full_disk(1000), pytest.raises(OSError, match=r"grid\.png'$"):
        plot.save(noise, path)
    assert path.read_bytes() == b"before"
