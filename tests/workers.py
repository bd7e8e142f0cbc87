"""Starts processes as the workers of a cluster on the loopback of this machine.

python tests/workers.py        # what each of them may run: `fit` and `evaluate` on arrays
"""

import json
import os
import socket
import subprocess
import sys

TIMEOUT = 180  # seconds


def start(count, *words, program=("-m", "keras_vae.cli")):
    """Processes of `keras-vae WORDS`, one for each worker; the first is the chief."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [
        subprocess.Popen(
            [sys.executable, *map(str, (*program, *words))],
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


def main():
    """Prints what an autoencoder tells of a training, and the sum of its weights."""
    from keras_vae import distribution

    strategy = distribution.strategy()
    import keras
    import numpy as np

    from keras_vae import data, models

    keras.utils.set_random_seed(3)
    with distribution.scope(strategy):
        model = models.dense_ae((8, 8, 1), 3, hidden_units=(16,))
        model.compile(keras.optimizers.SGD(1e-3))
    images = data.pixels(data.load("digits").train)[:301]  # the last batch is uneven
    told = model.fit(images, epochs=2, verbose=0, validation_split=0.2, shuffle=False).history
    numbers = model.evaluate(images, verbose=0)
    size = sum(float(np.abs(weight).sum()) for weight in model.get_weights())
    print(json.dumps([told, numbers, size]))


if __name__ == "__main__":
    main()
