"""The sources for Android and iOS, which cannot be built here, say what the exporter writes.

File name, signatures, tensor names, types and sizes are read out of the sources and compared with
the file that the command of their READMEs writes.
"""

import json
import re
import shlex
from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter
from typer.testing import CliRunner

from keras_vae.cli import app

ROOT = Path(__file__).resolve().parents[1] / "export"
KOTLIN = (ROOT / "android" / "VaeDecoder.kt").read_text(encoding="utf-8")
SWIFT = (ROOT / "ios" / "VaeDecoder.swift").read_text(encoding="utf-8")
PAGES = {
    name: (ROOT / name / "README.md").read_text(encoding="utf-8") for name in ("android", "ios")
}
KOTLIN_TYPES = {"writeFloat": "float32", "writeInt": "int32", "readFloat": "float32"}
SWIFT_TYPES = {"[Float]": "float32", "Int32": "int32"}


def command(page):
    """The words of the one `keras-vae export` command of a page."""
    (line,) = re.findall(r"^ *keras-vae (export .*)$", PAGES[page], flags=re.MULTILINE)
    return shlex.split(line)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What that command writes: file name, and tensors of its signatures by direction and name.

    A tensor is (signature, "input" or "output", name) -> (dtype, shape).
    """
    words, folder = command("android"), tmp_path_factory.mktemp("phone")
    place = words.index("--output") + 1
    path = folder / words[place]
    done = CliRunner().invoke(app, [*words[:place], str(path), *words[place + 1 :]])
    assert done.exit_code == 0, done.output
    interpreter = Interpreter(str(path))
    tensors = {}
    for signature in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(signature)
        for side in ("input", "output"):
            for name, details in getattr(runner, f"get_{side}_details")().items():
                tensors[signature, side, name] = (
                    details["dtype"].__name__,
                    tuple(map(int, details["shape"])),
                )
    return path.name, tensors


def constants(source, names):
    """The numbers that a source gives to names, in the order of the names."""
    found = [re.findall(rf"(?:const val|static let) {name} = (\d+)\n", source) for name in names]
    assert [len(values) for values in found] == [1] * len(names)
    return [int(values[0]) for values in found]


def check_sizes(tensors, latent_dim, noise_dim, height, width):
    assert tensors["decode", "input", "z"][1] == (1, latent_dim)
    assert tensors["from_noise", "input", "noise"][1] == (1, noise_dim)
    assert tensors["generate", "input", "seed"][1] == (1,)
    for signature in ("decode", "from_noise", "generate"):
        assert tensors[signature, "output", "images"][1] == (1, height, width, 1)


def test_both_pages_write_the_same_file():
    assert command("android") == command("ios")


def test_kotlin_names_types_and_sizes(written):
    file, tensors = written
    assert re.findall(r'FILE = "(.*)"', KOTLIN) == [file]
    assert f"assets/{file}" in KOTLIN
    assert f"assets/{file}" in PAGES["android"]
    buffers = re.findall(r'val (\w+) = model\.create(\w+)Buffer\("(\w+)", "(\w+)"\)', KOTLIN)
    opened = {name: (signature, side.lower(), key) for name, side, key, signature in buffers}
    assert set(opened.values()) == set(tensors)
    calls = re.findall(r"(\w+)\.((?:write|read)\w+)\(", KOTLIN)
    types = {opened[name]: KOTLIN_TYPES[method] for name, method in calls}
    assert types == {key: dtype for key, (dtype, _) in tensors.items()}
    runs = re.findall(
        r'run\(mapOf\("(\w+)" to (\w+)\), mapOf\("(\w+)" to (\w+)\), "(\w+)"\)', KOTLIN
    )
    assert len(runs) == KOTLIN.count("model.run(") == 3
    for key, name, out_key, out_name, signature in runs:
        assert opened[name] == (signature, "input", key)
        assert opened[out_name] == (signature, "output", out_key)
    check_sizes(tensors, *constants(KOTLIN, ["LATENT_DIM", "NOISE_DIM", "HEIGHT", "WIDTH"]))


def test_swift_names_types_and_sizes(written):
    file, tensors = written
    ((stem, suffix),) = re.findall(r'file = \(name: "(\w+)", type: "(\w+)"\)', SWIFT)
    assert f"{stem}.{suffix}" == file
    assert f"`{file}`" in PAGES["ios"]
    calls = re.findall(
        r'func \w+\(_ (\w+): (\S+)\)[^}]*run\("(\w+)", input: "(\w+)", \[?(\w+)', SWIFT
    )
    assert len(calls) == SWIFT.count('run("') == 3
    (output,) = re.findall(r'outputName\(outputIndex: 0, .* == "(\w+)"', SWIFT)
    (image,) = re.findall(r"func image\(_ pixels: (\S+)\)", SWIFT)
    found = {}
    for argument, kind, signature, key, passed in calls:
        assert passed == argument
        found[signature, "input", key] = SWIFT_TYPES[kind]
        found[signature, "output", output] = SWIFT_TYPES[image]
    assert found == {key: dtype for key, (dtype, _) in tensors.items()}
    check_sizes(tensors, *constants(SWIFT, ["latentDim", "noiseDim", "height", "width"]))


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_pages_say_what_was_not_tried(page):
    assert "Not built here" in PAGES[page].split("\n\n")[1]
    source = {"android": KOTLIN, "ios": SWIFT}[page]
    assert source.startswith("// Not built or run by this project's tests")


def test_the_size_of_the_picture_is_told(written):
    _, tensors = written
    _, (_, height, width, _) = tensors["decode", "output", "images"]
    _, (_, latent_dim) = tensors["decode", "input", "z"]
    for page in PAGES.values():
        assert re.findall(r"picture is (\d+)x(\d+)", page) == [(str(height), str(width))]
    assert f"{latent_dim} Float\n" in PAGES["ios"]
    assert f"{height} * {width} Float in [0, 1]" in PAGES["ios"]


def test_gradle_takes_the_version_that_was_run_on_aarch64():
    (version,) = re.findall(r'"com\.google\.ai\.edge\.litert:litert:([\d.]+)"', PAGES["android"])
    record = json.loads((ROOT / "aarch64.json").read_text(encoding="utf-8"))
    assert version in {entry["ai_edge_litert"] for entry in record.values()}
