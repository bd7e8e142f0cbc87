"""Quantisation-aware training: a model whose decoder computes what its int8 file will compute."""

import keras
import tensorflow as tf

from keras_vae.checkpoints import Checkpoints
from keras_vae.export.graph.layers import copy_weights, leaves
from keras_vae.export.graph.rewrite import rewritten
from keras_vae.export.int8 import fake_quant
from keras_vae.export.int8.calibration import calibrated, calibration_codes
from keras_vae.export.int8.equalise import equalise
from keras_vae.models import watch


def finetune(
    model,
    images,
    *,
    epochs=1,
    learning_rate=1e-4,
    calibration_images=None,
    checkpoints=None,
    **options,
):
    """Trains the decoder of a model to lose little as an int8 file (arXiv 1712.05877).

    The units of its dense layers are brought to one scale (see `equalise.equalise`), then
    `quantization_aware(model)` is trained with the encoder held fixed. The model's decoder is
    changed in place, and serves the float32 file as well as before: half of each batch is decoded
    without any rounding.

    Args:
        model: Autoencoder or VAE.
        images: (N, H, W, C) in the support of the likelihood, or a tf.data.Dataset of batches.
        epochs: passes over the images.
        learning_rate: of Adam; falls to 0 along a cosine.
        calibration_images: as in `export.tflite`; an Autoencoder needs them.
        checkpoints: `checkpoints.Checkpoints`, from whose newest state the same call goes on; or
            None.
        **options: of `fit`, and `jit_compile`.

    Returns:
        keras.callbacks.History: the trackers are those of the int8 decoder.
    """
    compile_options = {"jit_compile": options.pop("jit_compile", False)}
    equalise(model.decoder, calibration_codes(model, calibration_images))
    twin = quantization_aware(model, calibration_images)
    if isinstance(images, tf.data.Dataset):
        steps = int(images.cardinality())
    else:
        steps = -(-len(images) // options.get("batch_size", 32))
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, max(steps, 1) * epochs)
    twin.compile(keras.optimizers.Adam(schedule), **compile_options)
    before, model.encoder.trainable = model.encoder.trainable, False
    states = Checkpoints() if checkpoints is None else checkpoints
    try:
        twin.optimizer.build(twin.trainable_variables)  # so that a checkpoint finds its slots
        done = states.restore(twin)
        callbacks = [states, *watch.as_list(options.pop("callbacks", None))]
        history = twin.fit(
            images, epochs=epochs, initial_epoch=done, callbacks=callbacks, **options
        )
    finally:
        model.encoder.trainable = before
    copy_weights(twin.decoder.network, model.decoder)
    if model.likelihood_family.weights:  # a learned scale belongs to the decoder
        model.likelihood_family.set_weights(twin.likelihood_family.get_weights())
    return history


def quantization_aware(model, calibration_images=None):
    """The twin of a model whose decoder rounds weights and activations to int8.

    The twin is a model like any other: `fit` trains it under the roundings (their gradient passes
    straight through), `evaluate` and `evaluate.report` tell what the int8 file is worth before
    there is one. Its encoder is the model's own, all else a copy. The ranges of activations are
    those that `export.tflite` would choose now.

    Args:
        model: Autoencoder or VAE.
        calibration_images: as in `export.tflite`; an Autoencoder needs them.

    Returns:
        Autoencoder or VAE, not compiled. It is to be trained and measured, not saved.
    """
    decoder = calibrated(model, model.decoder, images=calibration_images)
    decoder = RoundedDecoder(decoder, rewritten(model.decoder))
    return model.with_networks(model.encoder, decoder)


class RoundedDecoder(keras.Model):
    """A network with FakeQuant layers whose kernels are rounded, too; the weights stay float32.

    In training the second half of each batch is decoded without any rounding, so that one set of
    weights learns to serve the int8 file and the float32 file.

    Args:
        network: functional keras.Model with ranges, see `fake_quant.calibrate`.
        plain: the network without FakeQuant layers; its structure is used, not its weights.
    """

    def __init__(self, network, plain):
        super().__init__(name=f"rounded_{plain.name}")
        self.network, self.built = network, True
        self.axes = dict(_channel_axes(network))
        self._structure = lambda: plain  # hidden from Keras: its weights are none of this model
        own = {layer.name: layer for layer in leaves(network)}
        self.order = [own[layer.name] for layer in leaves(plain) if layer.weights]

    @property
    def input_shape(self):
        return self.network.input_shape

    @property
    def output_shape(self):
        return self.network.output_shape

    def call(self, z, training=False):
        if not training:
            return self._rounded(z)
        half = tf.shape(z)[0] // 2
        return tf.concat([self._rounded(z[:half]), self._plain(z[half:])], axis=0)

    def _rounded(self, z):
        values = [
            fake_quant.round_kernel(tf.convert_to_tensor(variable.value), self.axes[id(variable)])
            if id(variable) in self.axes
            else variable.value
            for variable in self.network.trainable_variables
        ]
        others = [variable.value for variable in self.network.non_trainable_variables]
        return self.network.stateless_call(values, others, z)[0]

    def _plain(self, z):
        plain = self._structure()
        values = [v.value for layer in self.order for v in layer.trainable_variables]
        others = [v.value for layer in self.order for v in layer.non_trainable_variables]
        return plain.stateless_call(values, others, z)[0]


def _channel_axes(network):
    """(id of a kernel, axis of its output channels) for each layer with weights."""
    for layer in leaves(network):
        if layer.weights and getattr(layer, "kernel", None) is not None:
            transposed = isinstance(layer, keras.layers.Conv2DTranspose)
            kernel = next(v for v in layer.trainable_variables if v.path.endswith("kernel"))
            yield id(kernel), -2 if transposed else -1
