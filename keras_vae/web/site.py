"""The browser page of the zoo: a folder of static files that runs every model by LiteRT.js."""

import dataclasses
import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path

from keras_vae import __version__, atomic, zoo
from keras_vae.choice import unknown
from keras_vae.export.tflite import QUANTIZE
from keras_vae.web.models import describe, write_files
from keras_vae.zoo.listing import decodable

DECODER_LIMIT = 1_000_000  # bytes, gzipped, of a quantised site: a visitor loads one at a time
PACKED = {".html", ".css", ".js", ".json", ".svg", ".webmanifest", ".wasm"}  # a .gz beside each
PAGE_SUFFIXES = {".html", ".css", ".js", ".svg", ".png", ".webmanifest"}
RUNTIMES = ("litert_wasm_internal", "litert_wasm_compat_internal")  # with relaxed SIMD, and without
BUILD = "build.json"


@dataclasses.dataclass(frozen=True)
class Site:
    """A finished site.

    Attributes:
        path: of the folder; any static file server can serve it, below any address.
        models: list of dicts, one a model, as `models.json` has them.
        decoders_bytes: of all decoders together, gzipped as they are served.
        bytes: of all files together.
    """

    path: Path
    models: list
    decoders_bytes: int
    bytes: int


def web(folder, names=None, quantize="weights", litert=None):
    """Builds the page of the zoo: page, LiteRT.js, a decoder and an encoder for each model.

    The site needs no server side. It is written aside and renamed when it is whole; a folder that
    already holds the site of the same models, page and settings is left as it is.

    Args:
        folder: to write; an existing one must be empty or hold a site.
        names: of entries, or folders that `keras-vae train` wrote; by default all of the zoo that
            have a decoder.
        quantize: of the .tflite files: None, "float16", "weights", "dynamic" or "int8".
        litert: node_modules folder that holds LiteRT.js; by default the first of `litert_places`
            that has it.

    Returns:
        Site.

    Raises:
        ValueError: an unknown name or `quantize`, two models of the same name, or a quantised
            decoder of more than 1 MB.
        FileNotFoundError: LiteRT.js is not installed in the version of the page; the error says
            where it was looked for, and how to install it.
        FileExistsError: the folder holds something else.
    """
    if quantize not in QUANTIZE:
        raise unknown("quantize", quantize, QUANTIZE)
    names = zoo.names(decoders=True) if names is None else list(names)
    if not names:
        raise ValueError("names is empty: a site needs at least one model.")
    entries = {str(name): decodable(name, "the page") for name in names}
    own = [entry["name"] for entry in entries.values()]
    if len(set(own)) < len(own) or len(own) < len(names):
        raise ValueError(f"Each model of a site needs a name of its own; received {own}.")
    folder = _free(folder)
    packages = _litert(litert)
    key = _key(entries, quantize, packages)
    if _built(folder) == key:
        return _read(folder)
    with atomic.folder(folder) as aside:
        _write(aside, entries, quantize, packages, key)
    return _read(folder)


def source():
    """Folder of the page's source: inside an installed package, or `export/web/` of a clone."""
    packaged = Path(__file__).with_name("page")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "export" / "web"


def litert_version():
    """The version of LiteRT.js that the page is written for, from its package.json."""
    package = json.loads((source() / "package.json").read_text(encoding="utf-8"))
    return package["dependencies"]["@litertjs/core"]


def litert_places():
    """Where LiteRT.js is looked for: a clone and any project in the current folder, the page."""
    here = [Path("export/web/node_modules"), Path("node_modules")]
    return [place.absolute() for place in [*here, source() / "node_modules"]]


def copy_litert(folder, litert=None):
    """Copies what a page needs of LiteRT.js, under the names that the page's import map has.

    Args:
        folder: to make.
        litert: node_modules folder that holds LiteRT.js, as for `web`.

    Raises:
        FileNotFoundError: LiteRT.js is not installed in this version.
    """
    _copy_litert(_litert(litert), Path(folder))


# ---- the parts ----------------------------------------------------------------------------------


def _write(folder, entries, quantize, packages, key):
    for file in sorted(source().iterdir()):
        if file.suffix in PAGE_SUFFIXES:
            shutil.copyfile(file, folder / file.name)
    _copy_litert(packages, folder / "litert")
    models = []
    for name, entry in entries.items():
        place = folder / "models" / entry["name"]
        place.mkdir(parents=True)
        model = zoo.load(name)
        files = write_files(name, model, place, quantize)
        models.append(describe(name, model, entry, files))
    decoders = {model["name"]: model["files"]["decoder"]["bytes"] for model in models}
    for name, size in decoders.items():
        if quantize in ("weights", "dynamic", "int8") and size > DECODER_LIMIT:
            raise ValueError(
                f"The decoder of {name!r} has {size:,} bytes, above the limit of "
                f"{DECODER_LIMIT:,}: a phone would wait for it. Leave it out, or train a smaller "
                "one."
            )
    _tell_apart(models)
    sizes = {name: (folder / f"litert/{name}.wasm").stat().st_size for name in RUNTIMES}
    total = sum(decoders.values())
    listing = {"quantize": quantize, "decoders_bytes": total, "runtimes": sizes, "models": models}
    _dump(listing, folder / "models.json")
    # The service worker reads this: what to keep, under a version made of the content.
    site = {
        "prefix": "keras_vae-",
        "version": _digest(folder),
        "files": ["./", *(file for file in _files(folder) if Path(file).name not in _kept_out())],
        "runtimes": {
            name: [f"litert/{name}{end}" for end in (".js", ".wasm")] for name in RUNTIMES
        },
    }
    (folder / "site.js").write_text(f"self.SITE = {json.dumps(site, indent=1)};\n")
    _pack(folder)
    _dump({"key": key}, folder / BUILD)


