"""One model on the browser page: its files, and what the page knows of its latent space."""

import gzip
import json
from pathlib import Path

import numpy as np

from keras_vae import certification, data, recipe, zoo
from keras_vae.distributions import priors
from keras_vae.export import decoder
from keras_vae.export.interpreter import run
from keras_vae.export.tflite import tflite

CODES = 1000  # test images behind the statistics
POINTS = 300  # of them on the map
ACTIVE = 8  # latents that get a slider
EXAMPLES = 3  # codes of each label, to go between
DRAWS = 64  # of a prior that the page cannot draw from by itself
COARSE = 2  # int8 weights are rounded to multiples of this: 7 bits, which gzip packs
INK = 0.2  # grey level from which a pixel belongs to the figure

WORDS = {"ae": "autoencoder", "vae": "VAE", "conv": "Convolutional", "dense": "Dense"}
DATA_WORDS = {"digits": "8x8 digits", "mnist": "MNIST", "binarized_mnist": "binarised MNIST"}
DATA_WORDS |= {"fashion_mnist": "Fashion-MNIST", "omniglot": "Omniglot", "cifar10": "CIFAR-10"}


def write_files(name, model, folder, quantize):
    """Exports a model and runs its decoder on the golden codes.

    Args:
        name: of the entry, or its folder.
        model: Autoencoder or VAE, loaded from it.
        folder: to write decoder.tflite.gz, encoder.tflite.gz and golden.json to.
        quantize: None, "float16", "dynamic" or "int8". The weights of the last two are rounded to 7
            bits, for gzip packs those into an eighth less than 8.

    Returns:
        dict: "decoder" and "encoder", dicts of path (relative to the site), bytes (of the packed
        file, what a visitor loads) and unpacked_bytes; "golden", dict of path; "error", dict of the
        mean and max absolute error of the decoder's pixels, in [0, 1], against the golden ones.
    """
    place = Path("models") / folder.name
    images = certification.calibration_images(name) if quantize == "int8" else None
    written, contents = {}, {}
    for part, signature in (("decoder", "decode"), ("encoder", "encode")):
        unpacked = folder / f"{part}.tflite"
        tflite(model, unpacked, quantize, signatures=(signature,), calibration_images=images)
        contents[part] = unpacked.read_bytes()
        if quantize in ("dynamic", "int8"):
            contents[part] = coarsen(contents[part])
        unpacked.unlink()
        packed = gzip.compress(contents[part], mtime=0)  # without a date: the same bytes each time
        (folder / f"{part}.tflite.gz").write_bytes(packed)
        written[part] = {
            "path": (place / f"{part}.tflite.gz").as_posix(),
            "bytes": len(packed),
            "unpacked_bytes": len(contents[part]),
        }
    z, pixels = zoo.golden(name)
    golden = {"z": _numbers(z, 7), "pixels": _numbers(pixels.reshape(len(z), -1), 7)}
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")))
    written["golden"] = {"path": (place / "golden.json").as_posix()}
    error = np.abs(run(contents["decoder"], z) - pixels)
    written["error"] = {"mean": float(error.mean()), "max": float(error.max())}
    return written


