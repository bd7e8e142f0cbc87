"""What `keras-vae train` and `evaluate` do: run a recipe and publish; measure an entry again."""

import dataclasses
import os
from pathlib import Path

from keras_vae import (
    atomic,
    data,
    distribution,
    image_folder,
    lock,
    models,
    objectives,
    recipe,
    training,
)
from keras_vae import evaluate as evaluation
from keras_vae.checkpoints import Checkpoints
from keras_vae.choice import unknown
from keras_vae.zoo import entry, publishing
from keras_vae.zoo.listing import decodable, info, locate, shelf

PICTURE_EPOCHS = 100  # or as many as give PICTURE_STEPS
PICTURE_STEPS = 2000  # fewer leave the code without use, however few the pictures are
PICTURE_WARMUP = 0.2  # of the epochs
AUGMENTATION = {"rotation": 8.0, "scale": 0.08, "shear": 0.1}  # of `augment`
_CODE = {"likelihood": "normal", "latent_dim": 32}
_PIXELS = {"likelihood": "discretized_logistic"}  # 8-bit levels, whose probabilities are exact
PICTURE_ARGUMENTS = {
    "dense_ae": _CODE,
    "dense_vae": _CODE,
    "conv_ae": {**_CODE, "filters": (32, 64, 128)},
    "conv_vae": {**_CODE, "filters": (32, 64, 128)},
    "pixel_cnn": _PIXELS,
    "pixel_rnn": _PIXELS,
}


def recipe_for(
    what,
    images,
    name,
    image_size=None,
    latent_dim=None,
    likelihood=None,
    epochs=None,
    *,
    batch_size=None,
    learning_rate=None,
    beta=None,
    augment=False,
):
    """The recipe that `keras-vae train WHAT` runs: an entry's, a file's, or one for own pictures.

    Args:
        what: name of an entry, path of a recipe.py, or key of `models.BUILDERS`.
        images: folder of pictures, for a builder; else None.
        name: of the entry that is written.
        image_size: pictures are resized to (image_size, image_size).
        latent_dim: size of the code, instead of the recipe's.
        likelihood: of a builder on pictures, instead of that in PICTURE_ARGUMENTS.
        epochs, batch_size, learning_rate: instead of the recipe's.
        beta: weight of the rate in a VAE's ELBO, instead of the recipe's.
        augment: whether training images are changed by `AUGMENTATION`, instead of what the recipe
            says of it.

    Returns:
        (Recipe, Path of the file that defines it or None).

    Raises:
        ValueError: not an entry, nor a file, nor a builder with images; or beta without an ELBO.
    """
    changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    changes["augmentation"] = dict(AUGMENTATION) if augment else None
    changes = {key: value for key, value in changes.items() if value is not None}
    if what in models.BUILDERS:
        if images is None:
            raise ValueError(f"The builder {what!r} needs pictures: --images FOLDER.")
        chosen = _of_pictures(what, images, name, image_size, latent_dim, likelihood, changes)
        return _with_beta(chosen, beta), None
    if images is not None:
        raise ValueError(
            f"--images is for a builder, one of {list(models.BUILDERS)}, not {what!r}."
        )
    if what.endswith(".py") or os.path.sep in what:
        path = Path(what)
        path = path / "recipe.py" if path.is_dir() else path
    else:
        path = shelf() / what / "recipe.py"
        if not path.is_file():
            known = sorted(p.parent.name for p in shelf().glob("*/recipe.py"))
            raise unknown("model", what, [*known, *models.BUILDERS], ", or give a recipe.py")
    chosen = recipe.load(path)
    if latent_dim is not None:
        changes["arguments"] = {**chosen.arguments, "latent_dim": latent_dim}
    if not changes and beta is None:
        return chosen, path
    changes |= {"expected": {}, "tolerance": {}}  # they are of the recipe as it is
    changes |= {"reference": {}, "reference_source": ""}
    return _with_beta(dataclasses.replace(chosen, **changes), beta), None


def _with_beta(chosen, beta):
    """A recipe whose ELBO weighs the rate by beta, unless that is None."""
    if beta is None:
        return chosen
    arguments = models.bind(chosen.builder, {"image_shape": None, **chosen.arguments})
    if "objective" not in arguments:
        raise ValueError(f"beta weighs the rate of a VAE; {chosen.builder!r} has none.")
    objective = objectives.get(arguments["objective"])
    if not isinstance(objective, objectives.ELBO):
        raise ValueError(f"beta is of the ELBO; the objective is {type(objective).__name__}.")
    objective = objectives.ELBO(**{**objective.get_config(), "beta": beta})
    return dataclasses.replace(chosen, arguments={**chosen.arguments, "objective": objective})


def _of_pictures(builder, images, name, image_size, latent_dim, likelihood, changes):
    arguments = dict(PICTURE_ARGUMENTS[builder])
    given = {"latent_dim": latent_dim, "likelihood": likelihood}
    arguments |= {name: value for name, value in given.items() if value is not None}
    if image_size is not None:
        arguments["image_shape"] = (image_size, image_size, image_folder.channels(images))
    settings = {"importance_samples": 100, **_length(image_folder.count(images), changes)}
    if builder.endswith("vae"):
        settings["warmup_epochs"] = settings["epochs"] * PICTURE_WARMUP
    folder = str(Path(images).absolute())
    return recipe.Recipe(name=name, data=folder, builder=builder, arguments=arguments, **settings)


