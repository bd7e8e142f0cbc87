"""One folder of the shelf: its eight files, how they are written and how they are checked."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
from pathlib import Path

import keras
import numpy as np

from keras_vae import __version__, atomic, card, data, examples, models, plot, recipe
from keras_vae.listing import metadata, shelf

FILES = (
    "recipe.py",
    "config.json",
    "model.weights.h5",
    "metadata.json",
    "golden.npz",
    examples.FILE,
    "README.md",
    "samples.png",
)
HASHED = tuple(file for file in FILES if file != "metadata.json")
LATER = (examples.FILE,)  # an entry may be older than these, and then does not name them
UNHASHED = ("recipe.py",)  # in older entries
GOLDEN_CODES = 8


def check(folder):
    """Raises an error where a file of an entry is missing or is not what was published."""
    folder = Path(folder)
    remedy = "Take the folder anew from where it came from."
    if folder.resolve().parent == shelf().resolve():  # to train is to run its recipe: ours alone
        remedy = (
            f"Reinstall keras_vae (or `git checkout` the folder), or rebuild the entry with "
            f"`keras-vae train {folder.name} --output DIR`."
        )
    published = metadata(folder)
    files = files_of(published)
    for file in files:
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{str(folder / file)!r} is missing. {remedy}")
    hashes = published.get("sha256", {})
    for file in [file for file in HASHED if file in files]:
        if file in UNHASHED and file not in hashes:
            continue
        if _sha256(folder / file) != hashes.get(file):
            raise ValueError(
                f"{str(folder / file)!r} is not the published file: its SHA-256 differs from the "
                f"one in metadata.json. {remedy}"
            )
    if card.digest(published) not in (folder / "README.md").read_text(encoding="utf-8"):
        raise ValueError(
            f"The card {str(folder / 'README.md')!r} disagrees with metadata.json: one of them "
            f"was changed alone. {remedy}"
        )


def files_of(published):
    """The files that an entry with this metadata has: all, or all but those made since."""
    return [f for f in FILES if f not in LATER or f in published.get("sha256", {})]


def check_target(folder):
    """Raises FileExistsError where an entry cannot be written: files that are not an entry's."""
    folder = Path(folder)
    if folder.is_file():
        raise FileExistsError(f"{str(folder)!r} is a file; name a folder for the entry.")
    ours = {*FILES, "__pycache__"}
    strangers = [p.name for p in folder.iterdir() if p.name not in ours] if folder.is_dir() else []
    if strangers:
        raise FileExistsError(
            f"{str(folder)!r} holds other files ({', '.join(sorted(strangers)[:3])}); choose a new "
            "or an empty folder."
        )


