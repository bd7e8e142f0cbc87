"""Where a training runs: in one process, on several devices, or on several machines."""

import contextlib
import json
import os

import tensorflow as tf

from keras_vae.choice import whole

LOST = (  # what TensorFlow raises where a worker is gone, whichever part of it notices first
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


def strategy(devices=None):
    """The tf.distribute.Strategy of this process.

    To be called before TensorFlow does anything else: devices and the connections between machines
    are made at its start.

    Args:
        devices: of this machine, GPUs where there are so many, else as many parts of its
            processors; None where TF_CONFIG describes a cluster, or for one device.

    Returns:
        MultiWorkerMirroredStrategy where the environment variable TF_CONFIG describes a cluster of
        several workers, MirroredStrategy of `devices`, or None.

    Raises:
        ValueError: `devices` below 1 or beside a cluster, or TF_CONFIG is no JSON of a cluster.
        RuntimeError: TensorFlow has begun already.
    """
    workers = _workers()
    devices = None if devices is None else whole("devices", devices)
    if workers > 1:
        if devices is not None:
            raise ValueError(
                f"TF_CONFIG describes {workers} workers, each of which uses all of its devices: "
                f"leave devices={devices} out, or unset TF_CONFIG."
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if devices in (None, 1):
        return None
    if len(tf.config.list_physical_devices("GPU")) >= devices:
        return tf.distribute.MirroredStrategy([f"GPU:{k}" for k in range(devices)])
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * devices
    )
    return tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(devices)])


def _workers():
    """Processes that TF_CONFIG describes, 0 without it."""
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return 0
    try:
        cluster = json.loads(text).get("cluster", {})
        return sum(len(hosts) for job, hosts in cluster.items() if job in ("chief", "worker"))
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"TF_CONFIG is no description of a cluster ({error}); it is JSON such as "
            '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
            '"task": {"type": "worker", "index": 0}}.'
        ) from error


def scope(strategy):
    """The scope in which variables of a strategy are made; of None a scope that does nothing."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def is_chief(strategy):
    """Whether this process writes files and shows progress: the chief, else worker 0."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.cluster_spec().jobs:
        return True
    kind, number = resolver.task_type, resolver.task_id
    return kind == "chief" or (
        kind == "worker" and number == 0 and "chief" not in resolver.cluster_spec().jobs
    )


def check_same(strategy, value, message):
    """Raises ValueError with a message where a number is not the same in all processes."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    number = lambda: tf.constant(float(value))
    sums = [
        float(strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(part), axis=None))
        for part in (number, lambda: tf.square(number()))
    ]
    mean, square = (total / strategy.num_replicas_in_sync for total in sums)
    if abs(mean - value) > 1e-6 or abs(square - value**2) > 1e-6:
        raise ValueError(message)


@contextlib.contextmanager
def lost_workers_are_told(strategy):
    """Turns what TensorFlow says where a worker is gone into one sentence.

    Raises:
        ConnectionError: a worker of the cluster was lost.
    """
    try:
        yield
    except LOST as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        first = str(error.message).splitlines()[0][:300]
        raise ConnectionError(
            "A worker of the cluster was lost, and the others stop. The same command on all "
            f"workers goes on from the last checkpoint. TensorFlow says: {first}"
        ) from error