def coarsen(content):
    """A .tflite file whose int8 weights are rounded to multiples of COARSE.

    Args:
        content: bytes of a quantised .tflite file.

    Returns:
        bytes of the same length; scales, biases and everything else are as they were.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = bytearray(content)
    model = schema.Model.GetRootAs(content, 0)
    weights = set()  # signatures share buffers: each is rounded once
    for number in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(number)
        for index in range(subgraph.TensorsLength()):
            tensor = subgraph.Tensors(index)
            if tensor.Type() == schema.TensorType.INT8 and tensor.ShapeLength() > 1:
                weights.add(tensor.Buffer())
    for index in sorted(weights):
        data = model.Buffers(index).DataAsNumpy()
        if isinstance(data, int):
            continue  # an activation: it has no bytes in the file
        values = data.view("int8")  # shares the memory of `content`
        limit = 127 // COARSE * COARSE
        values[:] = np.clip(np.round(values / COARSE) * COARSE, -limit, limit).astype("int8")
    return bytes(content)


def describe(name, model, entry, files):
    """What `models.json` says of a model.

    Args:
        name: of the entry, or its folder.
        model: Autoencoder or VAE.
        entry: dict of metadata.json.
        files: dict of `write_files`.

    Returns:
        dict for JSON: name, title, kind, latent_dim, image_shape, numbers, licence; files, error;
        codes_of ("test" or "draws"); active (latents by the standard deviation of their codes, the
        widest first: index, mean, std); plane (origin, two orthonormal axes) and share (of the
        variance in it); axes_by ("labels": their means differ most in it; or "variance"); points
        ([u, v, label] in the plane); examples (label, z); fill and pen (shares of the image: a
        figure's larger side, the width of its strokes); prior and draws; interpolation
        ("spherical" or "linear").
    """
    images, labels = _test_images(name)
    if images is None:
        codes, labels, fill, pen = _draws_for(model, name), None, 0.75, 0.1
    else:
        codes, fill, pen = model.encode(images), _fill(images), _pen(images)
    mean, std = codes.mean(axis=0), codes.std(axis=0)
    by_labels = labels is not None and len(np.unique(labels)) > 2
    axes = _main_axes((_means(codes, labels) if by_labels else codes) - mean)
    share = ((codes - mean) @ axes.T).var(axis=0).sum() / max(codes.var(axis=0).sum(), 1e-12)
    places = (codes[:POINTS] - mean) @ axes.T
    shown = [None] * len(places) if labels is None else labels[:POINTS].tolist()
    prior = _prior(model)
    exact = [(int(i), float(mean[i]), float(std[i])) for i in np.argsort(-std)[:ACTIVE]]
    return {
        "name": entry["name"],
        "title": title(entry),
        "kind": entry["kind"],
        "latent_dim": model.latent_dim,
        "image_shape": list(model.image_shape),
        "numbers": {
            key: entry["numbers"][key] for key in ("nll_nats", "mse") if key in entry["numbers"]
        },
        "licence": entry["data"]["licence"],
        "files": {key: files[key] for key in ("decoder", "encoder", "golden")},
        "error": files["error"],
        "codes_of": "draws" if images is None else "test",
        "active": [dict(zip(("index", "mean", "std"), latent)) for latent in exact],
        "plane": {"origin": _numbers(mean), "axes": _numbers(axes)},
        "share": float(share),
        "axes_by": "labels" if by_labels else "variance",
        "points": [[*_numbers(uv, 3), label] for uv, label in zip(places, shown)],
        "examples": _examples(codes, labels),
        "fill": fill,
        "pen": pen,
        "prior": prior,
        "draws": _numbers(decoder.draw(model, DRAWS, seed=0)) if prior == "other" else None,
        "interpolation": "spherical" if prior == "standard_normal" else "linear",
    }


def title(entry):
    """What a reader calls an entry: "Convolutional VAE, MNIST"."""
    words = [WORDS.get(word, word.upper()) for word in entry["builder"].split("_")]
    name = Path(entry["data"]["name"]).name
    return f"{' '.join(words)}, {DATA_WORDS.get(name, name)}"


def _test_images(name):
    """(N, H, W, C) float32 in [0, 1] and (N,) labels or None; None, None without the data."""
    chosen = recipe.load(zoo.locate(name) / "recipe.py")
    try:
        test = recipe.load_data(chosen).test
    except FileNotFoundError:
        return None, None
    labels = None if test.labels is None else np.asarray(test.labels[:CODES]).astype(int)
    part = data.Split("test", test.images[:CODES])
    return data.pixels(part, chosen.binarize, chosen.seed), labels


def _draws_for(model, name):
    """(N, latent_dim) codes without data: of the prior, or around an Autoencoder's golden codes."""
    if hasattr(model, "prior"):
        return decoder.draw(model, POINTS, seed=0)
    z, _ = zoo.golden(name)
    return z.mean(axis=0) + z.std(axis=0) * decoder.draw(model, POINTS, seed=0)


def _main_axes(centred):
    """Two orthonormal axes (2, D) of largest variance of centred codes (N, D)."""
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    if len(axes) == 1:  # a code of one number: the second axis leads nowhere
        return np.stack([axes[0], np.zeros_like(axes[0])])
    return axes[:2] * np.sign(axes[:2, [0]] + 1e-12)  # a sign that does not depend on the library


def _means(codes, labels):
    """(N, D) codes, each replaced by the mean of its label."""
    kinds, index = np.unique(labels, return_inverse=True)
    return np.stack([codes[labels == kind].mean(axis=0) for kind in kinds])[index]


def _examples(codes, labels):
    """Codes to go between: a few of each label; without labels each is its own."""
    if labels is None:
        labels = np.arange(len(codes[:10]))
    chosen = [
        (int(label), codes[index])
        for label in np.unique(labels)[:20]
        for index in np.flatnonzero(labels == label)[:EXAMPLES]
    ]
    return [{"label": label, "z": _numbers(z)} for label, z in chosen]


def _fill(images):
    """Median share of the image that the larger side of a figure's bounding box takes."""
    ink = images.max(axis=-1) > INK  # (N, H, W)
    sides = [_extent(ink.any(axis=axis)) for axis in (1, 2)]
    share = np.median(np.maximum(*sides)) / min(images.shape[1:3])
    return float(np.clip(share, 0.4, 1.0))


def _pen(images):
    """Median width of a figure's strokes as a share of the image: 2 area / outline.

    The outline is the total variation; along rows and columns it is longer than along the outline,
    4/pi times for strokes of all directions.
    """
    grey = np.pad(images.max(axis=-1), ((0, 0), (1, 1), (1, 1)))  # (N, H + 2, W + 2)
    outline = sum(np.abs(np.diff(grey, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    width = np.median(2 * grey.sum(axis=(1, 2)) / np.maximum(outline, 1e-6)) * 4 / np.pi
    return float(np.clip(width / min(images.shape[1:3]), 0.04, 0.2))


def _extent(rows):
    """(N, L) bool -> (N,) distance from the first to the last true one, 0 where there is none."""
    first, last = rows.argmax(axis=1), rows.shape[1] - rows[:, ::-1].argmax(axis=1)
    return np.where(rows.any(axis=1), last - first, 0)


def _prior(model):
    if not hasattr(model, "prior"):
        return None
    plain = isinstance(model.prior_family, priors.StandardNormal)
    return "standard_normal" if plain else "other"


def _numbers(array, digits=4):
    """An array as lists of numbers with this many decimals; JSON of float32 would be longer."""
    return np.round(np.asarray(array, "float64"), digits).tolist()
