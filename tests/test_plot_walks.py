"""Grids along ways through the latent space, and curves: what is decoded and drawn where."""

import keras
import numpy as np
import pytest
import scipy.stats
from PIL import Image

from keras_vae import models, plot
from keras_vae.plot import walks

SIZE = (8, 8, 1)


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(3)
    return models.dense_vae(SIZE, latent_dim=3, hidden_units=(16,))


def tiles_of(canvas, columns):
    """The images of a grid, (N, 8, 8) uint8."""
    step, pad = SIZE[0] + plot.PAD, plot.PAD
    rows = (canvas.shape[0] - pad) // step
    at = [(pad + r * step, pad + c * step) for r in range(rows) for c in range(columns)]
    return np.stack([canvas[top : top + 8, left : left + 8] for top, left in at])


def shown(model, codes):
    return plot.tiles(model.decode(np.asarray(codes, "float32")))[..., 0]


def test_manifold_grid_stands_at_the_quantiles_of_the_prior(vae):
    canvas = plot.manifold_grid(vae, size=4, latents=(2, 0))
    quantiles = scipy.stats.norm.ppf([1 / 8, 3 / 8, 5 / 8, 7 / 8])
    codes = [[up, 0, right] for up in quantiles[::-1] for right in quantiles]
    np.testing.assert_array_equal(tiles_of(canvas, 4), shown(vae, codes))


def test_manifold_grid_goes_through_a_fitted_prior(grey):
    model = models.dense_ae(SIZE, latent_dim=2, hidden_units=(8,))
    with pytest.raises(ValueError, match=r"fit_prior\(images\) first"):
        plot.manifold_grid(model)
    model.fit_prior(grey)
    canvas = plot.manifold_grid(model, size=2)
    q = scipy.stats.norm.ppf(3 / 4)
    noise = np.array([[-q, q], [q, q], [-q, -q], [q, -q]], "float32")
    expected = shown(model, model.prior_family.from_noise(noise))
    np.testing.assert_array_equal(tiles_of(canvas, 2), expected)


def test_a_traversal_moves_one_latent(vae, grey):
    canvas = plot.traversals(vae, grey, count=3, span=2.0)
    codes = vae.encode(grey)
    draws = vae.draw_codes(1000, seed=0)
    order = np.argsort(-codes.var(axis=0))
    expected = np.repeat(codes[:1], 9, axis=0).reshape(3, 3, 3)
    for row, latent in enumerate(order):
        middle, step = draws[:, latent].mean(), 2 * draws[:, latent].std()
        expected[row, :, latent] = [middle - step, middle, middle + step]
    np.testing.assert_array_equal(tiles_of(canvas, 3), shown(vae, expected.reshape(9, 3)))
    assert plot.traversals(vae, grey[:1], latents=[1], count=5).shape == (12, 52)


@pytest.mark.parametrize("way", ["linear", "spherical", "prior"])
def test_interpolations_begin_and_end_at_the_images(way, vae, grey):
    canvas = plot.interpolations(vae, grey[:2], grey[2:4], count=4, way=way)
    images = tiles_of(canvas, 4)
    ends = shown(vae, vae.encode(grey[[0, 2, 1, 3]])).astype("int")
    assert np.abs(images[[0, 3, 4, 7]] - ends).max() <= 1
    codes = plot.interpolations(vae, vae.encode(grey[:2]), vae.encode(grey[2:4]), 4, way)
    np.testing.assert_array_equal(codes, canvas)


