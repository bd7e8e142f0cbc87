"""One model on the browser page: its files, and what the page knows of its latent space."""

import base64
import gzip
import json
from pathlib import Path

import numpy as np

from keras_vae import private_api, zoo
from keras_vae.distributions import priors
from keras_vae.export.graph import decoder
from keras_vae.export.runtime.interpreter import run
from keras_vae.export.runtime.runtimes import open_file
from keras_vae.export.tflite import tflite

POINTS = 300  # codes on the map
ACTIVE = 8  # latents that get a slider
EXAMPLES = 3  # codes of each label, to go between
DRAWS = 64  # of a prior that the page cannot draw from by itself
WEBGPU = (None, "float16", "dynamic", "int8")  # formats that LiteRT.js runs whole on WebGPU
COARSE = 2  # int8 weights are rounded to multiples of this: 7 bits, which gzip packs
FILL, PEN = 0.75, 0.1  # of a drawing, where the entry does not say what its figures are like

WORDS = {"ae": "autoencoder", "vae": "VAE", "conv": "Convolutional", "dense": "Dense"}
SHORT = {"ae": "AE", "vae": "VAE", "conv": "Conv", "dense": "Dense"}
DATA_WORDS = {"digits": "8x8 digits", "mnist": "MNIST", "binarized_mnist": "binarised MNIST"}
DATA_WORDS |= {"fashion_mnist": "Fashion-MNIST", "omniglot": "Omniglot", "cifar10": "CIFAR-10"}


def write_files(name, model, folder, quantize):
    """Exports a model and runs its decoder on the golden codes.

    Args:
        name: of the entry, or its folder.
        model: Autoencoder or VAE, loaded from it.
        folder: to write decoder.tflite.gz, encoder.tflite.gz and golden.json to.
        quantize: None, "float16", "weights", "dynamic" or "int8". The weights of the last two
            are rounded to 7 bits, for gzip packs those into an eighth less than 8.

    Returns:
        dict: "decoder" and "encoder", dicts of path (relative to the site), bytes (of the packed
        file, what a visitor loads) and unpacked_bytes, that of the decoder also of webgpu (whether
        it runs whole there); "golden", dict of path; "error", dict of the mean and max absolute
        error of the decoder's pixels, in [0, 1], against the golden ones, and of a prior that is
        drawn from noise also of draw, the mean absolute error of its codes.
    """
    place, draws = Path("models") / folder.name, _prior(model) == "noise"
    images = _calibration_images(name, model) if quantize in ("weights", "int8") else None
    written, contents = {}, {}
    parts = {"decoder": ("decode", "draw") if draws else ("decode",), "encoder": ("encode",)}
    for part, signatures in parts.items():
        unpacked = folder / f"{part}.tflite"
        tflite(model, unpacked, quantize, signatures=signatures, calibration_images=images)
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
    written["decoder"]["webgpu"] = quantize in WEBGPU
    z, pixels = zoo.golden(name)
    golden = {"z": _numbers(z, 7), "pixels": _numbers(pixels.reshape(len(z), -1), 7)}
    error = np.abs(run(contents["decoder"], z) - pixels)
    written["error"] = {"mean": float(error.mean()), "max": float(error.max())}
    if draws:
        noise, codes = decoder.trial_noise(model, len(z), seed=7)
        golden |= {"noise": _numbers(noise, 7), "codes": _numbers(codes, 7)}
        file = open_file(contents["decoder"], "interpreter")
        found = np.concatenate([file("draw", noise=row[None])["z"] for row in noise])
        written["error"]["draw"] = float(np.abs(found - codes).mean())
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")))
    written["golden"] = {"path": (place / "golden.json").as_posix()}
    return written


