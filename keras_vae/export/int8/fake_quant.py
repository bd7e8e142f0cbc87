"""What an int8 file computes, in a float graph: its roundings, and the ranges they round over.

The arithmetic is that of Jacob et al., arXiv 1712.05877.
"""

import keras
import numpy as np
import tensorflow as tf

from keras_vae.distributions import tfd
from keras_vae.export.graph.rewrite import PART, rewritten
from keras_vae.export.int8.marking import Marking

LEVELS = 255  # steps between the 256 values of 8 bits
SHRINK = 0.75 ** np.arange(14)  # the parts of a minimum and a maximum that are tried
POSITIONS = 30_000  # of a tensor that decide on its range
DIVERGENCE_ROWS = 256  # outputs that decide on the last range
ROWS = 128  # inputs of a network at a time


class FakeQuant(keras.layers.Layer):
    """Rounds to 256 levels of [low, high]; (...) float32 -> the same shape.

    The gradient passes within the range and is 0 beyond. Without a range the layer changes
    nothing, and remembers in `seen` what it was given.

    Args:
        fixed: (low, high) where the kernel knows no other range, or None.
    """

    low = high = seen = None

    def __init__(self, fixed=None):
        super().__init__()
        self.fixed = fixed

    def call(self, x):
        if self.low is None:
            self.seen = x
            return x
        return self.rounded(x)

    def rounded(self, x):
        return tf.quantization.fake_quant_with_min_max_vars(x, self.low, self.high)


class TwoParts(FakeQuant):
    """Codes in two parts: rounded to integers, and PART times the rest, rounded on the same scale.

    (B, D) float32 -> (B, 2 D). A `rewrite.FirstDense` adds both parts up again. In 8 bits alone a
    code costs hundredths of a nat; a second row for each latent is little.
    """

    def call(self, z):
        if self.low is None:
            return tf.concat([super().call(z), tf.zeros_like(z)], axis=-1)
        # Rounded in float32: where z comes of integers, the converter would subtract integers.
        step = (self.high - self.low) / LEVELS
        first = step * tf.round(z / step)
        return tf.concat([self.rounded(first), self.rounded(PART * (z - first))], axis=-1)


def marked(network):
    """A copy of a network that rounds where an int8 kernel reads or writes.

    Args:
        network: functional keras.Model with one input.

    Returns:
        the copy and its marks (FakeQuant, TwoParts) in the order of the computation, no ranges yet.
    """
    found = []

    def mark(fixed=None, two_parts=False):
        found.append(TwoParts() if two_parts else FakeQuant(fixed))
        return found[-1]

    return rewritten(network, lambda *where: Marking(*where, mark)), found


def calibrate(network, marks, inputs, distribution=None):
    """Gives each mark its range.

    With `distribution`, the range of a tensor t is the one over which rounding loses the least
    likelihood. To second order, an error e of t costs sum (dlog p / dt)^2 e^2 / 2, the expectation
    being over samples of p itself: the diagonal of the Fisher information. So what does not matter
    is clipped. At the output itself the divergence is computed and not approximated, for there the
    errors of clipping are large (a logit of -100 may become -15, not -5). Without `distribution`,
    the range is the minimum and the maximum.

    Args:
        network, marks: of `marked`.
        inputs: (N, ...) float32 for the network.
        distribution: function, output of the network -> tfd.Distribution of batch shape (B,), or
            None.
    """
    values, weights, outputs = [[] for _ in marks], [[] for _ in marks], []
    for start in range(0, len(inputs), ROWS):
        batch = tf.constant(inputs[start : start + ROWS])
        with tf.GradientTape() as tape:
            tape.watch(batch)
            output = network(batch, training=False)
            if distribution is not None:
                described = distribution(output)
                sample = tf.stop_gradient(described.sample(seed=tf.constant([start, 4])))
                score = tf.reduce_sum(described.log_prob(sample))
        seen = [mark.seen for mark in marks]
        outputs.append(np.asarray(output))
        for rows, tensor in zip(values, seen):
            rows.append(np.asarray(tensor))
        if distribution is not None:
            slopes = tape.gradient(score, seen, unconnected_gradients="zero")
            for rows, slope in zip(weights, slopes):
                rows.append(np.square(np.asarray(slope)))
    # The last mark is the output's, in another order or a part of it, unless float32 layers follow.
    is_output = np.isin(outputs[0][:1], values[-1][0][:1]).all()
    for mark, rows, squares in zip(marks, values, weights):
        t = np.concatenate(rows)
        ends = min(t.min(), 0.0), max(t.max(), 0.0, t.min() + 1e-6)
        if mark.fixed is not None:
            ends = mark.fixed
        elif distribution is not None and mark is marks[-1] and is_output:
            ends = _narrowed(ends, _divergence(np.concatenate(outputs), distribution))
        elif distribution is not None and not isinstance(mark, TwoParts):  # those are fine enough
            ends = _narrowed(ends, _weighted_error(t.ravel(), np.concatenate(squares).ravel()))
        mark.low, mark.high, mark.seen = float(ends[0]), float(ends[1]), None


