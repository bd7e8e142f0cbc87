"""Rewrites of a finished file: other kernels, the same numbers."""

import collections
import sys

import numpy as np
import pytest
from export_models import codes, small

from keras_vae import export
from keras_vae.export.flatbuffer import peephole
from keras_vae.export.flatbuffer.contents import operators
from keras_vae.export.runtime.interpreter import run


@pytest.fixture
def untidy(monkeypatch, tmp_path):
    """function (model, options) -> the bytes of an int8 file before and after."""

    def make(model, **options):
        before = []

        def keep(content):
            before.append(content)
            return peephole.tidy(content)

        monkeypatch.setattr(sys.modules["keras_vae.export.tflite"], "tidy", keep)
        export.tflite(model, tmp_path / "d.tflite", "int8", **options)
        return before[0], peephole.tidy(before[0])

    return make


def count(content):
    return collections.Counter(step.name for step in operators(content))


def behind_the_code(content, graph=0):
    """Names of the steps of a graph behind those that give the code in two parts."""
    names = [step.name for step in operators(content) if step.graph == graph]
    return names[names.index("CONCATENATION") :]


def test_elu_becomes_an_integer_kernel(untidy):
    before, after = untidy(small("dense_vae", activation="elu", hidden_units=(12, 9, 7)))
    assert count(before)["ELU"] == count(after)["ELU"] == 3
    assert behind_the_code(before).count("QUANTIZE") == 3
    assert behind_the_code(after).count("QUANTIZE") == 0
    assert behind_the_code(after).count("DEQUANTIZE") == 1
    logit = lambda p: np.log(p) - np.log1p(-p)
    difference = logit(run(after, codes(40))) - logit(run(before, codes(40)))
    assert np.abs(difference).max() < 0.05  # the table rounds once where the two steps round twice


def test_the_last_sigmoid_becomes_float(untidy):
    before, after = untidy(small("dense_vae"))
    names = behind_the_code(after)
    assert names.index("DEQUANTIZE") < names.index("LOGISTIC")
    names = behind_the_code(before)
    assert names.index("LOGISTIC") < names.index("DEQUANTIZE")
    pixels = run(before, codes(40))
    np.testing.assert_allclose(pixels * 256, np.round(pixels * 256), atol=1e-3)
    assert np.abs(run(after, codes(40)) - pixels).max() < 1 / 256
    assert len(np.unique(run(after, codes(40)))) > 0.7 * len(np.unique(pixels))


def test_a_sigmoid_behind_float_layers_stays_float(untidy):
    """The converter takes it to integers for the steps behind it, which move numbers alone."""
    before, after = untidy(small(image_shape=(12, 8, 1)))
    names = behind_the_code(before)
    assert names[names.index("LOGISTIC") + 1] == "QUANTIZE"
    pixels = run(before, codes(40))
    np.testing.assert_allclose(pixels * 256, np.round(pixels * 256), atol=1e-3)
    assert "QUANTIZE" not in behind_the_code(after)
    assert len(np.unique(run(after, codes(40)))) > 2 * len(np.unique(pixels))
    assert np.abs(run(after, codes(40)) - pixels).max() < 1 / 256


def test_the_sigmoid_of_a_gate_stays_an_integer(untidy):
    _, after = untidy(small("dense_vae", activation="gated"))
    names = behind_the_code(after)
    assert names.index("LOGISTIC") < names.index("MUL") < names.index("DEQUANTIZE")


def test_every_signature_is_rewritten(untidy):
    signatures = ("decode", "generate", "interpolate")
    _, after = untidy(small("dense_vae", activation="elu"), signatures=signatures)
    for graph in range(3):
        names = behind_the_code(after, graph)
        assert names.count("DEQUANTIZE") == 1
        assert names[names.index("ELU") - 1] == "FULLY_CONNECTED"


def test_a_file_without_them_is_left_alone(tmp_path):
    file = export.tflite(small("dense_vae", activation="elu"), tmp_path / "d.tflite")
    content = file.path.read_bytes()
    tidied = peephole.tidy(content)
    assert count(tidied) == count(content)
    np.testing.assert_array_equal(run(tidied, codes()), run(content, codes()))
