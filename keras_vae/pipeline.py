"""The one tf.data pipeline: arrays in memory to batches, for `data.batches` and for `fit`."""

import math

import tensorflow as tf

DEFAULT_BATCH_SIZE = 32  # Keras's


def batches(arrays, batch_size, *, shuffle=False, seed=None, finish=None, epoch=None):
    """A dataset of batches of arrays.

    Whole batches are gathered from memory: to move images one by one takes many times as long.

    Args:
        arrays: tuple of one or more arrays of N rows each, or of None, which is left out.
        batch_size: rows in a batch; the last one may be smaller.
        shuffle: True for a new order each epoch; "batch" keeps the rows in their batch and shuffles
            them there, as Keras does.
        seed: of the order; None takes it from `keras.utils.set_random_seed`.
        finish: function (batch, (2,) int64 key) -> batch, or None. Each batch of each epoch gets a
            key of its own.
        epoch: integer tf.Variable, read when a pass begins: order and keys follow from it and the
            seed alone, so that a training can go on where it stopped. None: each pass is another.

    Returns:
        tf.data.Dataset of one tensor, or of a tuple of them.
    """
    with tf.device("CPU:0"):  # where the batches are gathered, whatever the model runs on
        tensors = tuple(tf.convert_to_tensor(array) for array in arrays if array is not None)
    count = len(tensors[0])

    def gather(indices, key=None):
        parts = tuple(tf.gather(tensor, indices) for tensor in tensors)
        parts = parts if len(parts) > 1 else parts[0]
        return parts if key is None else finish(parts, key)

    if epoch is not None:
        order = _order_of(epoch, count, batch_size, seed)
    else:
        order = tf.data.Dataset.range(count)
        if shuffle is True:
            order = order.shuffle(count, seed=seed, reshuffle_each_iteration=True)
        order = order.batch(batch_size)
        if shuffle == "batch":
            order = order.map(lambda indices: tf.random.shuffle(indices, seed=seed))
        if finish is not None:
            keys = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
            order = tf.data.Dataset.zip(order, keys)
    dataset = order.map(gather, num_parallel_calls=2, deterministic=True).prefetch(4)
    options = tf.data.Options()
    options.autotune.enabled = False  # nothing is left to tune, and its thread ends epochs late
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def _order_of(epoch, count, batch_size, seed):
    """A dataset of (indices of a batch, its (2,) int64 key), shuffled as the epoch says."""

    def batches_of(number):
        key = tf.stack([tf.constant(seed, tf.int64), number])
        drawn = tf.random.stateless_uniform((count,), key, None, None, tf.int64)
        order = tf.argsort(drawn, stable=True)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        within = tf.random.experimental.stateless_fold_in
        return batches.enumerate().map(lambda i, indices: (indices, within(key, i + 1)))

    start = tf.data.Dataset.from_tensors(0).map(lambda _: tf.cast(epoch, tf.int64))
    order = start.flat_map(batches_of)
    return order.apply(tf.data.experimental.assert_cardinality(-(-count // batch_size)))


def of_arrays(
    x, y=None, sample_weight=None, *, batch_size=None, steps=None, shuffle=False, seed=None
):
    """The batches that Keras would make of the arguments of `fit`, `evaluate` or `predict`.

    Args:
        x: (N, ...) array.
        y: (N, ...) array, or None.
        sample_weight: (N,) array, or None.
        batch_size: rows in a batch; None: 32, or what gives `steps` batches.
        steps: batches in an epoch, or None.
        shuffle, seed: see `batches`.

    Returns:
        tf.data.Dataset of x, (x, y) or (x, y, sample_weight).
    """
    if not batch_size:
        batch_size = math.ceil(len(x) / steps) if steps else DEFAULT_BATCH_SIZE
    if y is None and sample_weight is not None:
        y = x  # Keras drops the weights of data without a target
    return batches((x, y, sample_weight), batch_size, shuffle=shuffle, seed=seed)


def split(arrays, validation_split):
    """Arrays, or None, cut in two: the last part is for validation, as Keras cuts them.

    Raises:
        ValueError: one of the parts would be empty.
    """
    count = len(arrays[0])
    first = math.floor(count * (1.0 - validation_split))
    if not 0 < first < count:
        raise ValueError(
            f"validation_split={validation_split} leaves {first} of {count} images for training "
            f"and {count - first} for validation; both need at least one. Pass a fraction in "
            "(0, 1), or more images."
        )
    return tuple(
        [None if array is None else array[part] for array in arrays]
        for part in (slice(first), slice(first, None))
    )
