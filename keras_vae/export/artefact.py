"""What an export hands back."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A file or folder that `export` wrote.

    Attributes:
        path: of the .tflite file or of the SavedModel folder.
        bytes: size on disk.
        ops: dict of operator name to how often it stands in the graph (of a SavedModel: in the
            graph of its `decode`).
        quantize: None, "float16", "dynamic" or "int8"; or the way that "auto" chose.
        signatures: names of the functions that the file carries.
        output: what they give, "pixels", "uint8" or "logits".
        latents: indices of the latents that a code of the file consists of, or None for all.
        pruned_nats: by how much leaving the others out lowered the ELBO of the images on which it
            was decided, nats per image.
        tries: of "auto", dicts of `export.certify` with `within` and `chosen`, `file` the way.
    """

    path: Path
    bytes: int
    ops: dict
    quantize: str | None = None
    signatures: tuple = ()
    output: str = "pixels"
    latents: tuple | None = None
    pruned_nats: float = 0.0
    tries: tuple = ()
