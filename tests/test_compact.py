import h5py
import keras
import numpy as np
import pytest

from keras_vae import compact, models


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return models.dense_vae((8, 8, 1), 4, hidden_units=(300,), prior="vamp")


def test_a_rounded_value_has_eleven_bits_and_is_the_nearest_such():
    values = np.random.default_rng(0).normal(size=5000).astype("float32")
    values *= 10.0 ** np.linspace(-30, 30, 5000, dtype="float32")
    near = compact.rounded(values)
    assert near.dtype == np.float32
    assert not (near.view("uint32") & (2**13 - 1)).any()  # 24 bits less 11
    assert np.abs(near / values - 1).max() <= 2.0**-11
    step = np.spacing(np.abs(values)) * 2**13
    assert (np.abs(near - values) <= step / 2).all()


def test_values_of_eleven_bits_and_values_that_are_none_stay():
    values = np.array([0.0, -1.0, 2047.0, 2.0**-126, 0.1, np.inf, -np.inf, np.nan], "float32")
    values[4] = np.float16(0.1)
    np.testing.assert_array_equal(compact.rounded(values), values)


def test_it_agrees_with_float16_where_float16_is_normal():
    values = np.random.default_rng(1).uniform(-4, 4, 3000).astype("float32")
    values = values[np.abs(values) > 1e-3]
    np.testing.assert_array_equal(compact.rounded(values), values.astype("float16"))


def test_packed_weights_load_as_they_are_and_take_half(model, tmp_path):
    compact.round_weights(model)
    model.save_weights(tmp_path / "a.weights.h5")
    compact.pack(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5")
    sizes = [(tmp_path / f"{name}.weights.h5").stat().st_size for name in "ab"]
    assert sizes[1] < 0.55 * sizes[0]
    again = models.dense_vae((8, 8, 1), 4, hidden_units=(300,), prior="vamp")
    again.load_weights(tmp_path / "b.weights.h5")
    for one, other in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_packed_file_has_every_name_type_and_attribute(tmp_path):
    source, target = tmp_path / "a.h5", tmp_path / "b.h5"
    with h5py.File(source, "w") as file:
        file.attrs["version"] = 3
        file.create_group("empty/inner").attrs["of"] = "nothing"
        file["layer/vars/0"] = np.arange(3, dtype="uint32")
        file["layer/vars/1"] = np.float32(2.5)
        file["layer/vars/2"] = np.zeros((0, 4), "float32")
        file["layer/vars/3"] = np.ones((40, 5), "float64")
        file["layer/vars/3"].attrs["name"] = "kernel"
    compact.pack(source, target)
    with h5py.File(source) as one, h5py.File(target) as other:
        names = []
        one.visit(names.append)
        found = []
        other.visit(found.append)
        assert found == names
        for name in names:
            assert dict(one[name].attrs) == dict(other[name].attrs)
            if isinstance(one[name], h5py.Dataset):
                assert one[name].dtype == other[name].dtype
                np.testing.assert_array_equal(one[name][()], other[name][()])
        assert other.attrs["version"] == 3
