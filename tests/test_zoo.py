"""The librarian: where the shelf is, what is found on it, and that publishing is all or nothing."""

import json
import os
import shutil

import numpy as np
import pytest

import keras_vae
from keras_vae import plot, zoo
from keras_vae.zoo import card, entry, listing, publishing


@pytest.fixture
def shelf(tiny_entry, tmp_path, monkeypatch):
    """A shelf of one entry in the place of the real one."""
    folder = tmp_path / "zoo"
    shutil.copytree(tiny_entry, folder / tiny_entry.name)
    for module in (listing, zoo, publishing):
        monkeypatch.setattr(module, "shelf", lambda: folder)
    return folder


class TestShelf:
    def test_in_a_clone_it_is_beside_the_package(self, tmp_path, monkeypatch):
        (tmp_path / "keras_vae").mkdir()
        monkeypatch.setattr(listing, "__file__", str(tmp_path / "keras_vae" / "zoo" / "listing.py"))
        assert zoo.shelf() == tmp_path / "zoo"

    def test_in_an_installed_package_it_is_inside(self, tmp_path, monkeypatch):
        (tmp_path / "zoo").mkdir()  # someone else's folder in site-packages
        (tmp_path / "keras_vae" / "shelf").mkdir(parents=True)
        monkeypatch.setattr(listing, "__file__", str(tmp_path / "keras_vae" / "zoo" / "listing.py"))
        assert zoo.shelf() == tmp_path / "keras_vae" / "shelf"

    def test_an_installed_package_finds_its_entries(self, tiny_entry, tmp_path, monkeypatch):
        shutil.copytree(tiny_entry, tmp_path / "keras_vae" / "shelf" / tiny_entry.name)
        monkeypatch.setattr(listing, "__file__", str(tmp_path / "keras_vae" / "zoo" / "listing.py"))
        assert zoo.names() == ["dense_vae_tiny"]
        assert zoo.load("dense_vae_tiny").latent_dim == 3

    def test_it_does_not_depend_on_the_working_folder(self, tmp_path, monkeypatch):
        before = zoo.names()
        monkeypatch.chdir(tmp_path)
        assert zoo.names() == before


class TestNames:
    def test_folders_with_metadata_sorted(self, shelf):
        shutil.copytree(shelf / "dense_vae_tiny", shelf / "conv_ae_other")
        assert zoo.names() == ["conv_ae_other", "dense_vae_tiny"]

    def test_a_recipe_that_was_not_run_yet_is_no_entry(self, shelf):
        (shelf / "conv_vae_planned").mkdir()
        (shelf / "conv_vae_planned" / "recipe.py").write_text("")
        assert zoo.names() == ["dense_vae_tiny"]

    def test_an_entry_that_is_being_written_is_none_yet(self, shelf):
        shutil.copytree(shelf / "dense_vae_tiny", shelf / ".dense_vae_other.k3j2")
        assert zoo.names() == ["dense_vae_tiny"]


class TestLocate:
    def test_a_misspelt_name_gets_the_nearest_and_all(self, shelf):
        with pytest.raises(ValueError, match=r"Unknown model 'dense_vea_tiny'.*'dense_vae_tiny'.*"):
            zoo.load("dense_vea_tiny")

    def test_a_name_like_no_other_gets_the_list(self, shelf):
        with pytest.raises(ValueError, match=r"Choose one of \['dense_vae_tiny'\]"):
            zoo.info("xyzzy")

    def test_a_folder_that_is_no_entry(self, shelf, tmp_path):
        (tmp_path / "pictures").mkdir()
        with pytest.raises(ValueError, match=r"pictures' is no entry: it has no metadata\.json"):
            zoo.load(tmp_path / "pictures")

    def test_a_folder_elsewhere_as_text_or_path(self, entry_copy):
        assert zoo.locate(entry_copy) == entry_copy
        assert zoo.locate(str(entry_copy)) == entry_copy

    def test_a_name_goes_before_a_folder_of_that_name(self, shelf, tmp_path, monkeypatch):
        (tmp_path / "dense_vae_tiny").mkdir()
        monkeypatch.chdir(tmp_path)
        assert zoo.locate("dense_vae_tiny") == shelf / "dense_vae_tiny"


