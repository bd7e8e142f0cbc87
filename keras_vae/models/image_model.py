"""The one `train_step` and `test_step`; a model says what its terms are."""

import keras
import numpy as np
import tensorflow as tf

from keras_vae import pipeline
from keras_vae.distributions import likelihoods
from keras_vae.models import checks, watch

_OWNED_BY_THE_MODEL = ("loss", "loss_weights", "metrics", "weighted_metrics")


class ImageModel(keras.Model):
    """An encoder, a decoder and a likelihood, trained on per-image terms in nats.

    A subclass gives `terms` (what is minimised and what is tracked), `code` (what the encoder's
    output means) and the names in `tracked`.

    Args:
        encoder: functional keras.Model, (B, H, W, C) -> (B, P) raw parameters.
        decoder: functional keras.Model, (B, latent_dim) -> (B, H, W, R) raw parameters.
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood.
    """

    tracked = ("loss", "distortion")

    def __init__(self, encoder, decoder, *, likelihood, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = _static_shape(encoder, "input_shape", "encoder", 3)
        (self.latent_dim,) = _static_shape(decoder, "input_shape", "decoder", 1)
        self.likelihood_family = likelihoods.get(likelihood)
        raw = _static_shape(decoder, "output_shape", "decoder", 3)
        channels = self.image_shape[2] * self.likelihood_family.parameters_per_channel
        if raw != (*self.image_shape[:2], channels):
            raise ValueError(
                f"The decoder gives {raw} for images of {self.image_shape}; the "
                f"{type(self.likelihood_family).__name__} likelihood needs "
                f"{(*self.image_shape[:2], channels)}."
            )
        self.encoder, self.decoder = encoder, decoder
        self.trackers = [keras.metrics.Mean(name=name) for name in self.tracked]

    def build(self, input_shape):
        self.built = True

    def finish(self, outputs, reader):
        """Closes the constructor: from here on the model is built and its weights are fixed.

        Raises:
            ValueError: the encoder does not give the `outputs` numbers that `reader` needs.
        """
        (given,) = _static_shape(self.encoder, "output_shape", "encoder", 1)
        if given != outputs:
            raise ValueError(
                f"The encoder gives {given} numbers for an image; {reader} over a code of "
                f"{self.latent_dim} needs {outputs}."
            )
        # Closures and not methods: TensorFlow counts traces for each function, not each model.
        image, code = (None, *self.image_shape), (None, self.latent_dim)
        encode = lambda images: self.code(self.encoder(images, training=False))
        decode = lambda z: self.likelihood_family.mean(self.decoder(z, training=False))
        self._encode_graph = tf.function(encode, [tf.TensorSpec(image)])
        self._decode_graph = tf.function(decode, [tf.TensorSpec(code)])
        self.build((None, *self.image_shape))

    # ---- what a subclass says -------------------------------------------------------------------

    def code(self, parameters):
        """(B, P) raw encoder output -> (B, latent_dim)."""
        raise NotImplementedError

    def terms(self, x, y, training):
        """Per-image terms.

        Args:
            x: (B, H, W, C) float32, what the encoder sees.
            y: (B, H, W, C) float32 in the support of the likelihood, what is to be explained.
            training: bool.

        Returns:
            dict of (B,) float32, a key for each name in `tracked`; "loss" is minimised.
        """
        raise NotImplementedError

    # ---- the two steps --------------------------------------------------------------------------

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """As in Keras, but the model owns its loss and its trackers."""
        if loss is not None or metrics is not None:
            raise ValueError(
                f"{type(self).__name__} brings its own loss and trackers {self.tracked}; received "
                f"loss={loss!r}, metrics={metrics!r}. Choose likelihood= and objective= when the "
                "model is built instead."
            )
        super().compile(optimizer=optimizer, **kwargs)

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, data):
        x, y, weight, images = self._unpack(data)
        with tf.GradientTape() as tape:
            terms = self.terms(x, y, training=True)
            means, count = self._global_means(terms, weight, images)
            loss = self._regularised(means["loss"])  # a share: shares and gradients add up
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        return self._track({**means, "loss": loss}, count)

    def test_step(self, data):
        x, y, weight, images = self._unpack(data)
        means, count = self._global_means(self.terms(x, y, training=False), weight, images)
        return self._track({**means, "loss": self._regularised(means["loss"])}, count)

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Builds the optimizer; Keras's own would run a batch, and fails where it is uneven."""
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def _regularised(self, loss):
        """A replica's share of the loss with its share of what the layers themselves add."""
        if not self.losses:
            return loss
        return loss + tf.add_n(self.losses) / self.distribute_strategy.num_replicas_in_sync

    def _unpack(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        x = checks.as_images(x, self.image_shape, "x")
        if y is None or checks.is_label(y):
            y = x = checks.assert_explicable(x, self.likelihood_family)
        else:
            x = checks.assert_encodable(x, self.likelihood_family)
            y = checks.as_images(y, self.image_shape, "y")
            y = checks.assert_explicable(y, self.likelihood_family)
        images = tf.shape(x)[0]
        if self.distribute_strategy.num_replicas_in_sync > 1:
            # The last batch may leave a replica without images, and a convolution of nothing fails.
            blank = [[0, 1 - tf.minimum(images, 1)], [0, 0], [0, 0], [0, 0]]
            x, y = tf.pad(x, blank), tf.pad(y, blank)
        return x, y, weight, images

    def _global_means(self, terms, weight, images):
        """This replica's share of each mean over the images of all replicas, and their number."""
        terms = {name: value[:images] for name, value in terms.items()}
        count = tf.cast(images, tf.float32)
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            count = replica.all_reduce(tf.distribute.ReduceOp.SUM, count)
        if weight is not None:
            weight = tf.cast(tf.reshape(weight, [-1]), tf.float32)
            terms = {name: value * weight for name, value in terms.items()}
        return {name: tf.reduce_sum(terms[name]) / count for name in self.tracked}, count

    def _track(self, shares, count):
        """Adds the means over all replicas to the trackers, each image counted once."""
        values = tf.stack([shares[name] for name in self.tracked])
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            values = replica.all_reduce(tf.distribute.ReduceOp.SUM, values)
        for tracker, value in zip(self.trackers, tf.unstack(values, num=len(self.tracked))):
            tracker.update_state(value, sample_weight=count)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    # ---- Keras's verbs, with checks -------------------------------------------------------------

    def fit(self, x=None, y=None, *, validation_data=None, callbacks=None, **kwargs):
        """As in Keras. `fit(images)`, `fit(noisy, clean)`, or a dataset of either.

        The second part of a dataset's pairs may also be an integer label, which is dropped.

        Raises:
            ValueError: data that the model cannot explain; of arrays and of the first batch of a
                dataset before the first step, of a later batch before the step that it is for.
            FloatingPointError: the loss became NaN or infinite.
        """
        x, y = checks.prepare_inputs(x, y, self.image_shape, self.likelihood_family)
        batch_size = kwargs.get("batch_size")
        if isinstance(x, np.ndarray):
            part = kwargs.pop("validation_split", 0.0)
            arrays = [x, y, kwargs.pop("sample_weight", None)]
            if part and validation_data is None:
                arrays, validation_data = pipeline.split(arrays, part)
            steps, shuffle = kwargs.get("steps_per_epoch"), kwargs.get("shuffle", True)
            x = pipeline.of_arrays(*arrays, batch_size=batch_size, steps=steps, shuffle=shuffle)
            y = None
        if validation_data is not None:
            validation_data = self._prepare_validation(
                validation_data,
                kwargs.pop("validation_batch_size", None) or batch_size,
                kwargs.get("validation_steps"),
            )
        if isinstance(x, tf.data.Dataset):
            kwargs["shuffle"] = False  # Keras would warn that a dataset shuffles itself
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            watch.set_directions(callbacks := watch.as_list(callbacks))
            callbacks = [watch.StopOnNaN(), *callbacks]
        with checks.refused_in_the_graph():
            return super().fit(x, y, validation_data=validation_data, callbacks=callbacks, **kwargs)

    def _prepare_validation(self, data, batch_size, steps):
        parts = data if isinstance(data, (tuple, list)) else (data,)
        x, y, weight = (*parts, None, None)[:3]
        x, y = checks.prepare_inputs(x, y, self.image_shape, self.likelihood_family)
        if isinstance(x, np.ndarray):
            return pipeline.of_arrays(x, y, weight, batch_size=batch_size, steps=steps)
        return x if y is None else (x, y)

    def evaluate(self, x=None, y=None, **kwargs):
        """As in Keras; the trackers over x, in nats per image."""
        if not kwargs.get("_use_cached_eval_dataset"):
            x, y = checks.prepare_inputs(x, y, self.image_shape, self.likelihood_family)
            if isinstance(x, np.ndarray):
                size, weight = kwargs.pop("batch_size", None), kwargs.pop("sample_weight", None)
                steps = kwargs.get("steps")
                x, y = pipeline.of_arrays(x, y, weight, batch_size=size, steps=steps), None
        with checks.refused_in_the_graph():
            return super().evaluate(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """As in Keras; (N, H, W, C) reconstructions.

        Raises:
            ValueError: NaN, infinite or 8-bit values, or a wrong shape.
        """
        if hasattr(x, "__array__"):
            x = checks.encodable(x, self.image_shape, self.likelihood_family)
            steps, size = kwargs.get("steps"), kwargs.pop("batch_size", None)
            x = pipeline.of_arrays(x, batch_size=size, steps=steps)
        elif isinstance(x, tf.data.Dataset):
            checks.check_batched(x, self.image_shape)
        with checks.refused_in_the_graph():
            return super().predict(x, **kwargs)

    def predict_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        x = checks.as_images(x, self.image_shape, "x")
        return self(checks.assert_encodable(x, self.likelihood_family), training=False)

    def call(self, images, training=False):
        """(B, H, W, C) or (B, H, W) images -> (B, H, W, C) reconstructions, pixel means."""
        images = checks.as_images(images, self.image_shape, "images")
        code = self.code(self.encoder(images, training=training))
        return self.likelihood_family.mean(self.decoder(code, training=training))

    # ---- what a model is used for ---------------------------------------------------------------

    def encode(self, images, batch_size=256):
        """(N, H, W, C) or (N, H, W) images in [0, 1] -> (N, latent_dim) codes (posterior means)."""
        images = checks.encodable(images, self.image_shape, self.likelihood_family)
        return _in_batches(self._encode_graph, images, batch_size)

    def decode(self, z, batch_size=256):
        """(N, latent_dim) codes -> (N, H, W, C) pixel means in [0, 1]."""
        z = np.asarray(z, "float32")
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must have shape (N, {self.latent_dim}); received {z.shape}.")
        return _in_batches(self._decode_graph, z, batch_size)

    def reconstruct(self, images, batch_size=256):
        """(N, H, W, C) or (N, H, W) images -> (N, H, W, C) pixel means in [0, 1]."""
        return self.decode(self.encode(images, batch_size), batch_size)

    def export(self, filepath, format="tf_saved_model", *, input_signature=None, **kwargs):
        """As in Keras; the artefact maps (N, H, W, C) images to their reconstructions."""
        if input_signature is None:  # Keras would ask for a call first, which fit does not make
            shape = (None, *self.image_shape)
            input_signature = [keras.InputSpec(shape=shape, dtype="float32")]
        super().export(filepath, format=format, input_signature=input_signature, **kwargs)

    # ---- saving ---------------------------------------------------------------------------------

    def get_compile_config(self):
        config = super().get_compile_config() or {}
        return {k: v for k, v in config.items() if k not in _OWNED_BY_THE_MODEL}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "likelihood": serialize(self.likelihood_family),
        }

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        return cls(**{k: restore(v) if isinstance(v, dict) else v for k, v in config.items()})


def _in_batches(function, values, batch_size):
    parts = [
        function(tf.convert_to_tensor(values[start : start + batch_size])).numpy()
        for start in range(0, len(values), batch_size)
    ]
    if not parts:
        raise ValueError("Received no rows: there is nothing to encode or decode.")
    return np.concatenate(parts)


def _static_shape(network, attribute, name, rank):
    """The shape of a network's input or output without its batch axis."""
    shape = getattr(network, attribute, None)
    if not isinstance(shape, tuple) or len(shape) != rank + 1 or None in shape[1:]:
        raise ValueError(
            f"The {name} must be a functional or built Sequential keras.Model with one tensor of "
            f"{rank} fixed axes beside the batch as its {attribute}; received {shape!r} from "
            f"{network!r}."
        )
    return tuple(int(size) for size in shape[1:])
