"""The programs of export/ run exported files where this library does not exist."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export_models import small
from PIL import Image

from keras_vae import export

SHAPE = (10, 7, 3)
PROGRAMS = Path(__file__).resolve().parent.parent / "export"
# An entry of None makes any `import keras_vae` fail; what else got in is printed at the end.
ALONE = """
import runpy, sys
sys.modules["keras_vae"] = None
for name in {banned!r}:
    sys.modules[name] = None
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    found = [n for n in ("keras", "tensorflow", "tensorflow_probability") if sys.modules.get(n)]
    print("imported:", found)
"""


def run(program, *arguments, banned=(), cwd=None):
    command = [sys.executable, "-c", ALONE.format(banned=banned), PROGRAMS / program, *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a .tflite of static batch 3, and a SavedModel."""
    folder = tmp_path_factory.mktemp("exported")
    model = small("dense_vae", image_shape=SHAPE)
    export.tflite(model, folder / "d.tflite", "int8", batch=3)
    export.saved_model(model, folder / "m")
    return folder


def test_run_tflite_alone(files):
    banned = ("tensorflow", "keras")
    arguments = ("d.tflite", "--count", "7", "--seed", "3", "--output", "grid.png")
    done = run("run_tflite.py", *arguments, banned=banned, cwd=files)
    assert done.returncode == 0, done.stderr
    assert "microseconds per image" in done.stdout
    assert "imported: []" in done.stdout
    with Image.open(files / "grid.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (3 * 9, 3 * 12)  # three columns and rows, a pixel around each
        low, high = picture.convert("L").getextrema()
        assert high > low


@pytest.mark.shelf
def test_run_saved_model_alone(files):
    arguments = ("m", "--count", "4", "--output", "m.png")
    done = run("run_saved_model.py", *arguments, banned=("keras",), cwd=files)
    assert done.returncode == 0, done.stderr
    assert "microseconds per image" in done.stdout
    assert "imported: ['tensorflow']" in done.stdout  # neither keras nor tensorflow_probability
    with Image.open(files / "m.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (2 * 9, 2 * 12))


def load(program):
    """The program as a module of this process: its errors need no process of their own."""
    spec = importlib.util.spec_from_file_location(program.removesuffix(".py"), PROGRAMS / program)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_seed_draws_the_same_images(files):
    decode = load("run_tflite.py").decode
    images = [decode(files / "d.tflite", 4, seed)[0] for seed in (3, 3, 4)]
    assert images[0].shape == (4, *SHAPE)
    np.testing.assert_array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).max() > 1e-3


def test_an_autoencoder_is_decoded_without_a_prior(tmp_path):
    model = small("dense_ae")
    export.saved_model(model, tmp_path / "ae")
    images, _ = load("run_saved_model.py").draw(str(tmp_path / "ae"), 4, 3)
    z = np.random.default_rng(3).standard_normal((4, model.latent_dim))
    np.testing.assert_allclose(images, model.decode(z), rtol=0, atol=1e-5)


@pytest.mark.parametrize("program", ["run_tflite.py", "run_saved_model.py"])
def test_help_and_wrong_arguments(program, capsys):
    main = load(program).main
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    assert f"python export/{program}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as done:
        main(["x", "--count", "0"])
    assert done.value.code == 2
    assert "must be at least 1; received 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "arguments", "said"),
    [
        ("run_tflite.py", ["missing.tflite"], "No such file"),
        ("run_tflite.py", ["garbage.tflite"], "is not a .tflite file"),
        ("run_tflite.py", ["cut.tflite"], "cut.tflite"),
        ("run_tflite.py", ["d.tflite", "--output", "missing/grid.png"], "No such file"),
        ("run_saved_model.py", ["."], "no saved_model.pb"),
    ],
)
def test_files_that_cannot_be_used(files, monkeypatch, capsys, program, arguments, said):
    monkeypatch.chdir(files)
    Path("garbage.tflite").write_bytes(b"no model at all")
    Path("cut.tflite").write_bytes(Path("d.tflite").read_bytes()[:500])
    assert load(program).main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{program}: error: ")
    assert said in error
