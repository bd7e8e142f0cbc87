"""PixelRNN with row LSTMs on dynamically binarised MNIST.

The layers of van den Oord et al., arXiv 1601.06759, small enough for one processor: steps of 32
images, since many steps are worth more than large ones where an hour is all there is.

Command: keras-vae train pixel_rnn_mnist --output runs/pixel_rnn_mnist
Cost: 55 minutes on one processor that other work shared.
Expected: nll 83.0 +- 0.4 nats on the 10,000 test images, exact.
"""

from keras_vae.recipe import Recipe

RECIPE = Recipe(
    name="pixel_rnn_mnist",
    data="mnist",
    builder="pixel_rnn",
    binarize="dynamic",
    epochs=8,
    batch_size=32,
    learning_rate=1.5e-3,
    clip_norm=100.0,
    ema_momentum=0.999,
    expected={"nll_nats": 83.0},
    tolerance={"nll_nats": 0.4},
)
