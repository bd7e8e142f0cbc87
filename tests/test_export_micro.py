"""Files on a microcontroller: TensorFlow Lite Micro runs them here, gcc compiles their headers.

The files of the shelf go through it in test_export_zoo.py.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export_models import codes, pictures, small

from keras_vae import export, zoo
from keras_vae.export.flatbuffer.contents import with_note
from keras_vae.export.runtime import micro
from keras_vae.export.runtime.runtimes import open_file

pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 alone")

PROGRAMS = Path(__file__).resolve().parent.parent / "export" / "micro"
MICRO_ENTRIES = [name for name in zoo.names() if name.endswith("_micro")]
FLASH, ARENA = 64 << 10, 32 << 10
# What Micro does not run, and its reason in its own words.
REFUSED = {
    "float16": "dequantize_common.cc",  # stored as float16 and expanded while running
    "dynamic": "Input type: FLOAT32 with filter type: INT8 not supported",
}

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not here")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """A header of a small convolutional decoder in int8, and the file that it was made of."""
    folder = tmp_path_factory.mktemp("micro")
    model = small(image_shape=(12, 9, 1), spread=2.0)
    file = export.tflite(model, folder / "decoder.tflite", "int8")
    return export.c_array(file, folder / "decoder.h"), file.path.read_bytes()


@pytest.mark.parametrize("quantize", sorted(REFUSED))
@pytest.mark.parametrize(
    "builder", [pytest.param("conv_vae", marks=pytest.mark.shelf), "dense_vae"]
)
def test_what_micro_refuses_is_refused_with_its_words(builder, quantize, tmp_path):
    model = small(builder, image_shape=(28, 28, 1))  # of smaller weights dynamic leaves floats
    artefact = export.tflite(model, tmp_path / "d.tflite", quantize)
    with pytest.raises(ValueError, match=REFUSED[quantize]):
        open_file(artefact.path.read_bytes(), "micro")
    with pytest.raises(ValueError, match=REFUSED[quantize]):
        export.c_array(artefact, tmp_path / "d.h")
    assert not (tmp_path / "d.h").exists()


def test_bytes_as_output_are_refused(tmp_path):
    artefact = export.tflite(small("dense_vae"), tmp_path / "d.tflite", output="uint8")
    said = r"does not run .*Cast|CAST"
    with pytest.raises(ValueError, match=said):
        open_file(artefact.path.read_bytes(), "micro")("decode", z=codes(1))
    with pytest.raises(ValueError, match=said):
        export.c_array(artefact, tmp_path / "d.h")


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("interpolate", {"start": codes(2)[:1], "end": codes(2)[1:], "position": [[0.3]]}),
        ("reconstruct", {"images": pictures(1)}),
    ],
)
def test_other_signatures_in_files_of_their_own(signature, inputs, tmp_path):
    path = export.tflite(small(), tmp_path / "d.tflite", signatures=(signature,)).path
    inputs = {name: np.asarray(value, "float32") for name, value in inputs.items()}
    found, expected = (
        open_file(path.read_bytes(), runtime)(signature, **inputs)["images"]
        for runtime in ("micro", "interpreter")
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_arena_is_the_smallest_that_runs(decoder):
    header, content = decoder
    assert header.arena_bytes % 16 == 0
    z = codes(1)
    found = micro.TFLiteMicro(content, header.arena_bytes)("decode", z=z)["images"]
    np.testing.assert_array_equal(found, open_file(content, "micro")("decode", z=z)["images"])
    # Too small an arena may end the process: another one tries it.
    program = (
        "import sys; from tflite_micro import runtime; "
        "runtime.Interpreter.from_bytes(sys.stdin.buffer.read(), arena_size=int(sys.argv[1]))"
    )
    for size, works in ((header.arena_bytes, True), (header.arena_bytes - 16, False)):
        done = subprocess.run(
            [sys.executable, "-c", program, str(size)], input=content, capture_output=True
        )
        assert (done.returncode == 0) == works


def test_constants_start_where_every_processor_can_read_them(decoder):
    from ai_edge_litert.tools import flatbuffer_utils

    micro.check(decoder[1])
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(decoder[1]))
    packed = bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))  # wherever they fall
    with pytest.raises(ValueError, match=r"multiple of 16 bytes.*Export it again"):
        micro.check(packed)
    micro.check(with_note(packed, {"output": "pixels"}))


@pytest.fixture(scope="module")
def program(decoder):
    """export/micro/main.c, compiled with the header."""
    folder = decoder[0].path.parent
    compile_c("gcc", "-std=c11", f"-I{folder}", PROGRAMS / "main.c", "-o", folder / "digit")
    return folder / "digit"


def compile_c(*words):
    strict = ("-Wall", "-Wextra", "-Werror", "-pedantic")
    command = [str(word) for word in (words[0], *strict, *words[1:])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run_host():
    spec = importlib.util.spec_from_file_location("run_host", PROGRAMS / "run_host.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_gcc
def test_the_compiled_program_carries_the_model(decoder, program):
    header, content = decoder
    ask = run_host().ask
    assert ask(program, "model") == content
    assert header.flash_bytes == len(content)
    told = dict(line.split() for line in ask(program, "info").decode().splitlines())
    assert told == {
        "bytes": str(len(content)),
        "arena_bytes": str(header.arena_bytes),
        "latents": "3",
    }


@needs_gcc
def test_the_program_prints_the_image(decoder, program, capsys):
    assert run_host().main([str(program), "--seed", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    z = np.random.default_rng(3).standard_normal((1, 3)).astype("float32")
    pixels = open_file(decoder[1], "micro")("decode", z=z)["images"][0, ..., 0]
    shades = np.array(list(" .:-=+*#%@"))[(pixels * 9 + 0.5).astype(int)]
    assert printed == ["".join(np.repeat(row, 2)) for row in shades]
    assert len(set("".join(printed))) > 2  # an image, not a blank


@needs_gcc
def test_the_program_says_what_is_wrong(program, tmp_path, capsys):
    short = subprocess.run([program, "draw"], input=b"1234", capture_output=True, check=False)
    assert short.returncode == 1
    assert b"fewer than 108 pixels" in short.stderr
    assert subprocess.run([program], capture_output=True, check=False).returncode == 2
    assert run_host().main([str(tmp_path / "missing")]) == 1
    assert "run_host.py: error" in capsys.readouterr().err


@needs_gcc
def test_the_header_says_what_the_file_is(tmp_path):
    file = export.tflite(small("dense_vae"), tmp_path / "d.tflite", "int8")
    header = export.c_array(file, tmp_path / "net.h", name="my_net")
    assert header.ops == file.ops
    source = tmp_path / "facts.cc"
    calls = ("FullyConnected", "Logistic", "Reshape", "Dequantize", "Quantize",  # and of the code:
             "Concatenation", "Div", "Mul", "Round", "Sub")  # fmt: skip
    methods = "".join(f"  int Add{call}() {{ return calls++, kTfLiteOk; }}\n" for call in calls)
    source.write_text(
        """
