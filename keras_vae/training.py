"""Runs a recipe: data, model, checkpoints, the numbers that are reached."""

import dataclasses
import json
import os
import warnings
from difflib import SequenceMatcher
from pathlib import Path

import keras
import tensorflow as tf

from keras_vae import (
    atomic,
    callbacks,
    compact,
    data,
    distribution,
    evaluate,
    export,
    image_folder,
    models,
    progress,
)
from keras_vae.averaging import AveragedAdam
from keras_vae.checkpoints import Checkpoints
from keras_vae.recipe import Recipe

CALIBRATION_IMAGES = 512  # of the validation images, for int8
_AFTER_TRAINING = (  # fields of a recipe that do not change its checkpoints
    "name",
    "quantization_aware_epochs",
    "importance_samples",
    "expected",
    "tolerance",
    "reference",
    "reference_source",
)
_LATER = ("corruption", "augmentation")  # left out at None: older checkpoints do not know them


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run: what `zoo.publish` writes down.

    Attributes:
        recipe: the Recipe.
        arguments: of the builder, image_shape included.
        model: Autoencoder or VAE in float32, compiled, without optimizer slots; its weights are
            rounded, see `compact`.
        data: data.Data that it was trained on.
        numbers: of `evaluate.report` on the test images.
        seconds: of training, over all resumptions.
    """

    recipe: Recipe
    arguments: dict
    model: keras.Model
    data: data.Data
    numbers: dict
    seconds: float


def run(recipe, checkpoints=None, verbose="auto", start=None, strategy=None):
    """Trains and measures.

    Args:
        recipe: Recipe.
        checkpoints: folder for the state after each epoch, from which the same call goes on after
            an interruption; or None.
        verbose: "auto" for one line that is rewritten in a terminal and a line an epoch elsewhere;
            or as in Keras, where 0 shows nothing.
        start: the model that the recipe's `start` names.
        strategy: of `distribution.strategy`, outside whose scope this is called; or None. The chief
            of a cluster measures and keeps the checkpoints, in a folder that all workers see.

    Returns:
        Run; None in a worker that is not the chief.

    Raises:
        ValueError: the checkpoints are those of another recipe, not all workers see them, or the
            recipe starts from an entry and none is given.
        ConnectionError: a worker of the cluster was lost.
    """
    if (start is None) != (recipe.start is None):
        raise ValueError(
            f"The recipe starts from {recipe.start!r}, and start={start!r} was given; "
            "`zoo.runs.train` gives the model of that entry."
        )
    images = load_data(recipe)
    arguments = {"image_shape": images.image_shape, **recipe.arguments}
    chief = distribution.is_chief(strategy)
    keras.utils.set_random_seed(recipe.seed)
    with distribution.scope(strategy):
        model = _build_trainee(recipe, arguments, len(images.train), start)
    claim = None if checkpoints is None else _claim(checkpoints, recipe, write=chief)
    states = Checkpoints(checkpoints, claim, keep=chief)
    done = states.restore(model)
    told = f"This worker finds {done} epochs in {str(checkpoints)!r}, another one does not: name a "
    distribution.check_same(strategy, done, told + "folder that all workers see.")
    prepared = {"seed": recipe.seed, "binarize": recipe.binarize, "labels": model.takes_labels}
    changed = {"corruption": recipe.corruption, "augmentation": recipe.augmentation}
    train, counter = _counted(images.train, recipe.batch_size, **changed, **prepared)
    verbose = verbose if chief else 0
    watched = progress.training(verbose), distribution.lost_workers_are_told(strategy)
    with watched[0] as (keras_verbose, shown), watched[1]:
        model.fit(
            train,
            validation_data=data.batches(images.validation, 500, **prepared),
            epochs=recipe.epochs,
            initial_epoch=done,
            callbacks=[
                counter,
                *_training_callbacks(recipe, checkpoints if chief else None),
                states,
                *shown,
            ],
            verbose=keras_verbose,
        )
    if not chief:
        return None
    trained = models.build(recipe.builder, **arguments)  # without the slots of the optimizer
    trained.set_weights(model.get_weights())
    trained.compile(keras.optimizers.Adam(recipe.learning_rate))
    seconds = states.seconds
    seconds += _make_quantization_aware(trained, images, recipe, checkpoints, verbose)
    trained.complete(data.pixels(images.train, recipe.binarize, recipe.seed))
    compact.round_weights(trained)
    numbers = measure(trained, images, recipe, progress=verbose != 0, kept=checkpoints)
    return Run(recipe, arguments, trained, images, numbers, seconds)


def calibration_images(images, recipe):
    """(512, H, W, C) float32: the validation images over which int8 takes its ranges."""
    chosen = data.Split("validation", images.validation.images[:CALIBRATION_IMAGES])
    return data.pixels(chosen, recipe.binarize, recipe.seed)


def measure(model, images, recipe, progress=True, kept=None):
    """`evaluate.report` on the test images of a recipe, and what else there is to measure.

    For an autoencoder also PCA's error; for images whose factors are known also
    `evaluate.disentanglement`; where the recipe names its Frechet distance (`expected` or
    `reference`) also `evaluate.generation`, on the grey test images.

    Args:
        model: as the recipe builds it.
        images: data.Data.
        recipe: Recipe.
        progress: show a progress bar.
        kept: see `evaluate.report`.

    Returns:
        dict of numbers.
    """
    test = data.pixels(images.test, recipe.binarize, recipe.seed)
    numbers = evaluate.report(
        model,
        test,
        recipe.importance_samples,
        recipe.seed,
        progress,
        labels=images.test.labels if model.takes_labels else None,
        kept=kept,
    )
    if isinstance(model, models.Autoencoder):
        train = data.pixels(images.train, recipe.binarize, recipe.seed)
        components = min(model.latent_dim, len(train), test[0].size)  # PCA can have no more
        numbers["pca_mse"] = evaluate.pca_mse(train, test, components)
    more = {}
    if images.test.factors is not None and model.latent_dim is not None:
        more |= evaluate.disentanglement(model.encode(test), images.test.factors, recipe.seed)
    if "frechet_distance" in {**recipe.expected, **recipe.reference}:
        more |= evaluate.generation(model, data.pixels(images.test), seed=recipe.seed)
    return {**{key: value for key, value in more.items() if type(value) is float}, **numbers}


def load_data(recipe):
    """The data of a recipe: a folder of pictures, or a data set by name.

    A name of `data.NAMES` is never a folder; write `./mnist` for a folder of that name.
    """
    shape = recipe.arguments.get("image_shape")
    return (
        image_folder.load(recipe.data, shape)
        if is_folder(recipe.data)
        else data.load(recipe.data, shape)
    )


def is_folder(name):
    """Whether the `data` of a recipe is a folder of pictures and no name of a data set."""
    return Path(name).name != name or (name not in data.NAMES and os.path.isdir(name))


def _build_trainee(recipe, arguments, train_images, start=None):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.dtype_policy)
    try:
        model = models.build(recipe.builder, **arguments)
    finally:
        keras.config.set_dtype_policy(policy)
    if start is not None:
        _begin_with(model, start)
    rate = recipe.learning_rate
    if recipe.cosine_decay:
        steps = -(-train_images // recipe.batch_size) * recipe.epochs
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    clip = {"global_clipnorm": recipe.clip_norm}
    optimizer = keras.optimizers.Adam(rate, **clip)
    if recipe.ema_momentum is not None:
        optimizer = AveragedAdam(rate, ema_momentum=recipe.ema_momentum, **clip)
    model.compile(optimizer, jit_compile=recipe.jit_compile)
    model.optimizer.build(model.trainable_variables)  # so that a checkpoint finds its slots
    return model


def _begin_with(model, start):
    """Gives a model the weights of another, part by part, wherever order and shapes agree.

    What one of the two has more, such as a head, shifts what comes after it and takes nothing away.
    """
    for part in ("encoder", "decoder", "posterior_family", "prior_family"):
        ours, theirs = (getattr(m, part, None) for m in (model, start))
        if ours is None or type(ours) is not type(theirs):
            continue
        shapes = [[tuple(w.shape) for w in weights] for weights in (ours.weights, theirs.weights)]
        alike = SequenceMatcher(None, *shapes, autojunk=False)
        for own, other, length in alike.get_matching_blocks():
            for i in range(length):
                ours.weights[own + i].assign(theirs.weights[other + i])


def _counted(split, batch_size, **prepared):
    """Batches whose order follows from the epoch, and the callback that tells them the epoch."""
    epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
    told = keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, _: epoch.assign(number))
    return data.batches(split, batch_size, epoch=epoch, **prepared), told


def _make_quantization_aware(model, images, recipe, checkpoints, verbose):
    """The last phase of a recipe, in place, with checkpoints of its own; returns its seconds."""
    epochs = recipe.quantization_aware_epochs
    if not epochs:
        return 0.0
    seed = recipe.seed + 1  # another order than in the epochs before
    keras.utils.set_random_seed(seed)
    prepared = {"seed": seed, "binarize": recipe.binarize}
    train, counter = _counted(images.train, recipe.batch_size, **prepared)
    states = Checkpoints(None if checkpoints is None else Path(checkpoints) / f"int8_{epochs}")
    with progress.training(verbose, "for int8") as (keras_verbose, shown):
        export.finetune(
            model,
            train,
            epochs=epochs,
            learning_rate=recipe.learning_rate / 10,
            calibration_images=calibration_images(images, recipe),
            checkpoints=states,
            jit_compile=recipe.jit_compile,
            callbacks=[counter, *shown],
            verbose=keras_verbose,
        )
    return states.seconds


def _training_callbacks(recipe, checkpoints):
    chosen = []
    if recipe.ema_momentum is not None:  # validate what will be kept: the average
        chosen.append(keras.callbacks.SwapEMAWeights())
    if recipe.warmup_epochs:
        chosen.append(callbacks.BetaWarmup(recipe.warmup_epochs))
    if checkpoints is not None:
        chosen.append(keras.callbacks.CSVLogger(os.path.join(checkpoints, "log.csv"), append=True))
    return chosen


def _claim(checkpoints, recipe, write=True):
    """Writes down which recipe the checkpoints belong to, and returns that as JSON values.

    A process that does not write only looks.

    Raises:
        ValueError: they belong to another one.

    Warns:
        What was written down cannot be read; each state tells it as well.
    """
    path = Path(checkpoints) / "recipe.json"
    fields = {key: value for key, value in vars(recipe).items() if key not in _AFTER_TRAINING}
    fields = {k: v for k, v in fields.items() if v is not None or k not in _LATER}
    described = json.loads(json.dumps(fields, default=keras.saving.serialize_keras_object))
    before = None
    if path.exists():
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            note = f"{str(path)!r} cannot be read ({error}); it is written anew."
            warnings.warn(note, stacklevel=3)
    if before is None and write:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, json.dumps(described, indent=2))
    if before is None:
        return described
    changed = [k for k in (*described, *_LATER) if described.get(k) != before.get(k)]
    if changed:
        here, there = described.get(changed[0]), before.get(changed[0])
        raise ValueError(
            f"{str(checkpoints)!r} holds the checkpoints of another recipe: {changed[0]} is "
            f"{here!r} here and {there!r} there. Choose another folder, or remove this one to "
            "start anew."
        )
    return described
