"""One folder of the shelf: its seven files, how they are written and how they are checked."""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
from pathlib import Path

import keras
import numpy as np

from keras_vae import __version__, card, data, models, plot

FILES = (
    "recipe.py",
    "config.json",
    "model.weights.h5",
    "metadata.json",
    "golden.npz",
    "README.md",
    "samples.png",
)
HASHED = ("config.json", "model.weights.h5", "golden.npz", "README.md", "samples.png")
GOLDEN_CODES = 8


def check(folder):
    """Raises an error where a file of an entry is missing or is not what was published."""
    folder = Path(folder)
    remedy = (
        f"Reinstall keras_vae (or `git checkout` the folder), or rebuild the entry with "
        f"`keras-vae train {folder.name} --output DIR`."
    )
    published = metadata(folder)
    for file in HASHED:
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{str(folder / file)!r} is missing. {remedy}")
        if _sha256(folder / file) != published["sha256"].get(file):
            raise ValueError(
                f"{str(folder / file)!r} is not the published file: its SHA-256 differs from the "
                f"one in metadata.json. {remedy}"
            )
    if card.digest(published) not in (folder / "README.md").read_text(encoding="utf-8"):
        raise ValueError(
            f"The card {str(folder / 'README.md')!r} disagrees with metadata.json: one of them "
            f"was changed alone. {remedy}"
        )


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


def build(folder):
    """The model that config.json describes, with fresh weights."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    return models.build(config["builder"], **_from_json(config["arguments"]))


def write(run, folder, recipe_file):
    """Writes the seven files of a finished run into an empty folder."""
    model, recipe = run.model, run.recipe
    if Path(recipe_file).is_file():
        shutil.copyfile(recipe_file, folder / "recipe.py")
    else:
        (folder / "recipe.py").write_text(_recipe_source(recipe))
    arguments = models.bind(recipe.builder, run.arguments)
    _write_json(
        folder / "config.json", {"builder": recipe.builder, "arguments": _to_json(arguments)}
    )
    model_without_slots = models.build(recipe.builder, **run.arguments)
    model_without_slots.set_weights(model.get_weights())
    model_without_slots.save_weights(folder / "model.weights.h5")
    z = _codes(run, GOLDEN_CODES, seed=7)
    np.savez_compressed(folder / "golden.npz", z=z, pixels=model.decode(z))
    plot.save(_picture(run), folder / "samples.png")
    described = _describe(run)
    (folder / "README.md").write_text(card.render(described), encoding="utf-8")
    described["sha256"] = {file: _sha256(folder / file) for file in HASHED}
    _write_json(folder / "metadata.json", described)


def _describe(run):
    recipe, splits = run.recipe, run.data
    return {
        "name": recipe.name,
        "kind": type(run.model).__name__,
        "builder": recipe.builder,
        "latent_dim": run.model.latent_dim,
        "parameters": run.model.count_params(),
        "decoder_parameters": run.model.decoder.count_params(),
        "numbers": run.numbers,
        "expected": recipe.expected,
        "tolerance": recipe.tolerance,
        "data": {
            "name": splits.name,
            "licence": data.LICENCES.get(splits.name, "not known to keras_vae"),
            "image_shape": list(splits.image_shape),
            "binarize": recipe.binarize,
            "train_images": len(splits.train),
            "validation_images": len(splits.validation),
            "test_images": len(splits.test),
        },
        "training": {
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "seconds": round(run.seconds, 1),
            "seed": recipe.seed,
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
    codes = run.model.encode(data.pixels(run.data.train)[:5000])
    draw = np.random.default_rng(seed).multivariate_normal(codes.mean(0), np.cov(codes.T), count)
    return draw.astype("float32")


def _picture(run):
    """8x8 samples beside four rows of test images over their reconstructions, uint8."""
    images = data.pixels(run.data.test, run.recipe.binarize, run.recipe.seed)[:32]
    columns = min(8, len(images))
    samples = run.model.decode(_codes(run, len(images) // columns * columns * 2, seed=1))
    left = plot.grid(samples, columns)
    right = plot.pairs(images, run.model.reconstruct(images), columns)
    scale = max(1, 32 // run.model.image_shape[0])
    gap = np.full((left.shape[0], 8, left.shape[2]), 255, "uint8")
    return np.concatenate([left, gap, right], axis=1).repeat(scale, 0).repeat(scale, 1)


def _recipe_source(recipe):
    fields = "".join(f"    {key}={value!r},\n" for key, value in vars(recipe).items())
    return (
        f'"""How {recipe.name} was trained; `keras-vae train recipe.py --output DIR` repeats it."""'
        f"\n\nfrom keras_vae.recipe import Recipe\n\nRECIPE = Recipe(\n{fields})\n"
    )


def swap(aside, folder):
    """Puts a whole new folder in the place of an old one."""
    if folder.is_dir():
        old = aside.with_name(aside.name + ".old")
        folder.rename(old)
        aside.rename(folder)
        shutil.rmtree(old)
    else:
        aside.rename(folder)
    folder.chmod(0o755)


def metadata(folder):
    """metadata.json as a dict; FileNotFoundError or ValueError where it cannot be read."""
    path = Path(folder) / "metadata.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{str(path)!r} is missing; reinstall keras_vae.") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{str(path)!r} is no JSON ({error}); reinstall keras_vae.") from error


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
        return tuple(value) if isinstance(value, list) else value

    return {key: restore(value) for key, value in arguments.items()}


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
