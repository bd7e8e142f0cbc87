"""What stands in a .tflite file, and how it is written."""

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from export_models import codes, small

from keras_vae import export
from keras_vae.export.flatbuffer.contents import note_of, operators, with_note
from keras_vae.export.runtime.interpreter import run


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Bytes of an int8 file of 60 + 140 output channels."""
    path = tmp_path_factory.mktemp("artefact") / "d.tflite"
    return export.tflite(small("dense_vae", hidden_units=(60,)), path, "int8").path.read_bytes()


def test_a_note_is_read_back(content):
    again = with_note(content, {"output": "pixels", "latents": [0, 2]})
    assert note_of(again) == {"output": "pixels", "latents": [0, 2]}
    assert operators(again) == operators(content)
    np.testing.assert_array_equal(run(again, codes()), run(content, codes()))


def test_equal_arrays_are_written_once(content):
    """Zero points are 8 bytes for each channel of each kernel and bias, and all are 0."""
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    apart = bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))
    assert len(content) < len(apart) - 8 * (60 + 140)
    np.testing.assert_array_equal(run(apart, codes()), run(content, codes()))
    points = [t.quantization.zeroPoint for t in parsed.subgraphs[0].tensors if t.quantization]
    kernels = [p for p in points if p is not None and len(p) > 1]
    assert {len(p) for p in kernels} == {60, 140}
    assert not any(p.any() for p in kernels)
