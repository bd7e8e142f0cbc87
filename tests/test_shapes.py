"""The drawn data set: its factors are what is seen."""

import numpy as np
import pytest

from keras_vae import data, shapes


@pytest.fixture(scope="module")
def drawn():
    return data.load("shapes")


def middle(images):
    """Centres of mass, (N, 2): x and y in pixels."""
    weights = images[..., 0].astype("float64")
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    pixel = np.arange(images.shape[1])
    return np.stack([(weights * pixel).sum(axis=(1, 2)), (weights.sum(axis=2) @ pixel)], axis=1)


def test_every_combination_is_there_once_and_no_two_look_alike(drawn):
    splits = (drawn.train, drawn.validation, drawn.test)
    assert [len(split) for split in splits] == [11_824, 1000, 1000]
    factors = np.concatenate([split.factors for split in splits])
    images = np.concatenate([split.images for split in splits])
    assert drawn.image_shape == (32, 32, 1)
    assert images.dtype == np.uint8
    assert len(np.unique(factors, axis=0)) == np.prod(list(shapes.FACTORS.values())) == len(factors)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    for split in splits:
        np.testing.assert_array_equal(split.labels, split.factors[:, 0])
        assert len(np.unique(split.factors[:, 3])) == shapes.FACTORS["x"]


def test_the_same_for_ever(drawn):
    np.testing.assert_array_equal(drawn.test.factors[:2], shapes.everything()[:2])
    np.testing.assert_array_equal(drawn.test.images[:9], shapes.draw(drawn.test.factors[:9]))
    assert drawn.test.factors[:2].tolist() == [[0, 1, 6, 9, 10], [2, 0, 2, 2, 4]]


def test_place_and_size_are_those_of_the_factors(drawn):
    upright = drawn.test.factors[:, 0] != 2  # the middle of a heart is not its centre of mass
    images, factors = drawn.test.images[upright], drawn.test.factors[upright]
    places = shapes.PLACES[factors[:, 3:]]
    np.testing.assert_allclose(middle(images), places, atol=0.08)
    area = images.sum(axis=(1, 2, 3)) / 255
    radii = shapes.RADII[factors[:, 1]]
    expected = np.where(factors[:, 0] == 0, (2 * 0.9) ** 2, np.pi * 1.3 * 0.7) * radii**2
    np.testing.assert_allclose(area, expected, rtol=0.06)


def test_orientation_is_the_angle_of_the_longest_axis():
    factors = np.array([[1, 3, turn, 6, 6] for turn in range(8)])
    pixel = np.arange(32) - shapes.PLACES[6]
    for turn, image in enumerate(shapes.draw(factors)[..., 0].astype("float64")):
        xx, yy = (image * pixel**2).sum(), (image * pixel[:, None] ** 2).sum()
        xy = (image * pixel * pixel[:, None]).sum()
        angle = 0.5 * np.arctan2(2 * xy, xx - yy) % np.pi
        assert np.sin(angle - turn * np.pi / 8) == pytest.approx(0, abs=0.02)


def test_hearts_are_whole_and_stand_on_their_tip():
    (heart,) = shapes.draw(np.array([[2, 3, 0, 6, 6]]))[..., 0].astype("int")
    rows = (heart > 127).sum(axis=1)
    bottom = np.flatnonzero(rows)[-1]
    assert rows[bottom] <= 2 < 12 <= rows.max()
    inner = heart[14:20, 15:18]  # no seam between its halves
    assert inner.min() == 255


@pytest.mark.parametrize(
    "factors", [[[0, 0, 0, 0]], [[3, 0, 0, 0, 0]], [[0, 0, 0, 0, -1]], [[0.0, 0, 0, 0, 0]]]
)
def test_other_factors_are_refused(factors):
    with pytest.raises(ValueError, match=r"factors must be \(N, 5\) integers"):
        shapes.draw(np.array(factors))


def test_other_sizes_keep_their_factors(drawn):
    small = data.load("shapes", image_shape=(16, 16, 1))
    assert small.image_shape == (16, 16, 1)
    np.testing.assert_array_equal(small.test.factors, drawn.test.factors)
    assert data.load("digits").test.factors is None
