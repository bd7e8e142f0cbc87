"""A VAE in Keras as tutorials write it: a sampling layer, and a train_step of its own."""

import keras
import tensorflow as tf
from keras import layers

from benchmarks import work


class Sampling(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(tf.shape(mean), seed=self.seeds)
        return mean + tf.exp(0.5 * log_variance) * noise


class VAE(keras.Model):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "rec", "kl")]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, images):
        with tf.GradientTape() as tape:
            mean, log_variance, z = self.encoder(images)
            made = self.decoder(z)
            cross = keras.losses.binary_crossentropy(images, made)
            reconstruction = tf.reduce_mean(tf.reduce_sum(cross, axis=(1, 2)))
            parts = -0.5 * (1 + log_variance - tf.square(mean) - tf.exp(log_variance))
            kl = tf.reduce_mean(tf.reduce_sum(parts, axis=1))
            loss = reconstruction + kl
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        for tracker, value in zip(self.trackers, (loss, reconstruction, kl)):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def networks(network):
    size, images = work.LATENT_DIM[network], keras.Input(work.IMAGE_SHAPE)
    code = keras.Input((size,))
    if network == "dense":
        x = layers.Dense(500, "relu")(layers.Dense(500, "relu")(layers.Flatten()(images)))
        y = layers.Dense(500, "relu")(layers.Dense(500, "relu")(code))
        y = layers.Reshape(work.IMAGE_SHAPE)(layers.Dense(784, "sigmoid")(y))
    else:
        x = layers.Conv2D(32, 3, 2, "same", activation="relu")(images)
        x = layers.Flatten()(layers.Conv2D(64, 3, 2, "same", activation="relu")(x))
        x = layers.Dense(256, "relu")(x)
        y = layers.Dense(3136, "relu")(layers.Dense(256, "relu")(code))
        y = layers.Reshape((7, 7, 64))(y)
        y = layers.Conv2DTranspose(32, 3, 2, "same", activation="relu")(y)
        y = layers.Conv2DTranspose(1, 5, 2, "same", activation="sigmoid")(y)
    mean, log_variance = layers.Dense(size)(x), layers.Dense(size)(x)
    encoder = keras.Model(images, [mean, log_variance, Sampling()([mean, log_variance])])
    return encoder, keras.Model(code, y)


def fit(network):
    encoder, decoder = networks(network)
    trained = sum(int(tf.size(w)) for part in (encoder, decoder) for w in part.trainable_weights)
    work.check_parameters(network, trained)
    model, images = VAE(encoder, decoder), work.images()
    model.compile(keras.optimizers.Adam(work.LEARNING_RATE))

    def train():
        model.fit(images, batch_size=work.BATCH, epochs=work.EPOCHS, verbose=0)
        return work.EPOCHS * len(images)

    return train
