"""Normal numbers from an integer seed, the same bits in every runtime.

A runtime is free to draw random numbers as it likes and to round a logarithm as it likes, but not
to add integers as it likes. So the draw is integer arithmetic that never leaves int32, up to one
exact multiplication at the end.
"""

import numpy as np
import tensorflow as tf

PRIME = 46_337  # the largest whose square fits into int32, and 2 modulo 3: cubing is a permutation
ROUNDS = 4  # before and after the high part of the seed comes in
LEVELS = 1024  # entries of the quantile table
UNIT = 4096  # steps of the table in one standard deviation


def normal(seed, count):
    """Draws standard normal numbers.

    Number i of a seed is the sum of two entries of a table of normal quantiles. Which ones is told
    by a keyed permutation of the seed, rounds of "add a key, cube" modulo a prime as in MiMC
    (Albrecht et al., eprint 2016/492), a key for each i: no state, all numbers at once.

    Args:
        seed: (B,) int32, any value.
        count: numbers for each seed.

    Returns:
        (B, count) float32, multiples of 1/4096 in [-4.7, 4.7].
    """
    from scipy.stats import norm  # not worth its import where nothing is exported

    quantiles = norm.ppf((np.arange(LEVELS) + 0.5) / LEVELS)
    quantiles /= np.sqrt(2 * np.mean(quantiles**2))  # two of them have variance 1
    table = tf.constant(np.round(quantiles * UNIT).astype("int32"))
    keys = np.random.default_rng(2016_492).integers(0, PRIME, (count, 2, 2 * ROUNDS), "int32")
    keys = keys.transpose(2, 1, 0).reshape(2 * ROUNDS, 2 * count)  # number i has its own for ever
    seed = seed[:, None]
    state = tf.math.floormod(seed, PRIME)
    high = tf.math.floormod(tf.math.floordiv(seed, PRIME), PRIME)
    for number, key in enumerate(keys):
        if number == ROUNDS:
            state = state + high
        state = tf.math.floormod(state + key[None], PRIME)
        square = tf.math.floormod(state * state, PRIME)
        state = tf.math.floormod(square * state, PRIME)
    steps = tf.gather(table, tf.math.floordiv(state * LEVELS, PRIME))
    return tf.cast(steps[:, :count] + steps[:, count:], tf.float32) * (1.0 / UNIT)