def _length(pictures, changes):
    """Epochs and batch size for a number of pictures, of which four fifths are trained on."""
    images = max(1, pictures - 2 * (pictures // 10))
    fitting = 16 if images < 256 else 32 if images < 1024 else 64
    batch_size = changes.get("batch_size", fitting)
    epochs = max(PICTURE_EPOCHS, -(-PICTURE_STEPS // -(-images // batch_size)))
    return {"epochs": epochs, "batch_size": batch_size, **changes}


def train(chosen, folder, recipe_file=None, verbose="auto", devices=None):
    """Runs a recipe and publishes the result into a folder.

    Checkpoints lie beside the folder until the entry is whole; the same call after an
    interruption goes on from them. A run that misses the numbers of its recipe is published where
    there is no entry yet (`recipe.misses` tells), and never in the place of one.

    Args:
        chosen: Recipe.
        folder: of the entry.
        recipe_file: that the recipe came from, copied before the training and into the entry; or
            None.
        verbose: as in Keras.
        devices: see `distribution.strategy`, which also reads TF_CONFIG.

    Returns:
        dict of metadata.json; None in a worker that is not the chief of its cluster.

    Raises:
        BlockingIOError: another process trains into the folder; says which.
        FileExistsError: the folder holds something else than an entry.
        OSError: nothing can be written where the folder is to be.
        ValueError: the run misses its numbers, and the folder holds an entry, which stays.
    """
    strategy, folder = distribution.strategy(devices), Path(folder)
    if not distribution.is_chief(strategy):
        _run(chosen, checkpoints_of(folder), 0, strategy)
        return None
    atomic.check(folder)
    with lock.held(folder):
        return _train(chosen, folder, checkpoints_of(folder), recipe_file, verbose, strategy)


def checkpoints_of(folder):
    """Path of the checkpoints of a training into a folder."""
    return Path(folder).with_name(f".{Path(folder).name}.checkpoints")


def what_stays(folder):
    """A sentence on what an interrupted `train` into a folder leaves."""
    checkpoints = checkpoints_of(folder)
    states = Checkpoints(checkpoints).epochs()
    if not states:
        return "Stopped before the end of an epoch; nothing was written."
    return (
        f"Stopped. The state after epoch {states[-1]} is kept in {str(checkpoints)!r}; the same "
        "command goes on from it."
    )


def _run(chosen, checkpoints, verbose, strategy):
    start = None if chosen.start is None else entry.load(chosen.start)
    return training.run(chosen, checkpoints, verbose, start, strategy)


def _train(chosen, folder, checkpoints, recipe_file, verbose, strategy):
    for path in (folder, checkpoints):
        atomic.repair(path)
    publishing.check_target(folder)
    if recipe_file is not None:  # as it is now: the file may change while it trains
        checkpoints.mkdir(parents=True, exist_ok=True)
        copy = checkpoints / "recipe.py"
        atomic.write(copy, Path(recipe_file).read_bytes())
        recipe_file = copy
    run = _run(chosen, checkpoints, verbose, strategy)
    misses = chosen.misses(run.numbers)
    if misses and (folder / "metadata.json").is_file():
        raise ValueError(
            f"The run misses its numbers: {'; '.join(misses)}. The entry in {str(folder)!r} stays "
            f"as it was; the run's checkpoints are in {str(checkpoints)!r}. Give another folder to "
            "keep this run, or remove the checkpoints to train anew."
        )
    publishing.publish(run, folder, recipe_file)
    atomic.remove(checkpoints)
    return info(folder)


def evaluate(
    name,
    importance_samples=100,
    count=None,
    progress=True,
    kept=None,
    *,
    generation=False,
    manifold=False,
):
    """Measures an entry again on the test images of its recipe.

    Args:
        name: of an entry, or a folder of one.
        importance_samples: draws of z per image.
        count: only the first test images, or None for all.
        progress: show a progress bar.
        kept: see `evaluate.report`.
        generation: also compare as many samples with the grey test images.
        manifold: also read the codes of the test images, beside PCA.

    Returns:
        dict of `evaluate.report`; with "generation", a dict of `evaluate.generation`, and
        "manifold", one of `evaluate.manifold`, where they are asked for.

    Raises:
        ValueError: a manifold of images without labels, or of a model without codes.
    """
    if manifold:
        decodable(name, "--manifold")
    model, chosen = entry.load(name), entry.told_recipe(locate(name))
    images = training.load_data(chosen)
    test = images.test
    if manifold and test.labels is None:
        raise ValueError(f"The test images of {images.name!r} have no labels for --manifold.")
    if count is not None:
        labels = None if test.labels is None else test.labels[:count]
        test = data.Split("test", test.images[:count], labels)
        images = dataclasses.replace(images, test=test)
    more = {}
    if generation:
        more["generation"] = evaluation.generation(model, data.pixels(test), seed=chosen.seed)
    if manifold:
        seen = data.pixels(test, chosen.binarize, chosen.seed)
        codes = model.encode(seen)
        more["manifold"] = evaluation.manifold(codes, test.labels, seen, chosen.seed)
    chosen = dataclasses.replace(chosen, importance_samples=importance_samples)
    return {**training.measure(model, images, chosen, progress, kept), **more}
