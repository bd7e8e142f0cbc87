"""Starts `keras-vae` as the workers of a cluster on the loopback of this machine."""

import json
import os
import socket
import subprocess
import sys

TIMEOUT = 180  # seconds


def start(count, *words):
    """Processes of `keras-vae WORDS`, one for each worker; the first is the chief."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [
        subprocess.Popen(
            [sys.executable, "-m", "keras_vae.cli", *map(str, words)],
            env={**os.environ, "TF_CONFIG": _cluster(hosts, index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def _cluster(hosts, index):
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": hosts}, "task": task})


def ended(processes):
    """(exit status, stdout, stderr) of each process, once all have come to an end."""
    try:
        told = [process.communicate(timeout=TIMEOUT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, told)]
