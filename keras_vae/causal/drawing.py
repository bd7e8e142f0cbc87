"""Draws images from a causal network, pixel by pixel, each computed once."""

import tensorflow as tf

from keras_vae.causal.layers import CausalLayer


def drawer(network, likelihood, image_shape):
    """A graph that draws images.

    A pixel costs what one pixel of one pass through the network costs: rows above and pixels to the
    left are remembered by each layer.

    Args:
        network: of `causal.networks`.
        likelihood: Likelihood of the network's raw parameters.
        image_shape: (H, W, C).

    Returns:
        function (count, seed), int32 scalars -> (count, H, W, C) float32 images.
    """
    causal = [layer for layer in network.layers if isinstance(layer, CausalLayer)]
    head = network.layers[network.layers.index(causal[-1]) + 1 :]
    height, width, channels = image_shape
    scalar = tf.TensorSpec((), tf.int32)

    def pixel_of(across, key):
        raw = across[:, None, None]
        for layer in head:
            raw = layer(raw, training=False)
        return likelihood.distribution(raw).sample(seed=key)[:, 0, 0]

    def next_pixel(j, told, windows, left, i, seed):
        """One pixel of row i: what the row loop keeps of it, and the next windows."""
        across, wider, keeps = left, [], []
        for layer, tells, window in zip(causal, told, windows):
            wider.append(tf.concat([window[:, 1:], across[:, None]], axis=1))
            across, kept = layer.pixel(tells[:, j], wider[-1])
            keeps.append(kept)
        return wider, keeps, pixel_of(across, tf.stack([seed, i * width + j]))

    def next_row(i, above, memories, kept, count, seed):
        rows, told, remembered = above, [], []
        for layer, memory, keeps in zip(causal, memories, kept):
            rows, tells, memory = layer.row(rows, memory, keeps)
            told.append(tells)
            remembered.append(memory)

        def body(j, windows, left, pixels, keeping):
            windows, keeps, pixel = next_pixel(j, told, windows, left, i, seed)
            keeping = [array.write(j, value) for array, value in zip(keeping, keeps)]
            return j + 1, windows, pixel, pixels.write(j, pixel), keeping

        row = lambda: tf.TensorArray(tf.float32, width)
        start = (
            0,
            [layer.window(count) for layer in causal],
            tf.zeros_like(above[:, 0]),
            row(),
            [row() for _ in causal],
        )
        *_, pixels, keeping = tf.while_loop(lambda j, *_: j < width, body, start)
        lined_up = lambda array: tf.transpose(array.stack(), (1, 0, 2))
        return lined_up(pixels), remembered, [lined_up(array) for array in keeping]

    @tf.function(input_signature=[scalar, scalar], autograph=False)
    def draw(count, seed):
        def body(i, above, memories, kept, image):
            line, memories, kept = next_row(i, above, memories, kept, count, seed)
            return i + 1, line, memories, kept, image.write(i, line)

        start = (
            0,
            tf.zeros((count, width, channels)),
            [layer.start(count, width) for layer in causal],
            [tf.zeros((count, width, layer.kept_channels)) for layer in causal],
            tf.TensorArray(tf.float32, height),
        )
        *_, image = tf.while_loop(lambda i, *_: i < height, body, start)
        return tf.transpose(image.stack(), (1, 0, 2, 3))

    return draw
