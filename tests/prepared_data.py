"""Prepared data sets: only tests marked `data` see them, so that all others are the same without.

    @pytest.mark.data("mnist")                                # a test or a whole file
    pytest.param(name, marks=pytest.mark.data("mnist"))       # one case of several

Such a test is skipped, with the reason, where TFDS_DATA_DIR (by default tfds's own folder) does not
hold the sets; with REQUIRE_DATA it fails instead. `pytest -m data` runs these tests alone. What a
test marked `data` shares with others, a fixture of its file, must not depend on the data.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

FOLDER = "TFDS_DATA_DIR"


class PreparedData:
    """The plugin of pytest that hides the data sets and shows them to the tests marked so."""

    def __init__(self):
        self.before = os.environ.get(FOLDER)
        self.folder = Path(self.before or "~/tensorflow_datasets").expanduser()
        self.empty = tempfile.mkdtemp(prefix="no_prepared_data_")
        os.environ[FOLDER] = self.empty

    def missing(self, names):
        """Those of the names that are not in the folder; a broken download does not count."""
        found = {name: sorted(self.folder.glob(f"{name}/*/dataset_info.json")) for name in names}
        broken = lambda path: path.parent.name.startswith("incomplete")
        return [name for name, paths in found.items() if all(map(broken, paths))]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        """Around the fixtures too: those of a file would come before any of a test."""
        marked = item.get_closest_marker("data") is not None
        os.environ[FOLDER] = str(self.folder) if marked else self.empty
        try:
            return (yield)
        finally:
            os.environ[FOLDER] = self.empty

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        names = [name for mark in item.iter_markers("data") for name in mark.args]
        missing = self.missing(names)
        if not missing:
            return
        reason = f"{FOLDER} ({self.folder}) does not hold {', '.join(missing)}"
        if os.environ.get("REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)

    def pytest_unconfigure(self):
        os.environ.pop(FOLDER)
        if self.before is not None:
            os.environ[FOLDER] = self.before
        shutil.rmtree(self.empty, ignore_errors=True)
