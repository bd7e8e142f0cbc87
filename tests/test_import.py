"""`import keras_vae` is cheap, and says plainly when it cannot work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_vae

ROOT = Path(keras_vae.__file__).parent.parent


def run(code, **environment):
    """Runs Python code in a fresh process that finds this keras_vae."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def modules():
    """Names of modules: of Keras alone, after the import, and after an entry was loaded."""
    done = run(
        "import json, sys, keras, tensorflow\n"
        "seen = [sorted(sys.modules)]\n"
        "import keras_vae\n"
        "from keras_vae import data, models, networks, objectives\n"
        "seen.append(sorted(sys.modules))\n"
        "keras_vae.zoo.load('dense_vae_digits')\n"
        "seen.append(sorted(sys.modules))\n"
        "print(json.dumps(seen))"
    )
    assert done.returncode == 0, done.stderr
    return [set(names) for names in json.loads(done.stdout.splitlines()[-1])]


def test_import_loads_nothing_heavy_beyond_what_keras_loads(modules):
    # Keras itself may import matplotlib and sklearn; what counts is what keras_vae adds.
    keras_alone, imported, _ = modules
    assert "keras_vae.objectives" in imported
    assert not imported & {"tensorflow_probability", "tensorflow_datasets"}
    assert not (imported - keras_alone) & {"matplotlib", "sklearn", "ai_edge_litert"}


def test_reading_an_entry_needs_no_exporter(modules):
    *_, loaded = modules
    heavy = ("keras_vae.export", "keras_vae.web", "litert_quantizer", "ai_edge_litert")
    assert "keras_vae.zoo.entry" in loaded
    assert not [name for name in loaded if name.startswith(heavy)]


@pytest.mark.parametrize(
    "words", [("list",), ("list", "--json"), ("info", "conv_vae_mnist"), ("--help",)]
)
def test_verbs_that_only_tell_import_no_framework(words):
    done = run(
        "import atexit, sys\n"
        f"sys.argv = ['keras-vae', *{words}]\n"
        "atexit.register(lambda: print('imported', sorted(sys.modules), file=sys.stderr))\n"
        "from keras_vae.cli import main\n"
        "main()"
    )
    assert done.returncode == 0, done.stderr
    assert "conv_vae_mnist" in done.stdout or words == ("--help",)
    imported = done.stderr.partition("imported")[2]
    assert "'keras_vae.cli'" in imported
    for heavy in ("tensorflow", "keras", "numpy", "sklearn", "matplotlib", "PIL", "h5py"):
        assert f"'{heavy}'" not in imported


def test_the_command_as_a_module_imports_no_framework_either():
    command = [sys.executable, "-X", "importtime", "-m", "keras_vae.cli", "list"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "conv_vae_mnist" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {"tensorflow", "keras", "numpy"}


def test_help_of_a_verb_imports_no_framework():
    done = run(
        "import sys\n"
        "sys.argv = ['keras-vae', 'train', '--help']\n"
        "from keras_vae.cli import app\n"
        "app(standalone_mode=False)\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
    assert "--images" in done.stdout


def test_other_backend_is_refused_with_the_remedy():
    keras_on_jax = "types.SimpleNamespace(backend=types.SimpleNamespace(backend=lambda: 'jax'))"
    done = run(f"import sys, types; sys.modules['keras'] = {keras_on_jax}; import keras_vae")
    assert done.returncode != 0
    assert "ImportError: keras_vae runs on the TensorFlow backend" in done.stderr
    assert "'jax'" in done.stderr
    assert "KERAS_BACKEND=tensorflow" in done.stderr


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_backend_variable_is_refused_whether_or_not_the_backend_is_installed(backend):
    done = run("import keras_vae", KERAS_BACKEND=backend)
    assert done.returncode != 0
    assert "keras_vae runs on the TensorFlow backend" in done.stderr.splitlines()[-1]
    assert repr(backend) in done.stderr.splitlines()[-1]


def test_modules_are_attributes_and_the_flow_is_listed():
    assert keras_vae.data.NAMES[0] == "digits"
    assert {"data", "models", "evaluate", "zoo", "export"} <= set(dir(keras_vae))
    order = ["data", "networks", "distributions", "objectives", "models", "callbacks", "evaluate"]
    positions = [keras_vae.__doc__.index(f"    {name} ") for name in order]
    assert positions == sorted(positions)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'modles'"):
        _ = keras_vae.modles
