"""The parity matrix: whole, within its goals or with a reason, and shown as it was recorded."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from keras_vae import export, zoo

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads((ROOT / "export" / "parity.json").read_text(encoding="utf-8"))
MAX_ERROR_FLOAT32 = 1e-5
WITHIN_ONE_STEP = 0.99
# What a runtime does not run of any entry, and what it says.
REFUSES = {
    ("micro", "float16"): "dequantize_common.cc",
    ("micro", "weights"): "would expand them by one scale",
    ("micro", "dynamic"): "not supported",
}
# Where more than 1 % of the pixels are further than a step from the interpreter's: Micro's
# reference kernels round halves otherwise than XNNPACK's, and in these decoders it adds up.
DIFFERS = {
    ("conv_ae_mnist", "int8", "micro"),
    ("conv_ae_mnist_rae", "int8", "micro"),
    ("conv_vae_binarized_mnist_flow", "int8", "micro"),
    ("conv_vae_fashion_mnist", "int8", "micro"),
    ("conv_vae_mnist", "int8", "micro"),
    ("conv_vae_mnist_flow", "int8", "micro"),
    ("conv_vae_mnist_iaf", "int8", "micro"),
    ("conv_vae_mnist_micro", "int8", "micro"),
    ("conv_vae_mnist_mixture", "int8", "micro"),
    ("conv_vae_mnist_vamp", "int8", "micro"),
    ("conv_vae_omniglot", "int8", "micro"),
    ("conv_vae_shapes", "int8", "micro"),
    ("dense_vae_fashion_mnist", "int8", "micro"),
}


@pytest.fixture(scope="module")
def parity(benchmark_program):
    return benchmark_program("parity")


@pytest.mark.parametrize("name", zoo.names(decoders=True))
def test_every_file_in_every_runtime(name):
    assert name in RECORD, f"Run `python benchmarks/parity.py {name}`."
    entry = RECORD[name]
    if entry["weights_sha256"] != zoo.info(name)["sha256"]["model.weights.h5"]:
        warnings.warn(f"Other weights: run `python benchmarks/parity.py {name}`.", stacklevel=1)
    assert set(entry["files"]) == {label or "float32" for label in export.QUANTIZE}
    for label, row in entry["files"].items():
        saved_model = {"saved_model"} if label == "float32" else set()
        runtimes = {"interpreter", "compiled_model", "litert_js", "micro"}
        assert set(row) == runtimes | saved_model
        for runtime, result in row.items():
            if (runtime, label) in REFUSES:
                assert REFUSES[runtime, label] in result["refused"]
            elif label == "float32":
                assert result["max_error"] <= MAX_ERROR_FLOAT32
            else:
                met = result["within_one_step"] >= WITHIN_ONE_STEP
                assert met != ((name, label, runtime) in DIFFERS)


def test_the_matrix_is_that_of_the_record(parity):
    page = (ROOT / "export" / "README.md").read_text(encoding="utf-8")
    aarch64 = json.loads((ROOT / "export" / "aarch64.json").read_text(encoding="utf-8"))
    assert page == parity.replace_matrix(page, RECORD, aarch64)


def test_compared(parity):
    golden = np.zeros((1, 1, 10, 1), "float32")
    images = golden.copy()
    images[..., 0, 0] = 2 / 255
    found = parity.compared(images, golden, golden - 0.5, 0.0)
    assert found == {"max_error": pytest.approx(0.5 + 2 / 255), "within_one_step": 0.9}


def test_cells(parity):
    fine = {"max_error": 2.4e-6, "within_one_step": 1.0}
    record = {
        "a": {"files": {"float32": {"micro": fine}, "int8": {"micro": {"refused": "no ELU"}}}},
    }
    runs = {"interpreter": {**fine, "within_one_step": 0.999}, "compiled_model": fine}
    whole = parity.with_aarch64(record, {"a": {"files": {"int8": runs}}})
    text = re.sub(" +", " ", parity.matrix(whole))
    assert "| `a_float32` | | | | | 2.4e-06 | |" in text
    assert "| `a_int8` | | | | | refused (1) | 99.90 % |" in text
    assert text.endswith("\n1. no ELU\n")
    assert "aarch64" not in record["a"]["files"]["int8"]
