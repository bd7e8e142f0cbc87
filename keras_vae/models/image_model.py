"""The base of all models: the one `train_step` and `test_step`; a model says what its terms are."""

import random

import keras
import numpy as np
import tensorflow as tf

from keras_vae import fused_adam, pipeline, private_api
from keras_vae.distributions import likelihoods
from keras_vae.models import checks, watch

_OWNED_BY_THE_MODEL = ("loss", "loss_weights", "metrics", "weighted_metrics")


class ImageModel(keras.Model):
    """A density or a reconstruction of images, trained on per-image terms in nats.

    A subclass gives `terms` (what is minimised and what is tracked) and the names in `tracked`. It
    answers for itself where others would have to know its kind: by `sample`, `numbers`,
    `golden_inputs` and `golden_outputs`, `complete`, and the attributes below.

    Args:
        image_shape: (H, W, C).
        likelihood: name in `likelihoods.FAMILIES`, or a Likelihood: p(x) or a part of it. Its
            support is what images are checked against.

    Attributes:
        tracked: names of the terms that `fit` shows; "loss" is minimised.
        purpose: what the card says that the model is for, Markdown.
        samples_are: what the card calls its samples.
        takes_labels: whether `fit` and `evaluate` hand integer labels on to `terms`.
        latent_dim, decoder, objective: None where a model has no code, no decoder, no choice.
        golden_names: names of `golden_inputs` and `golden_outputs` in an entry's golden.npz.
    """

    tracked = ("loss",)
    purpose = "A density model of images."
    samples_are = "samples"
    takes_labels = False
    latent_dim = decoder = objective = None
    golden_names = ("images", "log_prob_nats")

    def __init__(self, image_shape, *, likelihood, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(int(size) for size in image_shape)
        self.likelihood_family = likelihoods.get(likelihood)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.tracked]

    def build(self, input_shape):
        self.built = True

    # ---- what a subclass says -------------------------------------------------------------------

    def terms(self, x, y, training):
        """Per-image terms.

        Args:
            x: (B, H, W, C) float32, what the networks see.
            y: (B, H, W, C) float32 in the support of the likelihood, what is to be explained.
            training: bool.

        A model with `takes_labels` has terms(x, y, labels, training), labels (B,) integers.

        Returns:
            dict of (B,) float32, a key for each name in `tracked`; "loss" is minimised.
        """
        raise NotImplementedError

    def sample(self, count, seed=None):
        """(count, H, W, C) float32 images; the same ones for the same integer seed."""
        raise NotImplementedError

    def log_prob(self, images):
        """(N, H, W, C) images -> (N,) log p(x) in nats, of models that know it exactly."""
        raise NotImplementedError(f"{type(self).__name__} does not know its likelihood exactly.")

    def numbers(self, images, importance_samples=100, seed=0, progress=True, kept=None):
        """What `evaluate.report` says of the model; here, of an exact likelihood.

        Args:
            images: (N, H, W, C) float32 in the support of the likelihood.
            importance_samples, seed, progress, kept: see `evaluate.report`.

        Returns:
            dict whose keys end in their units.
        """
        nll = -float(np.mean(self.log_prob(images), dtype="float64"))
        return {"nll_nats": nll, "bits_per_dim": self.bits_per_dim(nll), "images": len(images)}

    def bits_per_dim(self, nll):
        """Nats per image -> bits per pixel and channel, of 8-bit levels for a density on [0, 1]."""
        bits = nll / (np.prod(self.image_shape) * np.log(2))
        return float(bits + (0 if self.likelihood_family.discrete else 8))

    def golden_inputs(self, count, seed):
        """An array of `count` rows that an entry keeps, with what the model makes of it.

        Whoever loads the entry can ask again, on any machine.
        """
        return self.sample(count, seed=seed)

    def golden_outputs(self, inputs):
        """What the model makes of `golden_inputs`: an array of as many rows."""
        return np.asarray(self.log_prob(inputs))

    @property
    def can_sample(self):
        """Whether `sample` works now."""
        return True

    def complete(self, images):
        """Called when the networks are trained, with the (N, H, W, C) training images.

        An Autoencoder fits its prior here; most models have nothing left to do.
        """

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
        fused_adam.fuse(self.optimizer)
        self._noise_key = random.randrange(2**30)  # of `keras.utils.set_random_seed`

    def noise_key(self):
        """Key of the random numbers of the training step that the optimizer is at.

        It follows from the step's number, so that a training which goes on from a checkpoint draws
        what it would have drawn without the interruption.

        Returns:
            (2,) int32, other ones on each replica; or None where the model is not compiled.
        """
        if getattr(self, "optimizer", None) is None:
            return None
        replica = tf.distribute.get_replica_context()
        number = 0 if replica is None else replica.replica_id_in_sync_group
        step = tf.cast(self.optimizer.iterations, tf.int32)
        return tf.stack([self._noise_key + tf.cast(number, tf.int32), step])

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, data):
        given, weight, images = self._unpack(data)
        with tf.GradientTape() as tape:
            terms = self.terms(*given, training=True)
            means, count = self._global_means(terms, weight, images)
            loss = self._regularised(means["loss"])  # a share: shares and gradients add up
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        return self._track({**means, "loss": loss}, count)

    def test_step(self, data):
        given, weight, images = self._unpack(data)
        means, count = self._global_means(self.terms(*given, training=False), weight, images)
        return self._track({**means, "loss": self._regularised(means["loss"])}, count)

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Builds the optimizer; Keras's own would run a batch, and fails where it is uneven.

        One of `private_api.OVERRIDES`.
        """
        if self.optimizer is not None and not self.optimizer.built:
            with private_api.strategy(self).scope():
                self.optimizer.build(self.trainable_variables)

    def _regularised(self, loss):
        """A replica's share of the loss with its share of what the layers themselves add."""
        if not self.losses:
            return loss
        return loss + tf.add_n(self.losses) / private_api.strategy(self).num_replicas_in_sync

    def _unpack(self, data):
        """A batch as (arguments of `terms`, weights or None, number of its images).

        The number is without those that only fill up what a replica was given.
        """
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        x = checks.as_images(x, self.image_shape, "x")
        labels = y if y is not None and checks.is_label(y) else None
        if self.takes_labels and labels is None:
            raise ValueError(
                f"{type(self).__name__} is conditioned on labels: give integers beside the images, "
                "fit(images, labels) or a dataset of (images, labels)."
            )
        if y is None or labels is not None:
            y = x = checks.assert_explicable(x, self.likelihood_family)
        else:
            x = checks.assert_encodable(x, self.likelihood_family)
            y = checks.as_images(y, self.image_shape, "y")
            y = checks.assert_explicable(y, self.likelihood_family)
        images = tf.shape(x)[0]
        if private_api.strategy(self).num_replicas_in_sync > 1:
            # The last batch may leave a replica without images, and a convolution of nothing fails.
            blank = [[0, 1 - tf.minimum(images, 1)], [0, 0], [0, 0], [0, 0]]
            x, y = tf.pad(x, blank), tf.pad(y, blank)
            if self.takes_labels:
                labels = tf.pad(labels, blank[: labels.shape.rank])
        return (x, y, labels) if self.takes_labels else (x, y), weight, images

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
        told = {tracker.name: tracker.result() for tracker in self.trackers}
        if self._is_of_workers:
            return {name: value[None] for name, value in told.items()}  # Keras reduces along axis 0
        return told

    @property
    def _is_of_workers(self):
        """Whether several processes train it together."""
        return isinstance(private_api.strategy(self), tf.distribute.MultiWorkerMirroredStrategy)

    # ---- Keras's verbs, with checks -------------------------------------------------------------

    def fit(self, x=None, y=None, *, validation_data=None, callbacks=None, **kwargs):
        """As in Keras. `fit(images)`, `fit(noisy, clean)`, or a dataset of either.

        The second part of a dataset's pairs may also be an integer label. It is dropped, unless the
        model has `takes_labels`: then `fit(images, labels)` is what it wants.

        Raises:
            ValueError: data that the model cannot explain; of arrays and of the first batch of a
                dataset before the first step, of a later batch before the step that it is for.
            FloatingPointError: the loss became NaN or infinite.
        """
        x, y = self._prepare(x, y)
        batch_size = kwargs.get("batch_size")
        if isinstance(x, np.ndarray):
            part = kwargs.pop("validation_split", 0.0)
            arrays = [x, y, kwargs.pop("sample_weight", None)]
            if part and validation_data is None:
                arrays, validation_data = pipeline.split(arrays, part)
            steps, shuffle = kwargs.get("steps_per_epoch"), kwargs.get("shuffle", True)
            seed = 0 if self._is_of_workers else None  # each takes its part of one order
            options = {"batch_size": batch_size, "steps": steps, "shuffle": shuffle, "seed": seed}
            x, y = pipeline.of_arrays(*arrays, **options), None
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

    def _prepare(self, x, y):
        return checks.prepare_inputs(
            x, y, self.image_shape, self.likelihood_family, labels=self.takes_labels
        )

    def _prepare_validation(self, data, batch_size, steps):
        parts = data if isinstance(data, (tuple, list)) else (data,)
        x, y, weight = (*parts, None, None)[:3]
        x, y = self._prepare(x, y)
        if isinstance(x, np.ndarray):
            return pipeline.of_arrays(x, y, weight, batch_size=batch_size, steps=steps)
        return x if y is None else (x, y)

    def evaluate(self, x=None, y=None, **kwargs):
        """As in Keras; the trackers over x, in nats per image."""
        if not private_api.is_validation_of_fit(kwargs):
            x, y = self._prepare(x, y)
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

    # ---- saving ---------------------------------------------------------------------------------

    def export(self, filepath, format="tf_saved_model", *, input_signature=None, **kwargs):
        """As in Keras; the artefact maps (N, H, W, C) images to their reconstructions."""
        if input_signature is None:  # Keras would ask for a call first, which fit does not make
            shape = (None, *self.image_shape)
            input_signature = [keras.InputSpec(shape=shape, dtype="float32")]
        super().export(filepath, format=format, input_signature=input_signature, **kwargs)

    def get_compile_config(self):
        config = super().get_compile_config() or {}
        return {k: v for k, v in config.items() if k not in _OWNED_BY_THE_MODEL}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def get_config(self):
        likelihood = keras.saving.serialize_keras_object(self.likelihood_family)
        return {"name": self.name, "image_shape": self.image_shape, "likelihood": likelihood}

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        return cls(**{k: restore(v) if isinstance(v, dict) else v for k, v in config.items()})
