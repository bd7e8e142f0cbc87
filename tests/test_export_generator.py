"""Normal numbers from integers: normal, without a visible pattern, and what they are for ever."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_vae.export.graph.generator import LEVELS, PRIME, ROUNDS, UNIT, normal


@pytest.fixture(scope="module")
def draws():
    """40,000 consecutive seeds of 8 numbers."""
    return normal(tf.range(40_000), 8).numpy()


def test_moments(draws):
    for numbers in (draws.ravel(), *draws.T):
        error = 1 / np.sqrt(len(numbers))
        assert abs(numbers.mean()) < 4 * error
        assert abs(numbers.var() - 1) < 4 * error * np.sqrt(2)
        assert abs(scipy.stats.skew(numbers)) < 4 * error * np.sqrt(6)
        assert abs(scipy.stats.kurtosis(numbers)) < 4 * error * np.sqrt(24) + 0.02


def test_kolmogorov_smirnov(draws):
    for numbers in draws.T:
        assert scipy.stats.kstest(numbers, "norm").pvalue > 1e-3
    # Of a seed, too: the many numbers that one image needs.
    wide = normal(tf.constant([12345]), 20_000).numpy()[0]
    assert scipy.stats.kstest(wide, "norm").pvalue > 1e-3


def test_neighbours_are_independent(draws):
    """Seeds that follow each other, and the numbers of one seed."""
    limit = 4 / np.sqrt(len(draws))
    for lag in (1, 2, 3, 10, 256, 1000, 4096):
        assert abs(np.corrcoef(draws[lag:, 0], draws[:-lag, 0])[0, 1]) < limit
    between = np.corrcoef(draws.T) - np.eye(8)
    assert np.abs(between).max() < limit
    squares = np.corrcoef(draws.T**2) - np.eye(8)
    assert np.abs(squares).max() < limit
    pairs, *_ = np.histogram2d(*scipy.stats.norm.cdf(draws[:, :2].T), bins=16)
    assert scipy.stats.chisquare(pairs.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("step", [1, 7, PRIME])
def test_no_visible_period(step):
    """A period is a line in the spectrum; seeds may also be taken in steps."""
    numbers = normal(tf.range(1 << 15) * step, 1).numpy()[:, 0]
    power = np.abs(np.fft.rfft(numbers)[1:-1]) ** 2 / len(numbers)
    assert power.max() < np.log(len(power)) + 7  # exponential: above that one time in a thousand
    assert scipy.stats.kstest(power, "expon").pvalue > 1e-3
    assert len(np.unique(normal(tf.range(1 << 15) * step, 4).numpy(), axis=0)) == 1 << 15


def reference(seed, count):
    """The same by Python's integers, which have no overflow."""
    quantiles = scipy.stats.norm.ppf((np.arange(LEVELS) + 0.5) / LEVELS)
    quantiles /= np.sqrt(2 * np.mean(quantiles**2))
    table = np.round(quantiles * UNIT).astype(int).tolist()
    keys = np.random.default_rng(2016_492).integers(0, PRIME, (count, 2, 2 * ROUNDS), "int32")

    def entry(key_schedule):
        state, high = seed % PRIME, seed // PRIME % PRIME
        for number, key in enumerate(key_schedule):
            state = ((state + (high if number == ROUNDS else 0)) % PRIME + key) ** 3 % PRIME
        return table[state * LEVELS // PRIME]

    return [(entry(first) + entry(second)) / UNIT for first, second in keys.tolist()]


SEEDS = (0, 1, 46_336, 46_337, 2**31 - 1, -1, -(2**31))


def test_no_seed_overflows():
    drawn = normal(tf.constant(SEEDS, tf.int32), 6).numpy()
    np.testing.assert_array_equal(drawn, [reference(seed, 6) for seed in SEEDS])


def test_more_numbers_begin_with_the_same():
    seeds = tf.constant(SEEDS, tf.int32)
    np.testing.assert_array_equal(normal(seeds, 40)[:, :5], normal(seeds, 5))


def test_these_numbers_are_for_ever():
    """A device in the field has them: a change of the generator is a break."""
    steps = normal(tf.constant([7]), 4).numpy()[0] * UNIT
    assert steps.tolist() == [-3904, 2756, -4373, 4448]
