"""Functional networks, (B, H, W, C) images -> (B, H, W, outputs) raw parameters of each pixel."""

import keras
from keras import layers

from keras_vae.causal.layers import GatedConv, RowLSTM
from keras_vae.choice import whole


def pixel_cnn(image_shape, outputs, *, filters=24, blocks=6, kernel_size=5, head_filters=64):
    """Gated PixelCNN (van den Oord et al., arXiv 1606.05328), vertical and horizontal stacks.

    Args:
        image_shape: (H, W, C).
        outputs: raw parameters per pixel.
        filters: channels of each stack.
        blocks: layers behind the first.
        kernel_size: odd; of each square kernel before its mask. The first layer's is 7.
        head_filters: channels of the hidden layer in front of the output.

    Returns:
        keras.Model, (B, H, W, C) -> (B, H, W, outputs); no output depends on its own pixel or on a
        later one. The channels of a pixel do not see each other: given the pixels before it they
        depend on each other only as the likelihood says.
    """
    blocks, head_filters = whole("blocks", blocks, 0), whole("head_filters", head_filters)
    # === Functional Model ===
    images = keras.Input(image_shape, name="image")
    rows, across = GatedConv(filters, 7, first=True, name="first")([images, images])
    for block in range(blocks):
        rows, across = GatedConv(filters, kernel_size, name=f"gated_{block}")([rows, across])
    return _finished(images, across, outputs, head_filters, "pixel_cnn")


def pixel_rnn(image_shape, outputs, *, filters=32, blocks=4, kernel_size=3, head_filters=64):
    """PixelRNN of Row LSTM layers (van den Oord et al., arXiv 1601.06759).

    Args:
        image_shape: (H, W, C).
        outputs: raw parameters per pixel.
        filters: channels of the states.
        blocks: Row LSTM layers behind the first layer, a convolution of mask A.
        kernel_size: odd; width of the input-to-state convolutions before their masks.
        head_filters: channels of the hidden layer in front of the output.

    Returns:
        As `pixel_cnn`.
    """
    blocks, head_filters = whole("blocks", blocks, 0), whole("head_filters", head_filters)
    # === Functional Model ===
    images = keras.Input(image_shape, name="image")
    rows, across = GatedConv(filters, 7, first=True, name="first")([images, images])
    for block in range(blocks):
        rows, across = RowLSTM(filters, kernel_size, name=f"row_lstm_{block}")([rows, across])
    return _finished(images, across, outputs, head_filters, "pixel_rnn")


def _finished(images, across, outputs, head_filters, name):
    """The last layers, which look at one pixel each."""
    x = layers.Activation("relu")(across)
    x = layers.Dense(head_filters, activation="relu")(x)
    x = layers.Dense(outputs, dtype="float32", name="parameters")(x)
    return keras.Model(images, x, name=name)
