"""Decodes codes with every .tflite file of a folder, in every runtime of LiteRT.

    python benchmarks/aarch64_decode.py FILES OUTPUT

FILES/ENTRY/z.npy holds the codes (N, D) float32 for FILES/ENTRY/FORMAT.tflite; their images
(N, H, W, C) float32 are written to OUTPUT/ENTRY/FORMAT.RUNTIME.npy, and what computed them to
OUTPUT/versions.json. Needs numpy and ai-edge-litert: benchmarks/aarch64.py runs it on this machine
and on an emulated one, and compares.
"""

import importlib.metadata
import json
import platform
import sys
import types
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def load_runtimes():
    """The module of the runtimes, without TensorFlow, which its packages import."""
    for name in ("keras_vae", "keras_vae.export", "keras_vae.export.runtime"):
        package = types.ModuleType(name)
        package.__path__ = [str(ROOT.joinpath(*name.split(".")))]
        sys.modules[name] = package
    return importlib.import_module("keras_vae.export.runtime.runtimes")


def main(files, output):
    runtimes = load_runtimes()
    for path in sorted(files.glob("*/*.tflite")):
        entry, content = path.parent.name, path.read_bytes()
        codes = np.load(path.parent / "z.npy")
        (output / entry).mkdir(parents=True, exist_ok=True)
        for runtime in runtimes.LITERT:
            decoder = runtimes.open_file(content, runtime)
            images = [decoder("decode", z=code[None])["images"] for code in codes]
            np.save(output / entry / f"{path.stem}.{runtime}.npy", np.concatenate(images))
    versions = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ai_edge_litert": importlib.metadata.version("ai-edge-litert"),
    }
    (output / "versions.json").write_text(json.dumps(versions))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