def read_config(folder):
    """config.json: {"builder": name, "arguments": all its arguments, as Python values}."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    return {**config, "arguments": _from_json(config["arguments"])}


def build(folder):
    """The model that config.json describes, with fresh weights."""
    config = read_config(folder)
    return models.build(config["builder"], **config["arguments"])


def write(run, folder, recipe_file):
    """Writes the eight files of a finished run into an empty folder.

    Args:
        run: recipe.Run.
        folder: Path.
        recipe_file: recipe.py to copy, or None to write one.

    Raises:
        ValueError: the recipe file describes another training than the run's.
    """
    if recipe_file is None:
        (folder / "recipe.py").write_text(_recipe_source(run.recipe), encoding="utf-8")
    else:
        difference = recipe_difference(recipe_file, run)
        if difference:
            raise ValueError(
                f"{str(recipe_file)!r} is not the recipe of this run: {difference}. Publish into "
                "another folder, or give the right recipe_file."
            )
        shutil.copyfile(recipe_file, folder / "recipe.py")
    builder = run.recipe.builder
    arguments = _to_json(models.bind(builder, run.arguments))
    _write_json(folder / "config.json", {"builder": builder, "arguments": arguments})
    weights = run.model.get_weights()
    fresh = build(folder)  # without the slots of an optimizer; and what config.json says is tried
    fresh.set_weights(weights)
    fresh.save_weights(folder / "model.weights.h5")
    z = _codes(run, GOLDEN_CODES, seed=7)
    np.savez_compressed(folder / "golden.npz", z=z, pixels=fresh.decode(z))
    _write_pictures(run, fresh, folder)
    _close(folder, _describe(run, folder))


def _write_pictures(run, model, folder):
    """examples.npz and samples.png."""
    test, done = run.data.test, run.recipe
    examples.write(folder, examples.make(model, test, done.binarize, done.seed))
    plot.save(_picture(run), folder / "samples.png")


def _close(folder, described):
    """Writes the card, and metadata.json with the hashes of all other files: the last to write."""
    (folder / "README.md").write_text(card.render(described), encoding="utf-8")
    hashes = {file: _sha256(folder / file) for file in HASHED if (folder / file).is_file()}
    _write_json(folder / "metadata.json", {**described, "sha256": hashes})


def record(folder, key, value):
    """Adds something measured later to the metadata of an entry and to its card.

    Args:
        folder: of the entry.
        key: in metadata.json; what stood there before is replaced.
        value: JSON values.
    """
    folder = Path(folder)
    check(folder)
    described = {**metadata(folder), key: value}
    with atomic.folder(folder) as aside:
        for file in files_of(described):
            shutil.copyfile(folder / file, aside / file)
        _close(aside, described)


def rewrite(folder, aside, model, told, images):
    """Copies an entry, all that is made of its weights anew.

    Args:
        folder: of the entry.
        aside: empty folder to write to.
        model: loaded from the entry.
        told: `told_recipe(folder)`.
        images: its data.Data.
    """
    before = metadata(folder)
    run = recipe.Run(told, told.arguments, model, images, before["numbers"], 0.0)
    for file in ("recipe.py", "config.json", "model.weights.h5", "golden.npz"):
        shutil.copyfile(folder / file, aside / file)
    _write_pictures(run, model, aside)
    _close(aside, {**before, "data": {**before["data"], **_describe_data(run, folder)}})


def told_recipe(folder):
    """The recipe of an entry as its metadata.json tells it; nothing of the entry is run.

    What only a training needs (learning rate, averages) has the defaults.

    Returns:
        recipe.Recipe; its `image_shape` and, for a folder of pictures, its path are those of the
        entry, the path as it is seen from there.

    Raises:
        ValueError: metadata.json does not say where the images are from.
    """
    folder = Path(folder).resolve()
    described = metadata(folder)
    try:
        told, training = described["data"], described["training"]
        name = str(told["name"])
        pictures = told.get("folder")
        if pictures is None and not re.fullmatch(r"\w+", name):
            raise ValueError(f"{name!r} is no name of a data set")
        return recipe.Recipe(
            name=str(described["name"]),
            data=name if pictures is None else os.path.normpath(folder / pictures),
            builder=described["builder"],
            arguments={**read_config(folder)["arguments"], "image_shape": _shape(told)},
            epochs=training["epochs"],
            batch_size=training["batch_size"],
            seed=training["seed"],
            binarize=told["binarize"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{str(folder / 'metadata.json')!r} does not tell what the entry was trained on "
            f"({type(error).__name__}: {error}); publish the entry anew."
        ) from error


def _shape(told):
    return tuple(int(size) for size in told["image_shape"])


def recipe_difference(path, run):
    """In which field a recipe file would not repeat a run; None where it would."""
    told, done = (_to_json(dict(vars(r))) for r in (recipe.load(path), run.recipe))
    for key, value in done.items():
        if key not in ("expected", "tolerance") and told[key] != value:
            return f"{key} is {told[key]!r} there and {value!r} in the run"
    return None


def _describe_data(run, folder):
    """What a data set is called; pictures of one's own by their folder as the entry sees it."""
    if not recipe.is_folder(run.recipe.data):
        name = run.data.name
        return {"name": name, "licence": data.LICENCES.get(name, "not known to keras_vae")}
    path = Path(run.recipe.data).absolute()
    seen = os.path.relpath(path.resolve(), Path(folder).resolve())
    return {"name": path.name, "folder": seen, "licence": "not known to keras_vae"}


