"""The record of the shelf on an emulated aarch64: whole, and within its goals.

The emulated run itself is made on demand: `python benchmarks/aarch64.py FOLDER`.
"""

import datetime
import json
import platform
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from export_models import codes, small

from keras_vae import export, zoo
from keras_vae.export.runtime.runtimes import LITERT, open_file

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads((ROOT / "export" / "aarch64.json").read_text(encoding="utf-8"))
MAX_ERROR_FLOAT32 = 1e-5  # to the pixels of Keras
MAX_DIFFERENCE_FLOAT16 = 1e-5  # to the same file on x86-64: float16 weights, float32 arithmetic
WITHIN_ONE_STEP = 0.99  # of the pixels, likewise
LESS = {("conv_vae_mnist_mixture", "dynamic"): 0.98}  # activations of one code round otherwise


@pytest.fixture(scope="module")
def aarch64(benchmark_program):
    return benchmark_program("aarch64")


@pytest.mark.parametrize("name", zoo.names(decoders=True))
def test_the_goals_are_met_by_every_format(name, aarch64):
    assert name in RECORD, f"Run `python benchmarks/aarch64.py FOLDER {name}`."
    entry = RECORD[name]
    if entry["weights_sha256"] != aarch64.weights_sha256(name):
        warnings.warn(
            f"export/aarch64.json has {name} as it was on {entry['date']}, with other weights. Run "
            f"`python benchmarks/aarch64.py FOLDER {name}`.",
            stacklevel=1,
        )
    assert set(entry["files"]) == {label or "float32" for label in export.QUANTIZE}
    for label, row in entry["files"].items():
        assert set(row) == set(LITERT)
        for runtime in LITERT:
            assert set(row[runtime]) == {"max_error", "max_difference", "within_one_step"}
            assert row[runtime]["within_one_step"] >= LESS.get((name, label), WITHIN_ONE_STEP)
            if label == "float32":
                assert row[runtime]["max_error"] <= MAX_ERROR_FLOAT32
            if label == "float16":
                assert row[runtime]["max_difference"] <= MAX_DIFFERENCE_FLOAT16


def test_every_entry_says_when_and_with_what_it_was_run():
    assert set(RECORD) == set(zoo.names(decoders=True))
    for entry in RECORD.values():
        assert entry["machine"] == "aarch64"
        datetime.date.fromisoformat(entry["date"])
        for key in ("ai_edge_litert", "numpy", "python", "debian", "qemu"):
            assert int(entry[key].split(".")[0]) >= 1
        assert len(bytes.fromhex(entry["weights_sha256"])) == 32


def test_the_program_that_is_emulated(aarch64, tmp_path):
    """Here it runs on this machine, alone: what it writes is what the file gives."""
    files, output = tmp_path / "files", tmp_path / "here"
    (files / "dense_vae").mkdir(parents=True)
    path, z = files / "dense_vae" / "float32.tflite", codes(3)
    export.tflite(small("dense_vae"), path)
    np.save(files / "dense_vae" / "z.npy", z)
    assert aarch64.decode(files, output)["machine"] == platform.machine()
    decoder = open_file(path.read_bytes(), "interpreter")
    expected = np.concatenate([decoder("decode", z=code[None])["images"] for code in z])
    for runtime in LITERT:
        images = np.load(output / "dense_vae" / f"float32.{runtime}.npy")
        np.testing.assert_allclose(images, expected, atol=1e-6)


def test_compare_tells_an_error_from_a_difference(aarch64, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    golden = np.full((2, 1, 5, 1), 0.5, "float32")
    monkeypatch.setattr(zoo, "golden", lambda name: (None, golden))
    moved = golden + 0.1
    moved[0, 0, 0] += 2 / 255  # one pixel in ten
    for folder in (here, there):
        (folder / "x").mkdir(parents=True)
    for label in aarch64.FORMATS:
        np.save(here / "x" / f"{label}.interpreter.npy", golden + 0.1)
        np.save(there / "x" / f"{label}.interpreter.npy", moved)
    row = aarch64.compare("x", here, there)["int8"]["interpreter"]
    assert row["max_error"] == pytest.approx(0.1 + 2 / 255, abs=1e-6)
    assert row["max_difference"] == pytest.approx(2 / 255, abs=1e-6)
    assert row["within_one_step"] == pytest.approx(0.9)


def test_the_script_for_the_root_tells_its_arguments():
    script = ROOT / "benchmarks" / "aarch64_root.sh"
    done = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "aarch64_root.sh FOLDER LITERT_VERSION [SUITE [SOURCES]]" in done.stderr


def test_an_unknown_entry(aarch64, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["aarch64.py", str(tmp_path / "new"), "conv_vea_mnist"])
    with pytest.raises(SystemExit):
        aarch64.main()
    assert "Did you mean 'conv_vae_mnist'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