def round_kernel(kernel, axis=-1):
    """Rounds weights as the converter does: to 255 levels, symmetric, for each output channel.

    Args:
        kernel: float32 tensor.
        axis: of the output channels.

    Returns:
        tensor of the same shape; its gradient passes through the rounding.
    """
    axis %= len(kernel.shape)
    others = [other for other in range(len(kernel.shape)) if other != axis]
    scale = tf.maximum(tf.reduce_max(tf.abs(kernel), others, keepdims=True), 1e-12) / 127.0
    return kernel + tf.stop_gradient(tf.round(kernel / scale) * scale - kernel)


def _narrowed(ends, loss):
    """The range within (low, high) at which loss is least: both ends shrink together, then each."""
    ends = min(((ends[0] * part, ends[1] * part) for part in SHRINK), key=loss)
    for _ in range(2):
        ends = min(((ends[0] * part, ends[1]) for part in SHRINK), key=loss)
        ends = min(((ends[0], ends[1] * part) for part in SHRINK), key=loss)
    return ends


def _rounded(t, ends):
    """An array rounded to 256 levels of (low, high), one of which is 0."""
    scale = (ends[1] - ends[0]) / LEVELS
    zero = np.round(-ends[0] / scale)
    return (np.clip(np.round(t / scale) + zero, 0, LEVELS) - zero) * scale


def _weighted_error(t, weight):
    """The loss of rounding a tensor over a range: function (low, high) -> weighted squared error.

    Args:
        t: (M,) float32, values of the tensor.
        weight: (M,) float32, what the square of an error costs at each.
    """
    if len(t) > POSITIONS:
        chosen = np.random.default_rng(0).choice(len(t), POSITIONS, replace=False)
        t, weight = t[chosen], weight[chosen]
    return lambda ends: float(np.dot(weight, np.square(_rounded(t, ends) - t)))


def _divergence(t, distribution):
    """The loss of rounding a network's output over a range, for `_narrowed`.

    Args:
        t: (N, ...) float32 outputs; the first 256 are used.
        distribution: function, outputs -> tfd.Distribution p.

    Returns:
        function (low, high) -> KL(p || p of the rounded outputs), the sum over them in nats, or its
        estimate by samples of p where there is no closed form.
    """
    t = t[:DIVERGENCE_ROWS]
    exact = distribution(tf.constant(t))
    sample = exact.sample(seed=tf.constant([0, 5]))
    density = exact.log_prob(sample)

    def loss(ends):
        other = distribution(tf.constant(_rounded(t, ends), tf.float32))
        try:
            return float(tf.reduce_sum(tfd.kl_divergence(exact, other)))
        except NotImplementedError:
            return float(tf.reduce_sum(density - other.log_prob(sample)))

    return loss
