"""The network whose features compare images: a small classifier of MNIST, made here.

    python -m keras_vae.evaluate.features       # trains it anew, about a minute on two processors

Its numbers are no FIDs: those are over Inception's features of photographs, and are made for colour
images of 299x299. Numbers over these features compare models of small grey images with each other.
"""

import functools
import hashlib
import io
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_vae import data

SIDE = 28  # pixels; other images are resized
NAME = "mnist_classifier_64"
FILE = Path(__file__).with_name("features.npz")
SHA256 = "f8eeedf9295120d0e663304dbfefaed139dfac3a8f98f2438b485f214068a8e6"
TEST_ACCURACY = 0.9882  # of the 10,000 test images
SCALE = 2.487  # root mean square of what the layer gives for the training images
EPOCHS, BATCH, SEED = 6, 128, 0


def classifier():
    """(B, 28, 28, 1) in [0, 1] -> (B, 10) logits; its layer "features" gives (B, 64)."""
    layers = keras.layers
    conv = functools.partial(layers.Conv2D, strides=2, padding="same", activation="relu")
    image = keras.Input((SIDE, SIDE, 1))
    x = conv(16, 5)(image)
    x = conv(32, 3)(x)
    x = layers.Dense(64, activation="relu", name="features")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(10)(layers.Dropout(0.2)(x)))


def train(path=FILE):
    """Trains the classifier on the training images of MNIST and writes its weights as float16.

    Args:
        path: of the .npz file.

    Returns:
        SHA-256 of the file, and the accuracy of what is in it on the 10,000 test images.
    """
    keras.utils.set_random_seed(SEED)
    mnist = data.load("mnist")
    batches = data.batches(mnist.train, BATCH, shuffle=True, seed=SEED, labels=True)
    network = classifier()
    steps = EPOCHS * -(-len(mnist.train) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(schedule), loss)
    network.fit(batches, epochs=EPOCHS, verbose=2)
    content = io.BytesIO()
    np.savez(content, *[weight.astype("float16") for weight in network.get_weights()])
    Path(path).write_bytes(content.getvalue())
    network.set_weights(_weights(content.getvalue()))
    logits = network.predict(data.pixels(mnist.test), batch_size=500, verbose=0)
    accuracy = float(np.mean(logits.argmax(axis=1) == mnist.test.labels))
    return hashlib.sha256(content.getvalue()).hexdigest(), accuracy


def of(images):
    """Features of images.

    Args:
        images: (N, H, W, C) in [0, 1], C of 1 or 3; resized to 28x28 (bilinear, antialiased), and
            to grey by luma, where they are not so already.

    Returns:
        (N, 64) float64, at least 0; of MNIST their mean square is 1.
    """
    network, parts = _network(), []
    for start in range(0, len(images), 500):
        part = tf.convert_to_tensor(images[start : start + 500], tf.float32)
        if part.shape[-1] == 3:
            part = tf.image.rgb_to_grayscale(part)
        if part.shape[1:3] != (SIDE, SIDE):
            part = tf.image.resize(part, (SIDE, SIDE), antialias=True)
        parts.append(network(part).numpy())
    return np.concatenate(parts).astype("float64") / SCALE


@functools.cache
def _network():
    """The bundled weights in the part of the classifier that ends in its features.

    Raises:
        ValueError: the file is not the one that was published.
    """
    content = FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{FILE} is broken: its SHA-256 is {found}, not {SHA256}. Install keras_vae again."
        )
    network = classifier()
    network.set_weights(_weights(content))
    return keras.Model(network.inputs, network.get_layer("features").output)


def _weights(content):
    """float32 arrays of an .npz file's bytes, in order; nothing in it is run."""
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        return [kept[f"arr_{i}"].astype("float32") for i in range(len(kept.files))]


if __name__ == "__main__":
    told, accuracy = train()
    print(f"SHA-256 {told}, accuracy on the test images {accuracy:.4f}")
