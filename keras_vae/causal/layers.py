"""The layers of PixelCNN and PixelRNN, each in a form for images and one for the next pixel."""

import keras
import tensorflow as tf
from keras import layers

from keras_vae.choice import odd, whole

REGISTER = keras.saving.register_keras_serializable(package="keras_vae")


class CausalLayer(layers.Layer):
    """Base of the layers.

    B images of height H and width W; F channels in `rows` and in `across`.

    Attributes:
        kept_channels: numbers that the next row needs of each pixel of this one.
    """

    kept_channels = 0

    def call(self, streams):
        """rows (B, H, W, F) and across (B, H, W, F) -> the same two, a layer further."""
        raise NotImplementedError

    def start(self, count, width):
        """What is remembered before the first row: a tensor, (count, ...)."""
        raise NotImplementedError

    def row(self, rows, memory, kept):
        """Begins a row.

        Args:
            rows: (B, W, F), the stream of this row; of the first layer the row of pixels above it.
            memory: of `start`, or of the row above.
            kept: (B, W, kept_channels), what `pixel` kept of the row above.

        Returns:
            rows a layer further, told (B, W, G) for `pixel`, and the next memory.
        """
        raise NotImplementedError

    def window(self, count):
        """(count, N, F) zeros: what `pixel` sees to the left of the first pixel, and of it."""
        raise NotImplementedError

    def pixel(self, told, window):
        """One pixel.

        Args:
            told: (B, G), of this pixel, from `row`.
            window: (B, N, F), the stream `across` at this pixel and to its left; of the first layer
                the pixels to its left.

        Returns:
            (B, F) the stream a layer further, (B, kept_channels).
        """
        raise NotImplementedError


def _gate(x):
    """(..., 2 F) -> (..., F): tanh of one half times sigmoid of the other (arXiv 1606.05328)."""
    content, gate = tf.split(x, 2, axis=-1)
    return tf.tanh(content) * tf.sigmoid(gate)


def _along(kernel, window):
    """(B, N, F) window, the kernel (1, N, F, G) of a convolution -> (B, G)."""
    flat = tf.reshape(kernel, (-1, kernel.shape[-1]))
    return tf.matmul(tf.reshape(window, (-1, flat.shape[0])), flat)


