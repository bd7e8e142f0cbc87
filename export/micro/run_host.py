"""Draws a digit with the model inside a compiled main.c. Needs numpy and tflite-micro, no more.

    python export/micro/run_host.py ./digit --seed 7

The bytes come out of the program, TensorFlow Lite Micro runs them in an arena of just the size
that decoder.h names, and the program prints the pixels. Exit status: 0 done, 1 failed, 2 wrong
arguments.
"""

import argparse
import subprocess
import sys

import numpy as np


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", help="main.c, compiled with decoder.h")
    parser.add_argument("--seed", type=int, default=0, help="of the code (0)")
    options = parser.parse_args(arguments)
    try:
        print(draw(options.program, options.seed), end="")
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"run_host.py: error: {error}", file=sys.stderr)
        return 1
    return 0


def draw(program, seed):
    """The image of one code, as the program prints it."""
    told = dict(line.split() for line in ask(program, "info").decode().splitlines())
    z = np.random.default_rng(abs(seed)).standard_normal((1, int(told["latents"])))
    pixels = decode(ask(program, "model"), int(told["arena_bytes"]), z.astype("float32"))
    return ask(program, "draw", pixels.tobytes()).decode()


def decode(model, arena_bytes, z):
    """(1, D) float32 -> (1, H, W, C), by TensorFlow Lite Micro in an arena of this size."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
    interpreter.set_input(z, 0)
    interpreter.invoke()
    return interpreter.get_output(0)


def ask(program, word, stdin=b""):
    return subprocess.run([program, word], input=stdin, stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
