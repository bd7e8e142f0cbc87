"""Runs an exported file itself and says how far it is from the model."""

from pathlib import Path

import numpy as np

from keras_vae import tables
from keras_vae.choice import unknown
from keras_vae.export.flatbuffer.broken import named
from keras_vae.export.flatbuffer.contents import count_builtin, note_of
from keras_vae.export.graph import decoder
from keras_vae.export.graph.functions import OUTPUTS
from keras_vae.export.runtime import saved_model
from keras_vae.export.runtime.interpreter import Decoder

CODES = 32
COLUMNS = (
    "file",
    "bytes",
    "kib",
    "max_abs_error",
    "mean_abs_error",
    "microseconds_per_image",
    "ops",
    "images",
    "nats_lost",
    "nats_lost_error",
    "nats_lost_from_noise",
    "nats_lost_from_noise_error",
    "psnr_db",
)


def verify(path, model, latents=None):
    """Decodes the same codes by the exported file and by the model.

    A .tflite file runs in LiteRT on one thread, a SavedModel in TensorFlow with TensorFlow's own
    threads. A file with the prior inside, whose first signature is "from_noise", is given the
    noises of the codes; without codes noises are drawn. The model computes in float32, also where
    it was trained under mixed precision.

    Args:
        path: a .tflite file or a SavedModel folder.
        model: the Autoencoder or VAE that it was exported from.
        latents: the codes to decode, (N, latent_dim) float32, not indices of latents; or None for
            32 draws of the prior with a fixed seed (standard normal numbers for an Autoencoder
            whose prior was not fitted). The codes of images, `model.encode(images)`, tell more.

    Returns:
        dict: file (name), bytes, kib, max_abs_error and mean_abs_error (of pixels in [0, 1]),
        microseconds_per_image (median of 50 calls after a warm-up), ops (operators in the graph).

    Raises:
        FileNotFoundError: nothing at `path`.
        ValueError: a broken file, no decoder, the decoder of a model of another shape, or a file
            that takes noise where the prior cannot tell that of a code.
    """
    return compared(path, model, latents)[0]


def compared(path, model, latents=None):
    """`verify`, and what the file gave: it is opened once, and decodes the codes once.

    Returns:
        The dict of `verify`; the codes; what the file made of them, (N, H, W, C), and its `output`,
        see `export.tflite`; the pixels that the model made of them, (N, H, W, C) in [0, 1].
    """
    decoder.check(model)
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No exported file at {path}.")
    run = _saved_model if path.is_dir() else _tflite
    z, found, output, numbers = run(path, model, latents)
    expected = decoder.decode(model, z)
    if found.shape[:3] != expected.shape[:3]:
        raise _of_another(path, found, expected)
    images = decoder.as_pixels(model, found, output)
    if images.shape != expected.shape:
        raise _of_another(path, images, expected)
    error = np.abs(images - expected)
    row = {
        "file": path.name,
        "bytes": numbers["bytes"],
        "kib": round(numbers["bytes"] / 1024, 1),
        "max_abs_error": float(error.max()),
        "mean_abs_error": float(error.mean()),
        "microseconds_per_image": round(numbers["microseconds"], 1),
        "ops": sum(numbers["ops"].values()),
    }
    return row, z, found, output, expected


def table(rows):
    """Markdown table of what `verify` or `certify` returned, a row for each file.

    Args:
        rows: list of dicts. Rows without `nats_lost` beside rows that have it show a blank. Keys
            that neither gives (a model's name, say) become columns at the left.

    Returns:
        str, ending in a newline; errors in units of 1/255, one grey level.
    """
    rows = [dict(row) for row in rows]
    if not rows:
        raise ValueError("table needs at least one row of verify().")
    own = [key for key in rows[0] if key not in COLUMNS]
    certified = any("nats_lost" in row for row in rows)
    drawn = any("nats_lost_from_noise" in row for row in rows)
    heads = [
        *own,
        "file",
        "KiB",
        "max error / 255",
        "mean error / 255",
        *(["nats lost"] if certified else []),
        *(["nats lost from noise"] if drawn else []),
        *(["PSNR, dB"] if certified else []),
        "us per image",
        "operators",
    ]
    cells = [
        [
            *(str(row[key]) for key in own),
            f"`{row['file']}`",
            f"{row['kib']:.1f}",
            f"{row['max_abs_error'] * 255:.3g}",
            f"{row['mean_abs_error'] * 255:.2g}",
            *([_nats(row, "nats_lost")] if certified else []),
            *([_nats(row, "nats_lost_from_noise")] if drawn else []),
            *([f"{row['psnr_db']:.1f}" if "psnr_db" in row else ""] if certified else []),
            f"{row['microseconds_per_image']:.0f}",
            str(row["ops"]),
        ]
        for row in rows
    ]
    return tables.markdown(heads, cells, words=len(own) + 1)


def _nats(row, name):
    return f"{row[name]:+.4f} ± {row[f'{name}_error']:.4f}" if name in row else ""


def _codes(model, latents):
    codes = decoder.trial_codes(model, CODES, seed=0) if latents is None else latents
    z = np.asarray(codes, "float32")
    if z.ndim != 2 or z.shape[1] != model.latent_dim or not len(z):
        raise ValueError(
            f"latents must have shape (N, {model.latent_dim}), N above 0; received {z.shape}."
        )
    return z


def _tflite(path, model, latents):
    content = path.read_bytes()
    opened = Decoder(content, str(path))
    with named(str(path)):
        numbers = {"bytes": len(content), "ops": count_builtin(content)}
        output = note_of(content).get("output", "pixels")
        if output not in OUTPUTS:
            raise unknown(f"output in the note of {path}:", output, OUTPUTS)
    if opened.takes == "z":
        given = z = _codes(model, latents)
    elif latents is None:
        given, z = decoder.trial_noise(model, CODES, seed=0)
    else:
        z = _codes(model, latents)
        given = decoder.noise_of(model, z)
    found = opened.decode(given)
    numbers["microseconds"] = opened.microseconds_per_image()
    return z, found, output, numbers


def _saved_model(path, model, latents):
    z = _codes(model, latents)
    images, numbers = saved_model.run(path, z)
    return z, images, "pixels", numbers


def _of_another(path, found, expected):
    return ValueError(
        f"{path} gives images of {found.shape[1:]}, the model {expected.shape[1:]}; it was "
        "exported from another model."
    )