#include <cstdio>
#include <type_traits>
#include "net.h"
enum { kTfLiteOk };
struct Resolver {
METHODS  int calls = 0;
};
static_assert(std::is_same<MY_NET_INPUT_0_TYPE, float>::value, "");
static_assert(std::is_same<MY_NET_OUTPUT_0_TYPE, float>::value, "");
static_assert(alignof(decltype(my_net)) > 0 && sizeof my_net == MY_NET_BYTES, "");
int main() {
  int in[] = MY_NET_INPUT_0_SHAPE, out[] = MY_NET_OUTPUT_0_SHAPE;
  Resolver resolver;
  if (!MY_NET_ADD_OPERATORS(resolver) || resolver.calls != MY_NET_OPERATOR_COUNT) return 1;
  if (reinterpret_cast<uintptr_t>(my_net) % 16) return 2;
  std::printf("%d %s %d %d %s %d %d %d %d %d", MY_NET_INPUT_COUNT, MY_NET_INPUT_0_NAME, in[1],
              MY_NET_OUTPUT_COUNT, MY_NET_OUTPUT_0_NAME, out[1], out[2], out[3],
              MY_NET_OUTPUT_0_ELEMENTS, MY_NET_OUTPUT_0_SCALE == 0.0f);
}
""".replace("METHODS", methods)
    )
    compile_c("g++", "-std=c++17", source, "-o", tmp_path / "facts")
    said = subprocess.run([tmp_path / "facts"], capture_output=True, text=True, check=True).stdout
    assert said == "1 z 3 1 images 10 7 2 140 1"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.shelf) for name in MICRO_ENTRIES],
)
def test_the_micro_entries_fit(name, tmp_path):
    model, (_, images) = zoo.load(name), zoo.golden(name)
    file = export.tflite(model, tmp_path / "d.tflite", "int8", calibration_images=images)
    header = export.c_array(file, tmp_path / "decoder.h")
    assert header.flash_bytes <= FLASH
    assert header.arena_bytes <= ARENA
    nll = zoo.info(name)["numbers"]["nll_nats"]
    page = (PROGRAMS / "README.md").read_text(encoding="utf-8")
    told = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
    numbers = [float(cell.replace(",", "")) for cell in told.split("|")[2:5]]
    assert numbers == pytest.approx([nll, header.flash_bytes, header.arena_bytes], rel=0.02)


def test_errors_name_the_remedy(tmp_path):
    path = export.tflite(small("dense_vae"), tmp_path / "d.tflite").path
    both_ways = export.tflite(
        small("dense_vae"), tmp_path / "two.tflite", signatures=("decode", "encode")
    )
    cases = [
        (both_ways, "d.h", {}, ValueError, r"'decode', 'encode'\].*Export each"),
        (path, "d.c", {}, ValueError, "must end in .h"),
        (path, "no/d.h", {}, FileNotFoundError, "does not exist"),
        (tmp_path / "none.tflite", "d.h", {}, FileNotFoundError, "No .tflite file at"),
        (path, "1st.h", {}, ValueError, "'1st' is no name"),
        (path, "d.h", {"name": "switch"}, ValueError, "'switch' is no name"),
    ]
    for source, target, named, error, said in cases:
        with pytest.raises(error, match=said):
            export.c_array(source, tmp_path / target, **named)
    (tmp_path / "text.tflite").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match=r"is not a \.tflite file"):
        export.c_array(tmp_path / "text.tflite", tmp_path / "d.h")
    assert sorted(tmp_path.glob("*.h")) == []


def test_an_operator_that_micro_does_not_have(tmp_path):
    import keras

    from keras_vae import models

    code = keras.Input((3,))
    hidden = keras.layers.Dense(8, activation=keras.activations.gelu)(code)
    pixels = keras.layers.Reshape((10, 7, 2))(keras.layers.Dense(140)(hidden))
    model = models.VAE(small("dense_vae").encoder, keras.Model(code, pixels))
    path = export.tflite(model, tmp_path / "d.tflite").path
    with pytest.raises(ValueError, match=r"needs \['\w+'\], which TensorFlow Lite Micro does not"):
        export.c_array(path, tmp_path / "d.h")


def test_wrong_numbers_are_not_written(decoder, tmp_path, monkeypatch):
    path = tmp_path / "d.tflite"
    path.write_bytes(decoder[1])
    right = micro.TFLiteMicro.__call__
    wrong = lambda *args, **inputs: {k: 0 * v for k, v in right(*args, **inputs).items()}
    monkeypatch.setattr(micro.TFLiteMicro, "__call__", wrong)
    with pytest.raises(ValueError, match="wrongly: 'images' is"):
        export.c_array(path, tmp_path / "d.h")
    assert not (tmp_path / "d.h").exists()


def test_without_the_package_the_remedy_is_said(decoder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(ImportError, match="pip install tflite-micro"):
        open_file(decoder[1], "micro")


@pytest.mark.skipif("TFLITE_MICRO_FLAGS" not in os.environ, reason="see export/micro/README.md")
def test_the_program_of_the_device_prints_the_same_image(decoder):
    """main.cc with TensorFlow Lite Micro's own C++, in just the arena of the header."""
    header, content = decoder
    folder, flags = header.path.parent, os.environ["TFLITE_MICRO_FLAGS"].split()
    command = ["g++", "-std=c++17", f"-I{folder}", PROGRAMS / "main.cc", *flags, "-o", "device"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = subprocess.run([folder / "device", "3"], capture_output=True, text=True, check=True)
    pixels = open_file(content, "micro")("decode", z=device_codes(3))["images"][0, ..., 0]
    shades = np.array(list(" .:-=+*#%@"))[(pixels * 9 + 0.5).astype(int)]
    expected = "\n".join("".join(np.repeat(row, 2)) for row in shades) + "\n"
    assert len(printed.stdout) == len(expected)
    same = np.mean([one == other for one, other in zip(printed.stdout, expected)])
    assert same > 0.98  # its cosine may be another one in the last bit


def device_codes(seed):
    """(1, LATENT_DIM) float32: the random numbers of main.cc."""
    numbers = []
    for _ in range(3):
        uniform = []
        for _ in range(2):
            seed = (seed * 1664525 + 1013904223) % 2**32
            uniform.append(((seed >> 8) + 1) / 2**24)
        numbers.append(np.sqrt(-2 * np.log(uniform[0])) * np.cos(2 * np.pi * uniform[1]))
    return np.array([numbers], "float32")