def coarsen(content):
    """A .tflite file whose int8 weights are rounded to multiples of COARSE.

    Args:
        content: bytes of a quantised .tflite file.

    Returns:
        bytes of the same length; scales, biases and everything else are as they were.
    """
    schema, content = private_api.schema(), bytearray(content)
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
        dict for JSON: name, title, menu (title, size and quality in short), kind, latent_dim,
        image_shape, numbers, licence; files, error; codes_of ("test" or, of an entry without
        examples, "draws"); images (of the test set: label, z, pixels in base64);
        active (latents by the standard deviation of their codes, the widest first: index, mean,
        std); plane (origin, two orthonormal axes) and share (of the variance in it); axes_by
        ("labels": their means differ most in it; or "variance"); points ([u, v, label] in the
        plane); examples (label, z); fill and pen (shares of the image: a figure's larger side, the
        width of its strokes); prior, noise_dim and draws; interpolation ("spherical" or "linear").
    """
    known = zoo.examples(name)
    if known is None:
        codes, labels = decoder.trial_codes(model, POINTS, seed=0), None
        known = {"fill": FILL, "pen": PEN, "images": ()}
    else:
        codes, labels = known["codes"].astype("float32"), known.get("labels")
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
        "menu": menu(entry, files["decoder"]["bytes"]),
        "kind": entry["kind"],
        "latent_dim": model.latent_dim,
        "image_shape": list(model.image_shape),
        "numbers": {
            key: entry["numbers"][key] for key in ("nll_nats", "mse") if key in entry["numbers"]
        },
        "licence": entry["data"]["licence"],
        "files": {key: files[key] for key in ("decoder", "encoder", "golden")},
        "error": files["error"],
        "codes_of": "test" if len(known["images"]) else "draws",
        "images": _images(known),
        "active": [dict(zip(("index", "mean", "std"), latent)) for latent in exact],
        "plane": {"origin": _numbers(mean), "axes": _numbers(axes)},
        "share": float(share),
        "axes_by": "labels" if by_labels else "variance",
        "points": [[*_numbers(uv, 3), label] for uv, label in zip(places, shown)],
        "examples": _examples(codes, labels),
        "fill": float(known["fill"]),
        "pen": float(known["pen"]),
        "prior": prior,
        "noise_dim": model.prior_family.noise_dim if prior == "noise" else None,
        "draws": _numbers(decoder.trial_codes(model, DRAWS, seed=0)) if prior == "other" else None,
        "interpolation": "spherical" if prior == "standard_normal" else "linear",
    }


def title(entry):
    """What a reader calls an entry: "Convolutional VAE, MNIST micro"."""
    return _named(entry, WORDS)


def menu(entry, size):
    """A line that tells an entry from the others: "Conv VAE, MNIST micro · 101 kB · 90.6 nats".

    Args:
        entry: dict of metadata.json.
        size: bytes of the packed decoder.
    """
    numbers = entry["numbers"]
    parts = [_named(entry, SHORT), f"{size / 1000:.0f} kB"]
    if "nll_nats" in numbers:
        parts.append(f"{numbers['nll_nats']:.3g} nats")
    elif "mse" in numbers:
        parts.append(f"mse {numbers['mse']:.4f}")
    return " · ".join(parts)


def _named(entry, words):
    """Builder and data in words; then what the entry's name has beyond the two, or all of it."""
    builder = " ".join(words.get(word, word.upper()) for word in entry["builder"].split("_"))
    data = Path(entry["data"]["name"]).name
    usual = f"{entry['builder']}_{data}"
    own = entry["name"].removeprefix(usual).removeprefix("_")
    return f"{builder}, {DATA_WORDS.get(data, data)}" + (f" {own}" if own else "")


def _calibration_images(name, model):
    """(N, H, W, C) in [0, 1] for int8: the examples and what their codes decode to.

    Of an entry without examples, what draws of its prior decode to.
    """
    known = zoo.examples(name)
    if known is None:
        return model.decode(decoder.trial_codes(model, POINTS, seed=0))
    decoded = model.decode(known["codes"].astype("float32"))
    return np.concatenate([known["images"].astype("float32") / 255.0, decoded])


def _images(known):
    """The example images for the page."""
    labels = known.get("image_labels", [None] * len(known["images"]))
    return [
        {
            "label": None if label is None else int(label),
            "z": _numbers(z),
            "pixels": base64.b64encode(image.tobytes()).decode(),
        }
        for image, z, label in zip(known["images"], known.get("image_codes", ()), labels)
    ]


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


def _prior(model):
    """How the page draws codes.

    Returns:
        "standard_normal": by itself; "noise": by the decoder file's signature "draw"; "other": out
        of the draws that it is given; None: not at all.
    """
    if not model.can_sample:
        return None
    if isinstance(model.prior_family, priors.StandardNormal):
        return "standard_normal"
    return "noise" if model.prior_family.makes_codes else "other"


def _numbers(array, digits=4):
    """An array as lists of numbers with this many decimals; JSON of float32 would be longer."""
    return np.round(np.asarray(array, "float64"), digits).tolist()
