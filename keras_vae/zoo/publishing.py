"""Writes an entry of the shelf: aside, and renamed when it is whole."""

import importlib.metadata
import json
import os
import platform
import shutil
from pathlib import Path

import keras
import numpy as np

from keras_vae import __version__, atomic, compact, data, models, plot, recipe, training
from keras_vae.checkpoints import save_weights
from keras_vae.zoo import card, entry, example_data
from keras_vae.zoo.listing import info, locate, metadata, names, shelf

GOLDEN_ROWS = 8
# With tables of the shelf, and what stands before an entry's name in their links.
PAGES = {"zoo/README.md": "", "README.md": "zoo/", "docs/choices.md": "../zoo/"}
AFTERWARDS = ("expected", "tolerance", "reference", "reference_source")  # do not change a run


def publish(run, folder, recipe_file=None):
    """Writes an entry: everything but recipe.py is made here, from what was measured.

    The files are written aside and the folder is renamed when it is whole.

    Args:
        run: training.Run.
        folder: of the entry; an existing one must be an entry, or hold nothing but a recipe.
        recipe_file: recipe.py to copy, which must be that of the run: it is run to see. By default
            that of a folder which holds nothing else, or one that is written. The recipe of an
            entry that is replaced is not run.

    Returns:
        Path of the folder.

    Raises:
        FileExistsError: the folder holds something else.
        ValueError: the recipe file is not that of the run.
    """
    folder = Path(folder).resolve()
    check_target(folder)
    if recipe_file is None and [path.name for path in _content(folder)] == ["recipe.py"]:
        recipe_file = folder / "recipe.py"
    with atomic.folder(folder) as aside:
        write(run, aside, recipe_file)
    return folder


def _content(folder):
    return list(folder.iterdir()) if folder.is_dir() else []


def renew(name):
    """Makes anew what is made of the weights of an entry: card, picture, examples, hashes.

    Weights, recipe, configuration and numbers stay. The entry's data is read.

    Args:
        name: of an entry, or a folder of one.

    Returns:
        Path of the folder.

    Raises:
        FileNotFoundError: the entry's data is not at hand.
    """
    folder = locate(name).resolve()
    model, told = entry.load(name), entry.told_recipe(folder)
    images = training.load_data(told)
    with atomic.folder(folder) as aside:
        rewrite(folder, aside, model, told, images)
    return folder


def write_index(pages=None):
    """Makes the tables of the shelf anew from its metadata, in those of `PAGES` that are there."""
    entries = [info(name) for name in names()]
    if pages is None:
        pages = {shelf().parent / page: links for page, links in PAGES.items()}
        pages = {page: links for page, links in pages.items() if page.is_file()}
    for page, links in pages.items():
        text = card.replace_table(page.read_text(encoding="utf-8"), entries, links=links)
        page.write_text(text, encoding="utf-8")


def check_target(folder):
    """Raises FileExistsError where an entry cannot be written: files that are not an entry's."""
    folder = Path(folder)
    if folder.is_file():
        raise FileExistsError(f"{str(folder)!r} is a file; name a folder for the entry.")
    ours = {*entry.FILES, "__pycache__"}
    strangers = [p.name for p in folder.iterdir() if p.name not in ours] if folder.is_dir() else []
    if strangers:
        raise FileExistsError(
            f"{str(folder)!r} holds other files ({', '.join(sorted(strangers)[:3])}); choose a new "
            "or an empty folder."
        )


