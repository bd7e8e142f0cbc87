"""Images turned, stretched and slanted: by the geometry, by the epoch, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vae import augmentation, data, recipe, training

KEY = tf.constant([3, 4])


@pytest.fixture(scope="module")
def bars():
    """(400, 33, 33, 1): a smooth upright bar through the middle, 5 pixels wide, 20 high."""
    y, x = np.mgrid[-16:17, -16:17].astype("float32")
    bar = np.exp(-((x / 2.5) ** 4) - (y / 10) ** 4)
    return np.repeat(bar[None, ..., None], 400, axis=0).astype("float32")


def moments(images):
    """Of (N, H, W, C) images: mass, middle (x, y), and the covariance (xx, xy, yy), each (N,)."""
    side = images.shape[1] // 2
    y, x = np.mgrid[-side : side + 1, -side : side + 1]
    weight = images[..., 0].astype("float64")
    mass = weight.sum((1, 2))
    mean = [(weight * axis).sum((1, 2)) / mass for axis in (x, y)]
    pairs = ((x, x), (x, y), (y, y))
    return mass, mean, [(weight * a * b).sum((1, 2)) / mass for a, b in pairs]


def made(images, **chosen):
    return augmentation.augmented(tf.constant(images), KEY, **chosen).numpy()


def test_nothing_chosen_changes_nothing(bars):
    np.testing.assert_allclose(made(bars[:3]), bars[:3], atol=1e-6)


def test_rotation_turns_by_uniform_angles_and_keeps_size_and_place(bars):
    mass, mean, (xx, xy, yy) = moments(made(bars, rotation=30))
    angles = np.degrees(np.arctan2(2 * xy, yy - xx) / 2)
    assert np.abs(angles).max() <= 30.5
    assert angles.std() == pytest.approx(30 / np.sqrt(3), rel=0.1)
    np.testing.assert_allclose(mass, bars[0].sum(), rtol=0.01)
    np.testing.assert_allclose(mean, 0, atol=0.02)
    before = moments(bars[:1])[2]
    np.testing.assert_allclose(
        xx + yy, (before[0] + before[2])[0], rtol=0.04
    )  # interpolation blurs


def test_scale_stretches_height_and_width_apart_from_each_other(bars):
    mass, _, (xx, _, yy) = moments(made(bars, scale=0.2))
    before = moments(bars[:1])[2]
    wide, tall = np.sqrt(before[0] / xx), np.sqrt(before[2] / yy)  # of what is shown, the inverse
    for factor in (wide, tall):
        assert 0.77 < factor.min() < 0.85
        assert 1.15 < factor.max() < 1.23
    assert abs(np.corrcoef(wide, tall)[0, 1]) < 0.15
    np.testing.assert_allclose(mass * wide * tall, bars[0].sum(), rtol=0.04)


def test_shear_moves_rows_by_their_distance_from_the_middle(bars):
    mass, _, (_, xy, yy) = moments(made(bars, shear=0.3))
    slopes = xy / yy  # of the regression of x on y
    assert 0.27 < np.abs(slopes).max() <= 0.31
    assert slopes.std() == pytest.approx(0.3 / np.sqrt(3), rel=0.1)
    np.testing.assert_allclose(mass, bars[0].sum(), rtol=0.01)


def test_shift_moves_by_parts_of_height_and_width(bars):
    _, (x, y), _ = moments(made(bars, shift=0.1))
    for moved in (x, y):
        assert 3.0 < np.abs(moved).max() <= 3.35  # 0.1 of 33 pixels
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.15


def test_what_comes_from_beyond_the_border_is_mirrored():
    white = np.ones((50, 7, 9, 3), "float32")
    np.testing.assert_allclose(made(white, rotation=40, scale=0.5, shift=0.3), 1, atol=1e-5)


def test_images_that_are_not_square_turn_about_their_middle():
    image = np.zeros((40, 9, 15, 1), "float32")
    image[:, 4, 7] = 1
    np.testing.assert_allclose(made(image, rotation=90, shear=0.5)[:, 4, 7], 1, atol=1e-5)


def test_strength_falls_to_nothing_over_the_epochs(bars):
    chosen = {"rotation": 30, "shear": 0.2, "epochs": 10}
    far = [np.abs(made(bars, epoch=e, **chosen) - bars).mean() for e in (0, 5, 9, 10, 25)]
    assert far[0] > far[1] > far[2] > 1e-4
    assert far[3] < 1e-6
    assert far[4] < 1e-6
    half = made(bars, rotation=15, shear=0.1)
    np.testing.assert_allclose(made(bars, epoch=5, **chosen), half, atol=1e-5)


def test_contrast_gives_back_what_interpolation_takes(bars):
    image = np.round(np.clip(bars[:50] * 3 - 1, 0, 1))  # black and white
    turned, sharp = made(image, rotation=20), made(image, rotation=20, contrast=1.5)
    np.testing.assert_allclose(sharp, np.clip(0.5 + 1.5 * (turned - 0.5), 0, 1), atol=1e-6)
    assert 0 <= turned.min() <= turned.max() <= 1
    assert ((turned > 0.02) & (turned < 0.98)).sum() > 1.5 * ((sharp > 0.02) & (sharp < 0.98)).sum()


def test_a_share_of_the_images_is_changed_and_the_others_stay_as_they_are(bars):
    turned, some = (
        made(bars, rotation=30, contrast=1.2),
        made(bars, rotation=30, contrast=1.2, share=0.3),
    )
    stayed = (some == bars).all((1, 2, 3))
    assert 0.6 < stayed.mean() < 0.8  # 400 images: 0.7 within 4 standard errors
    np.testing.assert_array_equal(some[~stayed], turned[~stayed])
    other = augmentation.augmented(tf.constant(bars), KEY + 1, rotation=30, share=0.3).numpy()
    assert 0.1 < ((other == bars).all((1, 2, 3)) & stayed).mean() < 0.65  # by chance 0.49


def test_of_the_nearest_pixel_black_and_white_stay_so_where_they_would_be_interpolated(bars):
    image = np.round(np.clip(bars[:100] * 3 - 1, 0, 1))
    near = made(image, rotation=20, scale=0.1, shift=0.1, interpolation="nearest")
    smooth = made(image, rotation=20, scale=0.1, shift=0.1)
    assert set(np.unique(near)) == {0.0, 1.0}
    assert len(np.unique(smooth)) > 100
    assert np.abs(near - smooth).mean() < 0.25 * np.abs(near - image).mean()  # the same maps
    np.testing.assert_array_equal(made(image, interpolation="nearest"), image)


class TestBatches:
    def test_each_epoch_has_its_own_maps_and_has_them_again(self, digits):
        epoch = tf.Variable(0, dtype=tf.int64)
        dataset = data.batches(digits.train, 64, augmentation={"rotation": 20}, epoch=epoch)
        seen = []
        for number in (0, 1, 0):
            epoch.assign(number)
            seen.append(np.concatenate(list(dataset)))
        np.testing.assert_array_equal(seen[0], seen[2])
        assert seen[0].shape == seen[1].shape
        assert not np.array_equal(np.sort(seen[0].sum((1, 2, 3))), np.sort(seen[1].sum((1, 2, 3))))

    def test_they_are_binarised_after_it(self, digits):
        turned = data.batches(digits.train, 64, binarize="dynamic", augmentation={"shear": 0.2})
        assert set(np.unique(next(iter(turned)))) == {0.0, 1.0}

    def test_labels_and_corruptions_go_with_it(self, digits):
        chosen = {"augmentation": {"rotation": 20}}
        image, label = next(iter(data.batches(digits.train, 64, labels=True, **chosen)))
        assert (image.shape, label.shape) == ((64, 8, 8, 1), (64,))
        seen, told = next(
            iter(data.batches(digits.train, 64, corruption={"masking": 0.5}, **chosen))
        )
        kept = seen.numpy() > 0
        np.testing.assert_array_equal(seen.numpy()[kept], told.numpy()[kept])

    def test_only_training_images(self, digits):
        with pytest.raises(ValueError, match="measured on the test images as they are"):
            data.batches(digits.test, 5, augmentation={"rotation": 5})

    def test_epochs_need_to_be_told_which_one_it_is(self, digits):
        with pytest.raises(ValueError, match=r"told by `epoch`, an integer tf\.Variable"):
            data.batches(digits.train, 5, augmentation={"rotation": 5, "epochs": 3})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "must be None or a dict"),
        ("rotation", "must be None or a dict"),
        ({"rotate": 3}, "such as .*; received {'rotate': 3}"),
        ({"epochs": 3}, "must be None or a dict"),
        ({"rotation": -1}, "rotation of augmentation"),
        ({"shear": float("nan")}, "shear of augmentation"),
        ({"scale": 1.5}, r"scale of augmentation must be in \[0, 0.9\]; received 1.5"),
        ({"scale": 0.1, "contrast": 0.5}, "contrast of augmentation"),
        ({"scale": 0.1, "epochs": 0}, "epochs of augmentation"),
        ({"scale": 0.1, "interpolation": "cubic"}, r"one of \('bicubic', 'nearest'\); .*'cubic'"),
        ({"scale": 0.1, "interpolation": ["nearest"]}, r"one of .*received \['nearest'\]"),
        ({"scale": 0.1, "share": 0}, "share of augmentation"),
        ({"scale": 0.1, "share": 1.5}, r"share of augmentation must be in \(0, 1\]; received 1.5"),
    ],
)
def test_other_augmentations_are_refused_by_recipes_and_batches(digits, wrong, told):
    with pytest.raises(ValueError, match=told):
        data.batches(digits.train, 5, augmentation=wrong)
    with pytest.raises(ValueError, match=told):
        recipe.Recipe(name="x", data="digits", builder="dense_ae", epochs=1, augmentation=wrong)


def test_a_recipe_trains_with_it_and_its_checkpoints_tell(tmp_path):
    told = {"data": "digits", "builder": "dense_ae", "epochs": 1, "name": "dense_ae_turned"}
    arguments = {"latent_dim": 2, "hidden_units": (8,)}
    turned = recipe.Recipe(arguments=arguments, augmentation={"rotation": 9, "epochs": 2}, **told)
    assert training.run(turned, tmp_path, verbose=0).numbers["mse"] > 0
    plain = recipe.Recipe(arguments=arguments, **told)
    with pytest.raises(ValueError, match=r"augmentation is None here and \{'rotation': 9"):
        training.run(plain, tmp_path, verbose=0)