def _tell_apart(models):
    """Puts its name behind each line of the menu that reads like another."""
    lines = [model["menu"] for model in models]
    for model in models:
        if lines.count(model["menu"]) > 1:
            model["menu"] += f" ({model['name']})"


def _pack(folder):
    """A gzipped copy beside each file that shrinks by it: what a server may send in its place."""
    for file in _files(folder):
        path = folder / file
        if path.suffix in PACKED:
            packed = gzip.compress(path.read_bytes(), mtime=0)  # without a date: the same each time
            if len(packed) < path.stat().st_size:
                path.with_name(f"{path.name}.gz").write_bytes(packed)


def _copy_litert(packages, folder):
    folder.mkdir()
    shutil.copyfile(packages / "core/dist/index.js", folder / "core.js")
    shutil.copyfile(packages / "wasm-utils/dist/index.js", folder / "wasm-utils.js")
    for file in _runtime_files():
        shutil.copyfile(packages / "core/wasm" / file, folder / file)


def _kept_out():
    """Files that the cache of the service worker does not take with all others."""
    return {"sw.js", *_runtime_files()}


def _runtime_files():
    return [f"{name}{end}" for name in RUNTIMES for end in (".js", ".wasm")]


def _litert(litert):
    """The folder node_modules/@litertjs, checked: its version, and every file that is needed."""
    places = litert_places() if litert is None else [Path(litert).absolute()]
    faults = {place: _fault(place / "@litertjs") for place in places}
    # One of another version is passed over: a project of the reader's own may have it.
    for place, fault in faults.items():
        if fault is None:
            return place / "@litertjs"
    in_clone = Path("export/web/package.json").is_file()
    what = "--prefix export/web" if in_clone else f"@litertjs/core@{litert_version()}"
    looked = "; ".join(f"{place} {fault}" for place, fault in faults.items())
    raise FileNotFoundError(
        f"The page needs LiteRT.js {litert_version()}. Looked in: {looked}. Run `npm install "
        f"{what}` in this folder, or name the node_modules folder that has it (litert=, --litert)."
    )


def _fault(packages):
    """What keeps a node_modules/@litertjs from being taken; None where it is right."""
    if not packages.is_dir():
        return "has none"
    needed = ["core/package.json", "core/dist/index.js", "wasm-utils/dist/index.js"]
    for file in [*needed, *(f"core/wasm/{file}" for file in _runtime_files())]:
        if not (packages / file).is_file():
            return f"lacks {file}"
    installed = json.loads((packages / "core/package.json").read_text(encoding="utf-8"))["version"]
    return None if installed == litert_version() else f"has {installed}"


# ---- what is there already ----------------------------------------------------------------------


def _free(folder):
    folder = Path(os.path.abspath(folder))
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"Cannot write a site to {folder}: it is a file. Name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / BUILD).is_file():
        raise FileExistsError(
            f"Cannot write a site to {folder}: it holds other files. Name a new folder."
        )
    return folder


def _key(entries, quantize, packages):
    """A hash of everything that a site is made of: of models, page, settings and versions."""
    hashed = hashlib.sha256()
    parts = [
        __version__,
        quantize,
        [(entry["name"], entry["sha256"]) for entry in entries.values()],
        [(packages / "core/wasm" / file).stat().st_size for file in _runtime_files()],
    ]
    hashed.update(json.dumps(parts).encode())
    sources = [*source().iterdir(), *Path(__file__).parent.glob("*.py")]
    for file in sorted(file for file in sources if file.is_file()):
        hashed.update(file.name.encode() + file.read_bytes())
    return hashed.hexdigest()


def _built(folder):
    try:
        return json.loads((folder / BUILD).read_text(encoding="utf-8"))["key"]
    except (OSError, ValueError, KeyError):
        return None


def _read(folder):
    listing = json.loads((folder / "models.json").read_text(encoding="utf-8"))
    size = sum((folder / file).stat().st_size for file in _files(folder))
    return Site(folder, listing["models"], listing["decoders_bytes"], size)


def _files(folder):
    """Sorted relative paths of the files in a folder, with forward slashes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _digest(folder):
    hashed = hashlib.sha256()
    for file in _files(folder):
        hashed.update(file.encode() + hashlib.sha256((folder / file).read_bytes()).digest())
    return hashed.hexdigest()[:16]


def _dump(value, path):
    path.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")