def write(run, folder, recipe_file):
    """Writes the eight files of a finished run into an empty folder.

    Args:
        run: training.Run.
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
    # Without the slots of an optimizer; and what config.json says is tried.
    fresh = entry.build(folder)
    fresh.set_weights(weights)
    save_weights(fresh, folder / "whole.weights.h5")
    compact.pack(folder / "whole.weights.h5", folder / "model.weights.h5")
    (folder / "whole.weights.h5").unlink()
    given = fresh.golden_inputs(GOLDEN_ROWS, seed=7)
    golden = dict(zip(fresh.golden_names, (given, fresh.golden_outputs(given))))
    np.savez_compressed(folder / "golden.npz", **golden)
    _write_pictures(run, fresh, folder)
    _close(folder, _describe(run, folder))


def _write_pictures(run, model, folder):
    """examples.npz and samples.png."""
    test, done = run.data.test, run.recipe
    if model.decoder is not None:
        example_data.write(folder, example_data.make(model, test, done.binarize, done.seed))
    plot.save(_picture(run), folder / "samples.png")


def _close(folder, described):
    """Writes the card, and metadata.json with the hashes of all other files: the last to write."""
    (folder / "README.md").write_text(card.render(described), encoding="utf-8")
    hashes = {
        file: entry.sha256(folder / file) for file in entry.HASHED if (folder / file).is_file()
    }
    _write_json(folder / "metadata.json", {**described, "sha256": hashes})


def record(folder, key, value):
    """Adds something measured later to the metadata of an entry and to its card.

    Args:
        folder: of the entry.
        key: in metadata.json; what stood there before is replaced.
        value: JSON values.
    """
    folder = Path(folder)
    entry.check(folder)
    described = {**metadata(folder), key: value}
    with atomic.folder(folder) as aside:
        for file in entry.files_of(described):
            shutil.copyfile(folder / file, aside / file)
        _close(aside, described)


def rewrite(folder, aside, model, told, images):
    """Copies an entry, and makes anew what is made of its weights: see `renew`.

    Args:
        folder: of the entry.
        aside: empty folder to write to.
        model: loaded from the entry.
        told: `told_recipe(folder)`.
        images: its data.Data.
    """
    before = metadata(folder)
    run = training.Run(told, told.arguments, model, images, before["numbers"], 0.0)
    for file in ("recipe.py", "config.json", "model.weights.h5", "golden.npz"):
        shutil.copyfile(folder / file, aside / file)
    _write_pictures(run, model, aside)
    before = {**before, "purpose": model.purpose}
    _close(aside, {**before, "data": {**before["data"], **_describe_data(run, folder)}})


def recipe_difference(path, run):
    """In which field a recipe file would not repeat a run; None where it would."""
    told, done = (_to_json(dict(vars(r))) for r in (recipe.load(path), run.recipe))
    for key, value in done.items():
        if key not in AFTERWARDS and told[key] != value:
            return f"{key} is {told[key]!r} there and {value!r} in the run"
    return None


def _describe_data(run, folder):
    """Name and licence of the data; of own pictures also the folder, relative to the entry's."""
    if not training.is_folder(run.recipe.data):
        name = run.data.name
        return {"name": name, "licence": data.LICENCES.get(name, "not known to keras_vae")}
    path = Path(run.recipe.data).absolute()
    seen = os.path.relpath(path.resolve(), Path(folder).resolve())
    return {"name": path.name, "folder": seen, "licence": "not known to keras_vae"}


def _describe(run, folder):
    done, splits = run.recipe, run.data
    reference = done.reference and {"numbers": done.reference, "source": done.reference_source}
    return {
        "name": done.name,
        "kind": type(run.model).__name__,
        "purpose": run.model.purpose,
        "builder": done.builder,
        "latent_dim": run.model.latent_dim,
        "parameters": run.model.count_params(),
        "decoder_parameters": run.model.decoder.count_params() if run.model.decoder else None,
        "numbers": run.numbers,
        "expected": done.expected,
        "tolerance": done.tolerance,
        **({"reference": reference} if reference else {}),
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
            **({} if done.start is None else {"start": done.start}),
            **({} if done.corruption is None else {"corruption": done.corruption}),
            **({} if done.augmentation is None else {"augmentation": done.augmentation}),
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


def _picture(run):
    """8x8 samples beside four rows of test images, over their reconstructions where there are such.

    Returns:
        uint8 picture with captions.
    """
    model = run.model
    images = data.pixels(run.data.test, run.recipe.binarize, run.recipe.seed)[:32]
    columns = min(8, len(images))
    images = images[: len(images) // columns * columns]
    scale = max(1, round(56 / model.image_shape[0]))
    originals = "binarised originals" if run.recipe.binarize else "originals"
    right = plot.grid(images, columns, scale)
    if model.decoder is not None:
        right = plot.pairs(images, model.reconstruct(images), columns, scale)
        originals += ", each row over its reconstructions"
    samples = model.sample(2 * len(images), seed=1)
    return plot.captioned({model.samples_are: plot.grid(samples, columns, scale), originals: right})


def _recipe_source(done):
    """The text of recipe.py for a run that was not started from such a file."""
    fields = "".join(f"    {key}={_code(value)},\n" for key, value in vars(done).items())
    imports = "import keras\n\n" if "keras.saving" in fields else ""
    return (
        f'"""How {done.name} was trained; `keras-vae train recipe.py --output DIR` repeats it."""'
        f"\n\n{imports}from keras_vae.recipe import Recipe\n\nRECIPE = Recipe(\n{fields})\n"
    )


def _code(value):
    """A value as Python source; families and objectives by what Keras serialises them to."""
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


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
