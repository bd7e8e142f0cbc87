"""Damaged .tflite files: an error that names the file, or what the file says; never a crash.

LiteRT is C++: the files are opened in a process of their own, whose end by a signal fails the test.
"""

import concurrent.futures
import multiprocessing
import struct

import numpy as np
import pytest
from export_models import codes, pictures, small
from test_fuzz import damaged

from keras_vae import export
from keras_vae.export.flatbuffer.broken import named
from keras_vae.export.runtime.runtimes import RUNTIMES, open_file

KINDS = [("conv_vae", None), ("dense_vae", "weights"), ("dense_ae", "int8")]
ROUNDS = 40  # of each file


def verified(path, model):
    return export.verify(path, model, codes())


def as_header(path, model):
    return export.c_array(path, path.with_suffix(".h"))


def run_by(runtime):
    return lambda path, model: open_file(path.read_bytes(), runtime, str(path))(
        "decode", z=codes(1)
    )


USES = {"verify": verified, "c_array": as_header, **{r: run_by(r) for r in RUNTIMES}}


def outcomes(use, path, model, rounds):
    """What is said of damaged copies of a file; None of those that can be used."""
    whole, said = path.read_bytes(), []
    random = np.random.default_rng(len(whole))
    for content in [b"", b"TFL3", random.bytes(1000), *(damaged(whole, random) for _ in rounds)]:
        path.write_bytes(content)
        try:
            USES[use](path, model)
            said.append(None)
        except ValueError as error:
            said.append(str(error))
    path.write_bytes(whole)
    return said


def of_kinds(use, folder, kinds, rounds):
    """(Whole file's name, outcomes) of each kind of file; run in a process of its own."""
    found = []
    for builder, quantize in kinds:
        model, path = small(builder), folder / f"{builder}_{quantize}.tflite"
        export.tflite(model, path, quantize, calibration_images=pictures(64))
        found.append((str(path), outcomes(use, path, model, range(rounds))))
    return found


def in_another_process(function, *arguments):
    """The result of a function; BrokenProcessPool where it ends its process."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(function, *arguments).result(timeout=300)


@pytest.mark.parametrize(
    ("use", "kinds", "rounds"),
    [
        ("verify", KINDS, ROUNDS),
        *(pytest.param(use, KINDS[::2], ROUNDS, marks=pytest.mark.shelf) for use in RUNTIMES),
        # each needs some processes of its own
        pytest.param("c_array", KINDS[2:], ROUNDS // 4, marks=pytest.mark.shelf),
    ],
)
def test_damaged_files(use, kinds, rounds, tmp_path):
    for path, said in in_another_process(of_kinds, use, tmp_path, kinds, rounds):
        refused = [text for text in said if text is not None]
        assert all(path in text for text in refused)
        assert None not in said[:3]
        assert rounds / 3 < len(refused) < len(said), "too much or too little is damaged to tell"


@pytest.mark.parametrize("error", [RuntimeError("no"), struct.error("4"), KeyError("x")])
def test_errors_of_others_name_the_file(error):
    with pytest.raises(ValueError, match=r"^d\.tflite is broken; export it again\. \(.*\)$"):
        with named("d.tflite"):
            raise error
    with pytest.raises(ValueError, match=r"^d\.tflite is odd$"), named("d.tflite"):
        raise ValueError("d.tflite is odd")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_wrong_with_a_file_or_a_call_is_said_with_its_name(runtime, tmp_path):
    path = tmp_path / "d.tflite"
    export.tflite(small("dense_vae"), path)
    whole = path.read_bytes()
    for content in (b"", b"garbage garbage", whole[:500], whole[:-100]):
        with pytest.raises(ValueError, match=r"^d\.tflite is (not a \.tflite file|broken)"):
            open_file(content, runtime, "d.tflite")
    file = open_file(whole, runtime, "d.tflite")
    with pytest.raises(ValueError, match=r"signature of d\.tflite: 'decod'\. Did you mean 'decode"):
        file("decod", z=codes(1))
