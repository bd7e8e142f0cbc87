"""What `keras-vae export` does: an entry is written for a device, run there and measured."""

import dataclasses
import tempfile
from pathlib import Path

from keras_vae import atomic, export
from keras_vae.choice import unknown
from keras_vae.export.output_file import writable
from keras_vae.zoo import certificates, entry
from keras_vae.zoo.listing import decodable

FORMATS = ("tflite", "saved_model", "c")
SUFFIXES = {"tflite": ".tflite", "c": ".h"}


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        row: dict of `export.verify` or `export.certify`; of a header also `arena_bytes`.
        tries: of quantize="auto", see `export.Artefact`.
        latents: how many latents the model had and how many stay, or None where all do.
        pruned_nats: by how much the ELBO fell with the others, nats per image.
    """

    row: dict
    tries: tuple = ()
    latents: tuple | None = None
    pruned_nats: float = 0.0


def write(
    name,
    target,
    format="tflite",
    quantize=None,
    *,
    max_nats=0.05,
    min_rate=None,
    beside=(),
    certified=False,
    **choices,
):
    """Exports an entry.

    Args:
        name: of an entry, or a folder of one.
        target: file or folder to write.
        format: one of FORMATS; "c" is the header of a .tflite file.
        quantize: of `export.tflite`, or "auto" for `export.best`.
        max_nats: budget of "auto".
        min_rate: latents with a lower rate are left out, see `export.pruned`; or None.
        beside: signatures beside those that the model's files carry unasked. A header has one
            signature: the last of these.
        certified: measure the nats lost on test images of the entry's data.
        **choices: output and batch of `export.tflite`.

    Returns:
        Exported.

    Raises:
        ValueError: an unknown format, and as `export.tflite`, `export.best`, `export.pruned`.
        FileNotFoundError: the entry's data is needed and not at hand.
        OSError: the target cannot be written.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    decodable(name, "export")
    if format in SUFFIXES:
        writable(target, SUFFIXES[format])
    else:
        atomic.check(target)
    model, images, told = entry.load(name), None, {}
    judged = quantize == "auto" or min_rate is not None
    if judged or quantize in ("weights", "int8"):
        images = certificates.calibration_images(name, required=judged)
    if min_rate is not None:
        before, (model, kept, nats) = model.latent_dim, export.pruned(model, images, min_rate)
        told = {"latents": (before, len(kept)), "pruned_nats": nats}
    signatures = (*model.served, *beside)
    choices["signatures"] = signatures[-1:] if format == "c" else signatures
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(name).name}.tflite" if format == "c" else Path(target)
        if format == "saved_model":
            export.saved_model(model, path)
        elif quantize == "auto":
            budget = export.Budget(nats=max_nats)
            told["tries"] = export.best(model, path, images, budget=budget, **choices).tries
        else:
            export.tflite(model, path, quantize, calibration_images=images, **choices)
        if certified and format != "saved_model":
            row = export.certify(path, model, certificates.held_out_images(name))
        else:
            row = export.verify(path, model)
        if format == "c":
            header = export.c_array(path, target)
            row |= {"file": Path(target).name, "arena_bytes": header.arena_bytes}
    return Exported(row, **told)
