"""Two replicas train as one does: tests/replicas.py, in a process with two logical devices."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.shelf
def test_two_replicas_train_as_one():
    program = Path(__file__).with_name("replicas.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "replicas: as one"
