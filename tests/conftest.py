"""Fixtures that several test files share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest

from keras_vae import data


@pytest.fixture(autouse=True)
def _same_random_numbers():
    keras.utils.set_random_seed(7)


@pytest.fixture(scope="session")
def digits():
    """The embedded data set: real 8x8 digits, 1,297 / 200 / 300."""
    return data.load("digits")


@pytest.fixture(scope="session")
def grey(digits):
    """(64, 8, 8, 1) float32 grey digits in [0, 1]."""
    return data.pixels(digits.train)[:64]


@pytest.fixture(scope="session")
def binary(digits):
    """(64, 8, 8, 1) float32 digits of 0 and 1."""
    return data.pixels(digits.train, binarize="dynamic")[:64]


@pytest.fixture
def set_policy():
    """Sets the global dtype policy, and takes it back after the test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)
