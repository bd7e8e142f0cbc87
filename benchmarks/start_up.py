"""How long a user waits for the first thing: imports, the command, an entry, an image of a file."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.side_by_side import ROOT

COMMAND = [sys.executable, "-m", "keras_vae.cli"]
LOAD = """
import keras_vae, time
start = time.perf_counter()
keras_vae.zoo.load("conv_vae_mnist")
print(time.perf_counter() - start)
"""
FIRST_IMAGE = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
(inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
interpreter.set_tensor(inputs["index"], np.zeros(inputs["shape"], "float32"))
interpreter.invoke()
assert np.isfinite(interpreter.get_tensor(outputs["index"])).all()
"""


def start_up(rounds, tell):
    """Seconds, the median of `rounds` fresh processes of each, in turn.

    Returns:
        dict: "import tensorflow", "import keras_vae", "zoo.load, after it", "keras-vae list",
        "keras-vae --help", "python", "first image of a .tflite, LiteRT alone".
    """
    tell("start-up")
    python = [sys.executable, "-c"]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "decoder.tflite")
        _run([*COMMAND, "export", "conv_vae_mnist", "--output", path])
        programs = {
            "python": [*python, "pass"],
            "import tensorflow": [*python, "import tensorflow"],
            "import keras_vae": [*python, "import keras_vae"],
            "keras-vae list": [*COMMAND, "list"],
            "keras-vae --help": [*COMMAND, "--help"],
            "first image of a .tflite, LiteRT alone": [*python, FIRST_IMAGE, path],
        }
        taken = {name: [] for name in programs} | {"zoo.load, after it": []}
        for _ in range(rounds + 1):
            for name, program in programs.items():
                start = time.perf_counter()
                _run(program)
                taken[name].append(time.perf_counter() - start)
            taken["zoo.load, after it"].append(float(_run([*python, LOAD]).split()[-1]))
    found = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    for name, seconds in found.items():
        tell(f"  {name}: {seconds:.2f} s")
    return found


def _run(program):
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program[:3]} failed:\n{done.stderr[-2000:]}")
    return done.stdout
