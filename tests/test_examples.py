"""What an entry keeps of its test data: which images, in how many bytes, and how they are read."""

import numpy as np
import pytest

from keras_vae import data, models
from keras_vae.zoo import example_data


def split(images, labels=None):
    return data.Split("test", images, labels)


def noise(count, shape=(8, 8, 1)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("uint8")


@pytest.fixture(scope="module")
def model():
    return models.build("dense_ae", image_shape=(8, 8, 1), latent_dim=4, hidden_units=(8,))


class TestMake:
    def test_each_label_comes_before_any_comes_twice(self, model):
        labels = np.repeat(np.arange(20), 5)
        found = example_data.make(model, split(noise(100), labels))
        assert found["image_labels"].tolist() == list(range(12))
        found = example_data.make(model, split(noise(100), np.arange(100) % 5))
        assert sorted(found["image_labels"].tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4]

    def test_without_labels_the_first_images(self, model):
        images = noise(20)
        found = example_data.make(model, split(images))
        np.testing.assert_array_equal(found["images"], images[:12])
        assert {"labels", "image_labels"}.isdisjoint(found)

    def test_of_a_small_set_all(self, model):
        found = example_data.make(model, split(noise(5), np.arange(5)))
        assert len(found["codes"]) == len(found["images"]) == 5

    def test_wide_codes_are_fewer(self):
        wide = models.build("dense_ae", image_shape=(8, 8, 1), latent_dim=128, hidden_units=(8,))
        found = example_data.make(wide, split(noise(600)))
        assert found["codes"].nbytes <= example_data.CODES_BYTES
        assert len(found["codes"]) == 128

    def test_codes_beyond_float16_stay_what_they_are(self, model):
        far = models.build("dense_ae", image_shape=(8, 8, 1), latent_dim=4, hidden_units=(8,))
        far.set_weights([1e4 * weight for weight in model.get_weights()])
        found = example_data.make(far, split(noise(20)))
        assert np.isfinite(found["codes"]).all()
        assert np.abs(found["codes"]).max() > 7e4


class TestFile:
    def test_the_same_arrays_give_the_same_bytes_and_come_back(self, model, tmp_path):
        arrays = example_data.make(model, split(noise(20), np.arange(20)))
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            example_data.write(tmp_path / name, arrays)
        one, two = (tmp_path / name / example_data.FILE for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        found = example_data.read(tmp_path / "one")
        assert set(found) == set(arrays)
        for key in arrays:
            np.testing.assert_array_equal(found[key], arrays[key])

    def test_a_pickle_is_not_opened(self, tmp_path):
        arrays = {key: np.asarray(["code", 1], object) for key in example_data.KEYS}
        np.savez(tmp_path / example_data.FILE, **arrays)
        with pytest.raises(ValueError, match="allow_pickle"):
            example_data.read(tmp_path)

    def test_a_file_that_lacks_an_array_says_so(self, tmp_path):
        np.savez(tmp_path / example_data.FILE, codes=np.zeros((2, 3)))
        with pytest.raises(ValueError, match=r"lacks images, image_codes, fill, pen; publish"):
            example_data.read(tmp_path)


def test_fill_is_the_share_of_the_larger_side():
    images = np.zeros((3, 10, 20, 1), "float32")
    images[:, 2:8, 5:9] = 1.0  # 6 high, 4 wide, in an image of 10
    assert example_data.fill(images) == pytest.approx(0.6)


def test_pen_is_the_width_of_the_strokes():
    rows, columns = np.mgrid[:40, :40]
    rings = [np.abs(np.hypot(rows - 19.5, columns - 19.5) - radius) for radius in (9, 12, 15)]
    rings = np.clip(2 - np.stack(rings), 0, 1)[..., None].astype("float32")
    assert example_data.pen(rings) == pytest.approx(3 / 40, rel=0.1)  # the width at half the ink