def _describe(run, folder):
    done, splits = run.recipe, run.data
    return {
        "name": done.name,
        "kind": type(run.model).__name__,
        "builder": done.builder,
        "latent_dim": run.model.latent_dim,
        "parameters": run.model.count_params(),
        "decoder_parameters": run.model.decoder.count_params(),
        "numbers": run.numbers,
        "expected": done.expected,
        "tolerance": done.tolerance,
        "data": {
            **_describe_data(run, folder),
            "image_shape": list(splits.image_shape),
            "binarize": done.binarize,
            "train_images": len(splits.train),
            "validation_images": len(splits.validation),
            "test_images": len(splits.test),
        },
        "training": {
            "epochs": done.epochs,
            "batch_size": done.batch_size,
            "seconds": round(run.seconds, 1),
            "seed": done.seed,
            "cpus": os.cpu_count(),
        },
        "versions": {
            "keras_vae": __version__,
            "python": platform.python_version(),
            **{
                package: importlib.metadata.version(package)
                for package in ("tensorflow", "keras", "tensorflow-probability")
            },
        },
    }


def _codes(run, count, seed):
    """(count, D): draws from the prior, or from a normal fitted to an autoencoder's codes."""
    if hasattr(run.model, "prior"):
        return np.asarray(run.model.prior.sample(count, seed=np.array([0, seed], "int32")))
    some = data.Split("train", run.data.train.images[:5000])
    codes = run.model.encode(data.pixels(some, run.recipe.binarize, run.recipe.seed))
    covariance = np.atleast_2d(np.cov(codes.astype("float64"), rowvar=False))
    draw = np.random.default_rng(seed).multivariate_normal(codes.mean(axis=0), covariance, count)
    return draw.astype("float32")


def _picture(run):
    """8x8 samples beside four rows of test images over their reconstructions, uint8."""
    images = data.pixels(run.data.test, run.recipe.binarize, run.recipe.seed)[:32]
    columns = min(8, len(images))
    images = images[: len(images) // columns * columns]
    samples = run.model.decode(_codes(run, 2 * len(images), seed=1))
    scale = max(1, round(56 / run.model.image_shape[0]))
    rebuilt = plot.pairs(images, run.model.reconstruct(images), columns, scale)
    of_a_prior = hasattr(run.model, "prior")
    drawn = "samples" if of_a_prior else "decoded draws of a normal fitted to the codes"
    originals = "binarised originals" if run.recipe.binarize else "originals"
    return plot.captioned(
        {
            drawn: plot.grid(samples, columns, scale),
            f"{originals}, each row over its reconstructions": rebuilt,
        }
    )


def _recipe_source(done):
    """recipe.py of a run that was not started from one."""
    fields = "".join(f"    {key}={_code(value)},\n" for key, value in vars(done).items())
    imports = "import keras\n\n" if "keras.saving" in fields else ""
    return (
        f'"""How {done.name} was trained; `keras-vae train recipe.py --output DIR` repeats it."""'
        f"\n\n{imports}from keras_vae.recipe import Recipe\n\nRECIPE = Recipe(\n{fields})\n"
    )


def _code(value):
    """A value as Python; families and objectives through Keras's own description of them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_code(item)}" for key, item in value.items()) + "}"
    described = _to_json(value)
    if isinstance(described, dict):
        return f"keras.saving.deserialize_keras_object({described!r})"
    return repr(value)


def _to_json(value):
    """Builder arguments as JSON: families and objectives as Keras serialises them."""
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return keras.saving.serialize_keras_object(value)


def _from_json(arguments):
    def restore(value):
        if isinstance(value, dict) and "class_name" in value:
            return keras.saving.deserialize_keras_object(value)
        if isinstance(value, dict):
            return {key: restore(item) for key, item in value.items()}
        return tuple(value) if isinstance(value, list) else value

    return {key: restore(value) for key, value in arguments.items()}


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
