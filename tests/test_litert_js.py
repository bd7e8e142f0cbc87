"""Every entry of the shelf in every format, run by LiteRT.js in headless Chromium.

Part of `pytest -m browser`; test_export_zoo.py does the same in the runtimes of Python.
"""

import litert_js
import numpy as np
import pytest

from keras_vae import export, zoo
from keras_vae.export.runtime.interpreter import run

pytestmark = pytest.mark.browser
MAX_ERROR_FLOAT32 = 1e-5
MEAN_ERROR = {"float16": 1 / 255, "weights": 1 / 255, "dynamic": 3 / 255, "int8": 4 / 255}
STEP = 1 / 255 + 1e-6
# Files that LiteRT.js does not run: (entry, format) -> a part of the reason that it says.
NOT_RUN = {}


@pytest.fixture(scope="module")
def shelf(browser, tmp_path_factory):
    """(files of the shelf, what LiteRT.js made of them); int8 as in test_export_zoo.py"""
    golden_images = lambda name: zoo.golden(name)[1]
    files = litert_js.export_shelf(tmp_path_factory.mktemp("shelf"), images=golden_images)
    return files, litert_js.decode(files, browser)


def test_litert_js_runs_every_file_but_those_listed(shelf):
    files, found = shelf
    assert found.keys() == files.keys()
    assert {name for name, _ in files} == set(zoo.names(decoders=True))
    refused = {key: reason for key, reason in found.items() if isinstance(reason, str)}
    assert refused.keys() == NOT_RUN.keys(), refused
    assert all(NOT_RUN[key] in reason for key, reason in refused.items()), refused


@pytest.mark.parametrize("name", zoo.names(decoders=True))
def test_its_pixels_are_the_golden_ones_and_those_of_the_interpreter(shelf, name):
    files, found = shelf
    _, pixels = zoo.golden(name)
    for (entry, form), (path, z) in files.items():
        if entry != name or (entry, form) in NOT_RUN:
            continue
        images = found[entry, form]
        assert images.shape == pixels.shape
        error = np.abs(images - pixels)
        if form == "float32":
            assert error.max() < MAX_ERROR_FLOAT32
        else:
            assert 0 < error.mean() < MEAN_ERROR[form], form
        # The same file in LiteRT on this machine: within one step of 255 for 99 % of the pixels.
        apart = np.abs(images - run(path.read_bytes(), z))
        assert (apart <= STEP).mean() >= 0.99, form


def test_a_refused_file_is_a_reason_and_the_next_file_runs(browser, tmp_path):
    z, pixels = zoo.golden("dense_ae_digits")
    good = export.tflite(zoo.load("dense_ae_digits"), tmp_path / "good.tflite").path
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(good.read_bytes()[:1000])
    found = litert_js.decode({"broken": (broken, z), "good": (good, z)}, browser)
    assert list(found) == ["broken", "good"]
    assert isinstance(found["broken"], str)
    assert found["broken"].strip()
    np.testing.assert_allclose(found["good"], pixels, atol=MAX_ERROR_FLOAT32)
