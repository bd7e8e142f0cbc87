"""Runs an exported file itself and says how far it is from the model."""

from pathlib import Path

import numpy as np

from keras_vae import tables
from keras_vae.export.flatbuffer.contents import count_builtin, note_of
from keras_vae.export.graph import decoder
from keras_vae.export.runtime import saved_model
from keras_vae.export.runtime.interpreter import (
    microseconds_per_image,
    open_decoder,
    run,
)

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
    "psnr_db",
)


def verify(path, model, latents=None):
    """Decodes the same codes by the exported file and by the model.

    A .tflite file runs in LiteRT on one thread, a SavedModel in TensorFlow with TensorFlow's own
    threads. The model computes in float32, also where it was trained under mixed precision.

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
        ValueError: a broken file, no decoder, or the decoder of a model of another shape.
    """
    decoder.check(model)
    path = Path(path)
    z = _latents(model, latents)
    if not path.exists():
        raise FileNotFoundError(f"No exported file at {path}.")
    if path.is_dir():
        (images, numbers), expected = saved_model.run(path, z), decoder.decode(model, z)
    else:
        images, numbers, expected = _tflite(path, model, z)
    if images.shape != expected.shape:
        raise ValueError(
            f"{path} gives images of {images.shape[1:]}, the model {expected.shape[1:]}; it was "
            "exported from another model."
        )
    error = np.abs(images - expected)
    return {
        "file": path.name,
        "bytes": numbers["bytes"],
        "kib": round(numbers["bytes"] / 1024, 1),
        "max_abs_error": float(error.max()),
        "mean_abs_error": float(error.mean()),
        "microseconds_per_image": round(numbers["microseconds"], 1),
        "ops": sum(numbers["ops"].values()),
    }


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
    heads = [
        *own,
        "file",
        "KiB",
        "max error / 255",
        "mean error / 255",
        *(["nats lost", "PSNR, dB"] if certified else []),
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
            *(_certified(row) if certified else []),
            f"{row['microseconds_per_image']:.0f}",
            str(row["ops"]),
        ]
        for row in rows
    ]
    return tables.markdown(heads, cells, words=len(own) + 1)


def _certified(row):
    if "nats_lost" not in row:
        return ["", ""]
    lost = f"{row['nats_lost']:+.4f} ± {row['nats_lost_error']:.4f}"
    return [lost, f"{row['psnr_db']:.1f}"]


def _latents(model, latents):
    codes = decoder.trial_codes(model, CODES, seed=0) if latents is None else latents
    z = np.asarray(codes, "float32")
    if z.ndim != 2 or z.shape[1] != model.latent_dim or not len(z):
        raise ValueError(
            f"latents must have shape (N, {model.latent_dim}), N above 0; received {z.shape}."
        )
    return z


def _tflite(path, model, z):
    content = path.read_bytes()
    open_decoder(content, str(path))  # says it if the file is broken
    note = note_of(content)
    kept = note.get("latents")
    z = z if kept is None else z[:, kept]
    images = run(content, z, str(path))
    numbers = {
        "bytes": len(content),
        "microseconds": microseconds_per_image(content),
        "ops": count_builtin(content),
    }
    images = decoder.as_pixels(model, images, note.get("output", "pixels"))
    return images, numbers, decoder.decode(model, z, kept)
