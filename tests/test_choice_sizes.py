"""Sizes, counts and seeds: whole numbers, NumPy's among them, or an error that names the value."""

import numpy as np
import pytest

from keras_vae import data, models


@pytest.fixture(scope="module")
def model():
    return models.dense_vae(np.array([8, 8, 1]), np.int64(3), hidden_units=(np.int32(4),))


@pytest.mark.parametrize("count", [2.5, True, "3", 0])
def test_counts(model, count):
    with pytest.raises(ValueError, match="count must be an integer of at least 1; received"):
        model.sample(count)


@pytest.mark.parametrize("seed", [2**31, 2**40, 2**70, 2.5, "a"])
def test_seeds(model, seed):
    with pytest.raises(ValueError, match=r"seed must be an integer from .* received"):
        model.sample(2, seed=seed)


def test_integers_of_numpy(model):
    assert model.latent_dim == 3
    assert model.sample(np.int64(2), seed=np.int64(7)).shape == (2, 8, 8, 1)
    np.testing.assert_array_equal(model.sample(2, seed=7), model.sample(2, seed=np.uint8(7)))


@pytest.mark.parametrize("widths", [16, "16", (2.5,), (True,)])
def test_widths(widths):
    with pytest.raises(ValueError, match=r"hidden_units must be .* received"):
        models.dense_vae((8, 8, 1), 3, hidden_units=widths)


@pytest.mark.parametrize("size", [2.5, 0, True])
def test_batch_sizes(digits, model, size):
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1; received"):
        data.batches(digits.train, size)
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1; received"):
        model.decode(np.zeros((2, 3)), size)


def test_a_batch_of_one_of_a_code_of_one_over_pixels_without_variance():
    model = models.dense_vae((8, 8, 1), 1, hidden_units=(4,))
    model.compile()
    with pytest.warns(UserWarning, match="The code is hardly used"):
        history = model.fit(np.zeros((2, 8, 8)), batch_size=1, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.reconstruct(np.ones((1, 8, 8)))).all()
