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
        quantize: None, "float16", "weights", "dynamic" or "int8"; of `export.best` the name of the
            way that it chose.
        signatures: names of the functions that the file carries.
        output: what they give, "pixels", "uint8" or "logits".
        tries: of `export.best`, a dict of `export.certify` for each file that was tried, with the
            way's name as its `file`, `within` (the budget) and `chosen`.
    """

    path: Path
    bytes: int
    ops: dict
    quantize: str | None = None
    signatures: tuple = ()
    output: str = "pixels"
    tries: tuple = ()
