"""Both runtimes of LiteRT give the same images from the same file.

The files of the shelf go through the same runtimes in test_export_zoo.py, TensorFlow Lite Micro has
test_export_micro.py.
"""

import numpy as np
import pytest
from export_models import codes, every_format, exported, pictures, small

from keras_vae import export
from keras_vae.export.runtime.runtimes import LITERT, open_file

INPUTS = {
    "decode": {"z": codes(1)},
    "encode": {"images": pictures(1)},
    "reconstruct": {"images": pictures(1)},
    "interpolate": {
        "start": codes(2)[:1],
        "end": codes(2)[1:],
        "position": np.full((1, 1), 0.3, "float32"),
    },
    "draw": {"noise": codes(1)},
    "from_noise": {"noise": codes(1)},
    "generate": {"seed": np.array([2**31 - 1], "int32")},
}


@pytest.mark.parametrize(("builder", "quantize"), every_format(("conv_vae", "dense_ae")))
def test_parity_of_every_signature(builder, quantize):
    _, exported_file = exported(builder, quantize)
    content = exported_file.path.read_bytes()
    files = {runtime: open_file(content, runtime) for runtime in LITERT}
    for name in exported_file.signatures:
        ((key, expected),) = files["interpreter"](name, **INPUTS[name]).items()
        for file in files.values():
            found = file(name, **INPUTS[name])
            assert set(found) == {key}
            assert found[key].shape == expected.shape
            np.testing.assert_allclose(found[key], expected, atol=1e-6)


@pytest.mark.parametrize("runtime", sorted(LITERT))
def test_bytes_come_as_bytes(runtime, tmp_path):
    path = tmp_path / "d.tflite"
    export.tflite(small("dense_vae"), path, output="uint8")
    found = open_file(path.read_bytes(), runtime)("decode", z=codes(1))["images"]
    assert found.dtype == np.uint8
    assert found.max() > 1


def test_an_unknown_runtime():
    with pytest.raises(ValueError, match=r"runtime 'interpeter'\. Did you mean 'interpreter'"):
        open_file(b"", "interpeter")