def test_a_spherical_way_turns_evenly():
    random = np.random.default_rng(0)
    start, end = random.standard_normal((2, 1, 6))
    position = np.linspace(0, 1, 9)[:, None]
    many = lambda codes: np.repeat(codes, 9, axis=0)
    way = walks.spherical(many(start), 3 * many(end), position)
    lengths = np.linalg.norm(way, axis=1)
    np.testing.assert_allclose(np.diff(lengths, 2), 0, atol=1e-9)
    units = way / lengths[:, None]
    angles = np.arccos(np.sum(units[1:] * units[:-1], axis=1))
    np.testing.assert_allclose(angles, angles[0], atol=1e-7)
    np.testing.assert_allclose(way[[0, 8]], np.concatenate([start, 3 * end]), atol=1e-9)
    opposite = walks.spherical(many(start), -many(start), position)
    np.testing.assert_allclose(opposite, (1 - 2 * position) * start, atol=1e-9)
    nothing = walks.spherical(many(0 * start), many(end), position)
    np.testing.assert_allclose(nothing[[0, 8]], np.concatenate([0 * start, end]), atol=1e-7)


def test_what_cannot_be_walked_is_refused(vae, grey):
    codes = vae.encode(grey)
    with pytest.raises(ValueError, match=r"Unknown way 'sperical'\. Did you mean 'spherical'"):
        plot.interpolations(vae, codes[:1], codes[1:2], way="sperical")
    with pytest.raises(ValueError, match="must be pairs; received 1 and 2"):
        plot.interpolations(vae, codes[:1], codes[1:3])
    with pytest.raises(ValueError, match="from 0 to 2; received 3"):
        plot.traversals(vae, grey, latents=[3])
    with pytest.raises(ValueError, match="2 different latents"):
        plot.manifold_grid(vae, latents=(1, 1))
    mixed = models.dense_vae(SIZE, latent_dim=2, hidden_units=(4,), prior="mixture")
    with pytest.raises(ValueError, match="needs a prior with quantiles"):
        plot.manifold_grid(mixed)


# ---- curves -----------------------------------------------------------------------------------

HISTORY = {
    "loss": [9.0, 7, 6],
    "val_loss": [9.5, 8, 8],
    "distortion": [6.0, 4, 3],
    "rate": [3, 3, 3],
}


@pytest.mark.parametrize("wrapped", [True, False])
def test_losses_have_a_panel_for_each_term(wrapped, tmp_path):
    history = keras.callbacks.History()
    history.history = HISTORY
    figure = plot.losses(history if wrapped else HISTORY, title="a training")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"{name}, nats per image" for name in ("loss", "distortion", "rate")]
    drawn = [[line.get_ydata().tolist() for line in axes.lines] for axes in figure.axes]
    assert drawn == [[[9, 7, 6], [9.5, 8, 8]], [[6, 4, 3]], [[3, 3, 3]]]
    assert figure.axes[0].lines[1].get_linestyle() == "--"
    figure.savefig(tmp_path / "losses.png")
    with Image.open(tmp_path / "losses.png") as picture:
        assert picture.size[0] > 1200
    assert len(plot.losses({"loss": [1.0]}).axes) == 1
    with pytest.raises(ValueError, match=r"must have a 'loss'; received \['elbo'\]"):
        plot.losses({"elbo": [1.0]})


def test_the_plane_shows_each_model_on_lines_of_equal_elbo():
    reports = {
        "a": {"rate_nats": 20.0, "distortion_nats": 65.0},
        "b": {"rate_nats": 5.0, "distortion_nats": 90.0},
    }
    (axes,) = plot.rate_distortion(reports).axes
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(p.get_xdata()[0], p.get_ydata()[0]) for p in points] == [(20, 65), (5, 90)]
    texts = [text.get_text() for text in axes.texts]
    assert {"a", "b"} < set(texts)
    bounds = [line for line in axes.lines if line.get_marker() != "o"]
    for line, text in zip(bounds, texts):
        np.testing.assert_allclose(
            np.add(*line.get_data()), -float(text.removeprefix("ELBO ")), atol=0.06
        )
    assert plot.rate_distortion({"a": reports["a"]}).axes[0].get_xlim()[0] < 20
    with pytest.raises(ValueError, match="'ae' has no rate_nats"):
        plot.rate_distortion({"ae": {"mse": 0.1}})
    with pytest.raises(ValueError, match="reports is empty"):
        plot.rate_distortion({})
