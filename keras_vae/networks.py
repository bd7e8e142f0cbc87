"""Plain functional networks: tensor in, raw parameters out (no activation on the last layer).

An encoder maps (B, H, W, C) images in [0, 1] to (B, outputs); a decoder maps (B, latent_dim)
codes to (B, H, W, outputs). What the raw numbers mean is the business of `distributions`. The last
layer computes in float32 under every dtype policy: bfloat16 has 8 bits for a logit.
"""

import keras
from keras import layers

from keras_vae.choice import unknown, whole, widths
from keras_vae.transposed import Conv2DTranspose

GATED = "gated"  # the activation of dense networks that Keras does not have


def dense_encoder(image_shape, outputs, *, hidden_units=(500, 500), activation="relu"):
    """Fully connected encoder.

    Args:
        image_shape: (H, W, C).
        outputs: raw parameters per image.
        hidden_units: width of each hidden layer.
        activation: of the hidden layers; "gated" multiplies each unit by a learned gate.

    Returns:
        keras.Model, (B, H, W, C) -> (B, outputs).
    """
    _check_activation(activation, GATED)
    # === Functional Model ===
    images = x = keras.Input(image_shape, name="image")
    x = layers.Flatten()(x)
    for units in widths("hidden_units", hidden_units):
        x = _hidden(x, units, activation)
    x = layers.Dense(outputs, dtype="float32", name="parameters")(x)
    return keras.Model(images, x, name="dense_encoder")


def dense_decoder(latent_dim, image_shape, outputs, *, hidden_units=(500, 500), activation="relu"):
    """Fully connected decoder.

    Args:
        latent_dim: size of the code.
        image_shape: (H, W, C); C is not used, `outputs` takes its place.
        outputs: raw parameters per pixel.
        hidden_units: width of each hidden layer, from the code to the image.
        activation: as in the encoder.

    Returns:
        keras.Model, (B, latent_dim) -> (B, H, W, outputs).
    """
    height, width, _ = image_shape
    _check_activation(activation, GATED)
    # === Functional Model ===
    code = x = keras.Input((latent_dim,), name="code")
    for units in widths("hidden_units", hidden_units):
        x = _hidden(x, units, activation)
    x = layers.Dense(height * width * outputs, dtype="float32", name="parameters")(x)
    x = layers.Reshape((height, width, outputs), dtype="float32")(x)
    return keras.Model(code, x, name="dense_decoder")


def conv_encoder(
    image_shape,
    outputs,
    *,
    filters=(32, 64),
    kernel_size=3,
    residual_blocks=0,
    hidden_units=256,
    activation="relu",
    head_filters=0,
    head_blocks=0,
):
    """Convolutional encoder; each entry of `filters` halves height and width (rounding up).

    Args:
        image_shape: (H, W, C).
        outputs: raw parameters per image.
        filters: channels of each level, from the image to the code.
        kernel_size: of every convolution.
        residual_blocks: pre-activation residual blocks in each level (He et al., arXiv 1603.05027).
        hidden_units: width of the dense layer before the output; 0 leaves it out.
        activation: of the hidden layers.
        head_filters: channels of a level at full resolution, where there are `head_blocks`.
        head_blocks: residual blocks in that level; 0 leaves the level out.

    Returns:
        keras.Model, (B, H, W, C) -> (B, outputs).
    """
    filters, kernel_size, residual_blocks, hidden_units = _conv_sizes(
        filters, kernel_size, residual_blocks, hidden_units
    )
    head_filters, head_blocks = _head(head_filters, head_blocks)
    _check_activation(activation)
    # === Functional Model ===
    images = x = keras.Input(image_shape, name="image")
    if head_blocks:
        x = layers.Conv2D(head_filters, kernel_size, padding="same")(x)
        for _ in range(head_blocks):
            x = _residual_block(x, kernel_size, activation)
        x = layers.Activation(activation)(x)
    for channels in filters:
        x = layers.Conv2D(channels, kernel_size, strides=2, padding="same")(x)
        for _ in range(residual_blocks):
            x = _residual_block(x, kernel_size, activation)
        x = layers.Activation(activation)(x)
    x = layers.Flatten()(x)
    if hidden_units:
        x = layers.Dense(hidden_units, activation=activation)(x)
    x = layers.Dense(outputs, dtype="float32", name="parameters")(x)
    return keras.Model(images, x, name="conv_encoder")