@REGISTER
class GatedConv(CausalLayer):
    """A layer of the gated PixelCNN (van den Oord et al., arXiv 1606.05328).

    Where that masks the weights of square kernels, these kernels have no weights: the vertical
    stack's end above, the horizontal stack's to the left.

    Args:
        filters: F.
        kernel_size: odd; of a square kernel before its mask.
        first: mask A: the pixel itself is not seen (of the layer that takes the image).
    """

    def __init__(self, filters, kernel_size, first=False, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters = whole("filters", filters)
        self.kernel_size = kernel_size = odd("kernel_size", kernel_size)
        self.first = first
        self.side = kernel_size // 2
        self.depth = self.side if first else self.side + 1  # rows above, pixels to the left
        conv = lambda size, **more: layers.Conv2D(
            2 * filters, size, dtype=self.dtype_policy, **more
        )
        self.up = conv((self.depth, kernel_size), name="up")
        self.left = conv((1, self.depth), name="left", use_bias=False)
        self.link = layers.Dense(2 * filters, dtype=self.dtype_policy, name="link")
        self.out = layers.Dense(filters, dtype=self.dtype_policy, name="out")

    def build(self, shapes):
        rows, across = shapes
        self.channels = across[-1]
        self.up.build((None, None, None, rows[-1]))  # the padded image's size
        self.left.build((None, None, None, across[-1]))
        self.link.build((*rows[:-1], 2 * self.filters))
        self.out.build((*rows[:-1], self.filters))
        self.built = True

    def call(self, streams):
        rows, across = streams
        height, width = across.shape[1:3]
        up = self.up(
            tf.pad(rows, [[0, 0], [self.depth - 1 + self.first, 0], [self.side] * 2, [0, 0]])
        )
        up = up[:, :height]
        left = tf.pad(across, [[0, 0], [0, 0], [self.depth - 1 + self.first, 0], [0, 0]])
        out = self.out(_gate(self.left(left)[:, :, :width] + self.link(up)))
        return _gate(up), (out if self.first else across + out)

    def start(self, count, width):
        channels = self.channels if self.first else self.filters
        return tf.zeros((count, self.depth, width, channels))

    def row(self, rows, memory, kept):
        memory = tf.concat([memory[:, 1:], rows[:, None]], axis=1)
        seen = tf.pad(memory, [[0, 0], [0, 0], [self.side] * 2, [0, 0]])
        up = tf.nn.conv2d(seen, self.up.kernel, 1, "VALID")[:, 0] + self.up.bias
        return _gate(up), tf.tensordot(up, self.link.kernel, 1) + self.link.bias, memory

    def window(self, count):
        return tf.zeros((count, self.depth, self.channels))

    def pixel(self, told, window):
        gated = _gate(told + _along(self.left.kernel, window))
        out = tf.matmul(gated, self.out.kernel) + self.out.bias
        return (out if self.first else window[:, -1] + out), tf.zeros((tf.shape(out)[0], 0))

    def get_config(self):
        own = {name: getattr(self, name) for name in ("filters", "kernel_size", "first")}
        return {**super().get_config(), **own}


@REGISTER
class RowLSTM(CausalLayer):
    """A Row LSTM layer of PixelRNN (van den Oord et al., arXiv 1601.06759), with a residual.

    A pixel's state comes from the three states above it and, by the input-to-state convolution of
    mask B, from its own and the next pixels to the left.

    Args:
        filters: F, channels of the state.
        kernel_size: odd; width of the input-to-state convolution before its mask.
    """

    def __init__(self, filters, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters = whole("filters", filters)
        self.kernel_size = kernel_size = odd("kernel_size", kernel_size)
        self.kept_channels, self.depth = 2 * filters, kernel_size // 2 + 1
        dtype = self.dtype_policy
        self.left = layers.Conv2D(4 * filters, (1, self.depth), dtype=dtype, name="left")
        self.above = layers.Dense(4 * filters, dtype=dtype, use_bias=False, name="above")
        self.out = layers.Dense(filters, dtype=dtype, name="out")

    def build(self, shapes):
        _, across = shapes
        self.left.build((None, None, None, across[-1]))
        self.above.build((*across[:-1], 3 * self.filters))
        self.out.build((*across[:-1], self.filters))
        self.built = True

    def call(self, streams):
        rows, across = streams
        from_input = self.left(tf.pad(across, [[0, 0], [0, 0], [self.depth - 1, 0], [0, 0]]))
        state = cell = tf.zeros_like(across[:, 0])  # (B, W, F)
        states = []
        for gates in tf.unstack(from_input, axis=1):
            state, cell = self._cell(gates + self.above(self._three(state)), cell)
            states.append(state)
        return rows, across + self.out(tf.stack(states, axis=1))

    def _three(self, state):
        """(B, W, F) -> (B, W, 3 F): a pixel's state beside those to its left and right."""
        wide = tf.pad(state, [[0, 0], [1, 1], [0, 0]])
        return tf.concat([wide[:, :-2], state, wide[:, 2:]], axis=-1)

    def _cell(self, gates, cell):
        """(..., 4 F) gates before their activations and the cell above -> state, cell."""
        forget, enter, leave, content = tf.split(gates, 4, axis=-1)
        cell = tf.sigmoid(forget + 1.0) * cell + tf.sigmoid(enter) * tf.tanh(content)
        return tf.sigmoid(leave) * tf.tanh(cell), cell

    def start(self, count, width):
        return tf.zeros((count, 0))

    def row(self, rows, memory, kept):
        state, cell = tf.split(kept, 2, axis=-1)
        told = tf.tensordot(self._three(state), self.above.kernel, 1)
        return rows, tf.concat([told, cell], axis=-1), memory

    def window(self, count):
        return tf.zeros((count, self.depth, self.filters))

    def pixel(self, told, window):
        gates, cell = tf.split(told, [4 * self.filters, self.filters], axis=-1)
        gates = gates + _along(self.left.kernel, window) + self.left.bias
        state, cell = self._cell(gates, cell)
        out = window[:, -1] + tf.matmul(state, self.out.kernel) + self.out.bias
        return out, tf.concat([state, cell], axis=-1)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size}
        return {**super().get_config(), **own}