class TestLoad:
    def test_info_is_the_metadata(self, shelf):
        told = json.loads((shelf / "dense_vae_tiny" / "metadata.json").read_text())
        assert keras_vae.zoo.info("dense_vae_tiny") == told

    def test_golden_codes_decode_to_golden_pixels(self, tiny_entry):
        z, pixels = zoo.golden(tiny_entry)
        assert z.shape == (8, 3)
        np.testing.assert_allclose(zoo.load(tiny_entry).decode(z), pixels, atol=1e-5)


class TestPublish:
    def test_over_an_entry_replaces_it(self, tiny_run, entry_copy):
        (entry_copy / "model.weights.h5").write_bytes(b"old")
        (entry_copy / "__pycache__").mkdir()
        assert zoo.publish(tiny_run, entry_copy) == entry_copy
        entry.check(entry_copy)
        assert sorted(path.name for path in entry_copy.iterdir()) == sorted(entry.FILES)

    def test_same_run_same_entry(self, tiny_run, tiny_entry, tmp_path):
        again = zoo.publish(tiny_run, tmp_path / tiny_entry.name)
        for file in set(entry.FILES) - {"model.weights.h5", "metadata.json"}:
            assert (again / file).read_bytes() == (tiny_entry / file).read_bytes(), file
        for one, other in zip(zoo.load(again).get_weights(), zoo.load(tiny_entry).get_weights()):
            np.testing.assert_array_equal(one, other)

    def test_a_foreign_folder_is_refused_and_stays(self, tiny_run, tmp_path):
        (tmp_path / "thesis.tex").write_text("mine")
        with pytest.raises(FileExistsError, match=r"thesis\.tex"):
            zoo.publish(tiny_run, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    def test_into_the_working_folder(self, tiny_run, tmp_path, monkeypatch):
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        zoo.publish(tiny_run, ".")
        entry.check(tmp_path / "here")
        assert os.listdir(tmp_path) == ["here"]

    @pytest.mark.parametrize("broken", [(plot, "save"), (card, "render"), (publishing, "_close")])
    def test_a_failure_midway_leaves_nothing_new(
        self, tiny_run, entry_copy, monkeypatch, broken, tmp_path
    ):
        def fail(*args, **kwargs):
            raise OSError("No space left on device")

        monkeypatch.setattr(*broken, fail)
        before = {path.name: path.read_bytes() for path in entry_copy.iterdir()}
        for target in (tmp_path / "new", entry_copy):
            with pytest.raises(OSError, match="No space left"):
                zoo.publish(tiny_run, target)
        assert os.listdir(tmp_path) == [entry_copy.name]
        assert {path.name: path.read_bytes() for path in entry_copy.iterdir()} == before

    def test_an_entry_that_a_kill_left_under_another_name_is_found(self, entry_copy):
        moved = entry_copy.rename(
            entry_copy.with_name(f".{entry_copy.name}.{2**22 + 1}-0a1b2c3d.old")
        )
        zoo.load(entry_copy)
        assert not moved.exists()

    def test_what_the_config_cannot_say_is_not_published(self, tiny_run, tmp_path, monkeypatch):
        monkeypatch.setattr(publishing, "_to_json", lambda value: {"image_shape": [8, 8, 1]})
        with pytest.raises(ValueError, match="weight list"):
            zoo.publish(tiny_run, tmp_path / "new")
        assert os.listdir(tmp_path) == []


class TestWriteIndex:
    def test_tables_are_made_anew_between_the_markers(self, shelf):
        page = f"# Shelf\n{card.BEGIN}\nold\n{card.END}\nThe end.\n"
        (shelf / "README.md").write_text(page)
        (shelf.parent / "README.md").write_text(page)
        zoo.write_index()
        inside, above = (shelf / "README.md").read_text(), (shelf.parent / "README.md").read_text()
        assert "[dense_vae_tiny](dense_vae_tiny/README.md)" in inside
        assert "[dense_vae_tiny](zoo/dense_vae_tiny/README.md)" in above
        for text in (inside, above):
            assert text.startswith("# Shelf\n")
            assert text.endswith("The end.\n")
            assert "old" not in text

    def test_a_page_of_ones_own(self, shelf, tmp_path):
        page = tmp_path / "page.md"
        page.write_text(f"{card.BEGIN}{card.END}")
        zoo.write_index({page: "../zoo/"})
        assert "](../zoo/dense_vae_tiny/README.md)" in page.read_text()
        again = page.read_text()
        zoo.write_index({page: "../zoo/"})
        assert page.read_text() == again
