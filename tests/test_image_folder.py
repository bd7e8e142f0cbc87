"""Folders of pictures: what Pillow may bring, and a model trained on them."""

import warnings

import numpy as np
import pytest
from PIL import Image

from keras_vae import image_folder, recipe, training, zoo


def write(folder, count=10, size=(8, 8), mode="L", value=100, suffix="png"):
    """`count` pictures of one colour, size (W, H)."""
    folder.mkdir(parents=True, exist_ok=True)
    colour = value if mode == "L" else (value,) * len(mode)
    for index in range(count):
        Image.new(mode, size, colour).save(folder / f"{mode}_{size[0]}_{index:03d}.{suffix}")


def read(folder, shape):
    """Every image of a folder that resizes without being tested for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return everything(image_folder.load(folder, shape))


def everything(loaded):
    return np.concatenate([loaded.train.images, loaded.validation.images, loaded.test.images])


class TestModes:
    def test_grey_stays_grey(self, tmp_path):
        write(tmp_path, size=(32, 32))
        loaded = image_folder.load(tmp_path)
        assert loaded.image_shape == (32, 32, 1)
        assert loaded.train.images.dtype == np.uint8
        assert set(everything(loaded).ravel()) == {100}

    def test_one_picture_in_colour_makes_all_colour(self, tmp_path):
        write(tmp_path, size=(32, 32))
        Image.new("RGB", (32, 32), (10, 20, 30)).save(tmp_path / "colour.png")
        images = everything(image_folder.load(tmp_path))
        assert images.shape == (11, 32, 32, 3)
        assert (images == [10, 20, 30]).all(axis=(1, 2, 3)).sum() == 1
        assert (images == 100).all(axis=(1, 2, 3)).sum() == 10

    def test_channels_are_those_that_a_model_of_them_will_have(self, tmp_path, recwarn):
        write(tmp_path, size=(7, 5))
        (tmp_path / "broken.png").write_bytes(b"no picture")
        assert image_folder.channels(tmp_path) == 1
        Image.new("RGBA", (8, 8)).save(tmp_path / "colour.png")
        assert image_folder.channels(tmp_path) == 3
        assert not recwarn.list  # it is `load` that tells

    def test_transparent_pictures_lie_on_white_or_keep_their_opacity(self, tmp_path):
        for index in range(10):
            Image.new("RGBA", (8, 8), (200, 0, 0, 0)).save(tmp_path / f"{index}.png")
        assert set(read(tmp_path, (8, 8, 3)).ravel()) == {255}
        assert set(read(tmp_path, (8, 8, 1)).ravel()) == {255}
        assert (read(tmp_path, (8, 8, 4)) == [200, 0, 0, 0]).all()

    def test_palette_pictures_have_their_colours(self, tmp_path):
        for index in range(10):
            picture = Image.new("P", (8, 8), 1)
            picture.putpalette([0, 0, 0, 30, 140, 250])
            picture.save(tmp_path / f"{index}.gif")
        assert (read(tmp_path, (8, 8, 3)) == [30, 140, 250]).all()

    def test_transparent_colour_of_a_palette_is_white(self, tmp_path):
        for index in range(10):
            picture = Image.new("P", (8, 8), 1)
            picture.putpalette([0, 0, 0, 30, 140, 250])
            picture.save(tmp_path / f"{index}.png", transparency=1)
        assert set(read(tmp_path, (8, 8, 3)).ravel()) == {255}

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_sixteen_bits_are_scaled_and_not_cut_off(self, tmp_path, suffix):
        for index in range(10):
            levels = np.full((8, 8), 257 * 100, "uint16")
            Image.fromarray(levels).save(tmp_path / f"{index}.{suffix}")
        assert set(read(tmp_path, None).ravel()) == {100}

    def test_floats_of_0_to_1_and_of_0_to_255(self, tmp_path):
        for index in range(5):
            Image.fromarray(np.full((8, 8), 0.4, "float32")).save(tmp_path / f"{index}.tif")
            Image.fromarray(np.full((8, 8), 102.0, "float32")).save(tmp_path / f"{index}b.tif")
        assert set(read(tmp_path, (8, 8, 1)).ravel()) == {102}

    def test_black_and_white(self, tmp_path):
        for index in range(10):
            Image.new("1", (8, 8), 1).save(tmp_path / f"{index}.png")
        assert read(tmp_path, None).shape == (10, 32, 32, 1)
        assert set(read(tmp_path, None).ravel()) == {255}

    def test_grey_by_luma_where_one_channel_is_asked_for(self, tmp_path):
        for index in range(10):
            Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / f"{index}.png")
        assert set(read(tmp_path, (8, 8, 1)).ravel()) == {76}  # 0.299 * 255


class TestSizes:
    def test_resizing_is_said_once_with_its_count(self, tmp_path):
        write(tmp_path, 4, size=(8, 8))
        write(tmp_path, 7, size=(20, 12))
        with pytest.warns(UserWarning, match="^Resized 7 of 11 pictures to 8x8") as said:
            assert image_folder.load(tmp_path, (8, 8, 1)).image_shape == (8, 8, 1)
        assert len(said) == 1

    def test_nothing_is_said_where_nothing_is_resized(self, tmp_path):
        write(tmp_path, size=(12, 8))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert image_folder.load(tmp_path, (8, 12, 1)).image_shape == (8, 12, 1)

    def test_the_middle_of_the_wanted_proportions_averaged(self, tmp_path):
        wide = np.zeros((8, 16), "uint8")
        wide[:, :4] = wide[:, 12:] = 255  # what lies outside the middle
        wide[::2, 4:12] = 100
        for index in range(10):
            Image.fromarray(wide).save(tmp_path / f"{index}.png")
        assert set(read(tmp_path, (4, 4, 1)).ravel()) == {50}

    def test_photographs_are_turned_as_their_exif_says(self, tmp_path):
        lying = np.zeros((8, 16), "uint8")
        lying[:, 8:] = 255
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown a quarter turn clockwise
        for index in range(10):
            Image.fromarray(lying).save(tmp_path / f"{index}.png", exif=exif)
        image = read(tmp_path, (16, 8, 1))[0, :, :, 0]
        assert (image[:8] == 0).all()
        assert (image[8:] == 255).all()

    @pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (0, 8, 1), (8.0, 8, 1)])
    def test_impossible_shapes_are_refused_before_reading(self, tmp_path, shape):
        with pytest.raises(ValueError, match="C of 1, 3 or 4; received"):
            image_folder.load(tmp_path, shape)


class TestWhatIsRead:
    def test_a_corrupt_file_is_named_and_skipped(self, tmp_path):
        write(tmp_path, size=(32, 32))
        whole = (tmp_path / "L_32_000.png").read_bytes()
        (tmp_path / "cut_off.png").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "no_picture.jpg").write_text("hello")
        with pytest.warns(UserWarning, match="Skipped") as said:
            assert len(everything(image_folder.load(tmp_path))) == 10
        names = [str(warning.message).split(":")[0].split("/")[-1] for warning in said]
        assert names == ["cut_off.png", "no_picture.jpg"]

    def test_other_files_are_left_alone(self, tmp_path):
        write(tmp_path, size=(32, 32))
        (tmp_path / "notes.txt").write_text("no picture")
        (tmp_path / "folder.png").mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(everything(image_folder.load(tmp_path))) == 10

    def test_too_few(self, tmp_path):
        write(tmp_path, 9)
        with pytest.raises(ValueError, match=r"holds 9 readable pictures.*at least 10"):
            image_folder.load(tmp_path)

    def test_no_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="No folder at"):
            image_folder.load(tmp_path / "pictures")

    def test_subfolders_are_labels(self, tmp_path):
        write(tmp_path / "cats", 10, (32, 32), value=10)
        write(tmp_path / "dogs" / "small", 20, (32, 32), value=200, suffix="BMP")
        loaded = image_folder.load(tmp_path)
        for split in (loaded.train, loaded.validation, loaded.test):
            expected = (split.images[:, 0, 0, 0] == 200).astype(int)
            np.testing.assert_array_equal(split.labels, expected)
        assert [len(s) for s in (loaded.train, loaded.validation, loaded.test)] == [24, 3, 3]

    def test_a_flat_folder_has_no_labels(self, tmp_path):
        write(tmp_path, size=(32, 32))
        assert image_folder.load(tmp_path).train.labels is None

    def test_same_seed_same_split_and_no_picture_in_two_parts(self, tmp_path):
        tmp_path.mkdir(exist_ok=True)
        for index in range(40):
            Image.new("L", (32, 32), index).save(tmp_path / f"{index}.png")
        first, second = image_folder.load(tmp_path), image_folder.load(tmp_path)
        np.testing.assert_array_equal(everything(first), everything(second))
        assert sorted(everything(first)[:, 0, 0, 0]) == list(range(40))
        other = image_folder.load(tmp_path, seed=1)
        assert (everything(other) != everything(first)).any()


@pytest.mark.shelf
def test_a_model_of_ones_own_pictures(tmp_path, digits):
    pictures = tmp_path / "pictures"
    for index, (image, label) in enumerate(zip(digits.train.images[:60], digits.train.labels)):
        (pictures / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(pictures / str(label) / f"{index}.png")
    wanted = recipe.Recipe(
        name="conv_vae_pictures",
        data=str(pictures),
        builder="conv_vae",
        arguments={"latent_dim": 2, "filters": (4,), "hidden_units": 8, "image_shape": (9, 7, 1)},
        epochs=1,
        batch_size=16,
        importance_samples=2,
    )
    with pytest.warns(UserWarning, match="Resized 60 of 60"):
        run = training.run(wanted, verbose=0)
    folder = zoo.publish(run, tmp_path / "entry")
    model = zoo.load(folder)
    assert model.sample(3, seed=7).shape == (3, 9, 7, 1)
    np.testing.assert_array_equal(model.sample(3, seed=7), run.model.sample(3, seed=7))
    assert recipe.load(folder / "recipe.py") == wanted
    assert zoo.info(folder)["data"]["licence"] == "not known to keras_vae"


def test_a_format_that_would_start_a_program_is_not_opened(tmp_path):
    """Pillow reads PostScript by Ghostscript, whatever the file is called."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n")
    with pytest.raises(ValueError, match=r"picture\.png' cannot be read as a picture"):
        image_folder.read(path, (8, 8, 1))


def test_a_picture_of_too_many_pixels_is_refused_before_it_fills_the_memory(tmp_path):
    from PIL import Image

    Image.new("1", (9000, 9000)).save(tmp_path / "poster.png")
    with pytest.raises(ValueError, match=r"9000x9000 pixels, above the limit of 50,000,000"):
        image_folder.read(tmp_path / "poster.png", (8, 8, 1))


def test_integers_of_32_bits_are_refused_and_not_black(tmp_path):
    from PIL import Image

    values = np.full((8, 8), 2**31 - 1, "int32")
    Image.fromarray(values).save(tmp_path / "scan.tif")
    with pytest.raises(ValueError, match="32-bit integers, whose range it does not say"):
        image_folder.read(tmp_path / "scan.tif", (8, 8, 1))
