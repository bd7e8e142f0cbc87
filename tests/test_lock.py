"""One training at a time into a folder, in real processes."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from keras_vae import lock

HOLD = """
import importlib.util as u, sys, time
s = u.spec_from_file_location("lock", sys.argv[1]); lock = u.module_from_spec(s)
s.loader.exec_module(lock)
with lock.held(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_told_who_holds_it_and_a_dead_one_holds_nothing(tmp_path):
    folder = tmp_path / "entry"
    command = [sys.executable, "-c", HOLD, lock.__file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        told = rf"process {holder.pid} on {socket.gethostname()} is writing '.*entry'"
        with pytest.raises(BlockingIOError, match=told), lock.held(folder):
            pass
        holder.send_signal(signal.SIGKILL)
    with lock.held(folder):
        assert os.listdir(tmp_path) == [".entry.lock"]
    assert os.listdir(tmp_path) == []


def test_an_error_gives_it_back(tmp_path):
    with pytest.raises(KeyError), lock.held(tmp_path / "entry"):
        raise KeyError
    with lock.held(tmp_path / "entry"):
        pass