def conv_decoder(
    latent_dim,
    image_shape,
    outputs,
    *,
    filters=(32, 64),
    kernel_size=3,
    residual_blocks=0,
    hidden_units=256,
    activation="relu",
    head_filters=0,
    head_blocks=0,
):
    """The mirror of `conv_encoder`: transposed convolutions, cropped where a size was odd.

    Args:
        latent_dim: size of the code.
        image_shape: (H, W, C); C is not used, `outputs` takes its place.
        outputs: raw parameters per pixel.
        filters: channels of each level, from the image to the code (as in the encoder).
        kernel_size: of every convolution but the last.
        residual_blocks: pre-activation residual blocks in each level.
        hidden_units: width of the dense layer behind the code; 0 leaves it out.
        activation: of the hidden layers.
        head_filters: channels of a last hidden layer at full resolution; 0 lets one transposed
            convolution write the image.
        head_blocks: residual blocks in front of that layer.

    Returns:
        keras.Model, (B, latent_dim) -> (B, H, W, outputs).
    """
    filters, kernel_size, residual_blocks, hidden_units = _conv_sizes(
        filters, kernel_size, residual_blocks, hidden_units
    )
    head_filters, head_blocks = _head(head_filters, head_blocks)
    _check_activation(activation)
    sizes = [tuple(image_shape[:2])]
    for _ in filters:
        sizes.append(tuple(-(-size // 2) for size in sizes[-1]))
    height, width = sizes.pop()
    # === Functional Model ===
    code = x = keras.Input((latent_dim,), name="code")
    if hidden_units:
        x = layers.Dense(hidden_units, activation=activation)(x)
    x = layers.Dense(height * width * filters[-1])(x)
    x = layers.Reshape((height, width, filters[-1]))(x)
    sizes.reverse()
    for level, channels in enumerate([*filters[-2::-1], head_filters or outputs]):
        for _ in range(residual_blocks):
            x = _residual_block(x, kernel_size, activation)
        x = layers.Activation(activation)(x)
        last = level == len(filters) - 1 and not head_filters
        kernel = max(kernel_size, 5) if last else kernel_size  # 3x3 would leave a checkerboard
        transposed = Conv2DTranspose if last else layers.Conv2DTranspose  # ours for few channels
        dtype = "float32" if last else None
        x = transposed(channels, kernel, strides=2, padding="same", dtype=dtype)(x)
        x = _crop(x, sizes[level])
    if head_filters:
        for _ in range(head_blocks):
            x = _residual_block(x, kernel_size, activation)
        x = layers.Activation(activation)(x)
        x = layers.Conv2D(outputs, kernel_size, padding="same", dtype="float32", name="parameters")(
            x
        )
    return keras.Model(code, x, name="conv_decoder")


def _hidden(x, units, activation):
    """(B, F) -> (B, units); a gated unit is a linear one times a sigmoid one (arXiv 1612.08083)."""
    if activation != GATED:
        return layers.Dense(units, activation=activation)(x)
    gate = layers.Dense(units, activation="sigmoid")(x)
    return layers.Multiply()([layers.Dense(units)(x), gate])


def _check_activation(name, *more):
    """Raises ValueError where an activation is no name that Keras knows, nor one of `more`."""
    try:
        known = isinstance(name, str) and (name in more or keras.activations.get(name))
    except ValueError:
        known = False
    if not known:
        names = sorted(set(dir(keras.activations)) - {"get", "serialize", "deserialize"})
        raise unknown("activation", name, [*more, *(n for n in names if n[0] != "_")])


def _conv_sizes(filters, kernel_size, residual_blocks, hidden_units):
    """The arguments of both convolutional networks, checked, as ints."""
    filters = widths("filters", filters)
    if not filters:
        raise ValueError("filters must name the channels of at least one level; received none.")
    blocks = whole("residual_blocks", residual_blocks, 0)
    return (
        filters,
        whole("kernel_size", kernel_size),
        blocks,
        whole("hidden_units", hidden_units, 0),
    )


def _head(filters, blocks):
    filters, blocks = whole("head_filters", filters, 0), whole("head_blocks", blocks, 0)
    if blocks and not filters:
        raise ValueError(
            f"head_blocks={blocks} residual blocks at full resolution need head_filters, "
            "their channels; received 0."
        )
    return filters, blocks


def _residual_block(x, kernel_size, activation):
    """(B, H, W, C) -> (B, H, W, C); the branch starts small, so a deep stack starts as identity."""
    channels = x.shape[-1]
    branch = layers.Activation(activation)(x)
    branch = layers.Conv2D(channels, kernel_size, padding="same", activation=activation)(branch)
    small = keras.initializers.VarianceScaling(0.1)
    branch = layers.Conv2D(channels, kernel_size, padding="same", kernel_initializer=small)(branch)
    return layers.Add()([x, branch])


def _crop(x, size):
    """(B, h, w, C) -> (B, H, W, C): drops the last row or column that an odd size did not have."""
    extra = (x.shape[1] - size[0], x.shape[2] - size[1])
    crop = layers.Cropping2D(((0, extra[0]), (0, extra[1])), dtype=x.dtype)
    return crop(x) if any(extra) else x
