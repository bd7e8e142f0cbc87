"""The machine that a benchmark ran on: what it is, and what its matrix products reach."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path

import numpy as np

PACKAGES = (
    "keras_vae tensorflow keras tensorflow-probability ai-edge-litert torch pythae jax onnxruntime "
    "numpy"
).split()
SETS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd")
SIZES = [(128, 784, 500), (784, 128, 500), (1024, 1024, 1024)]  # of the dense VAE, and a large one


def described():
    """dict: processor, instruction sets, processors of this process, Python and package versions,
    and GFLOP/s of NumPy's matrix products, the best of several, as "gemm_gflops"."""
    told = _cpuinfo()
    return {
        "processor": told.get("model name", platform.processor() or platform.machine()),
        "instruction_sets": [name for name in SETS if name in told.get("flags", "").split()],
        "processors": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "gemm_gflops": {"x".join(map(str, size)): round(gemm(*size), 1) for size in SIZES},
    }


def gemm(rows, inner, columns, seconds=0.5):
    """GFLOP/s of NumPy's float32 product of (rows, inner) and (inner, columns)."""
    random = np.random.default_rng(0)
    left = random.random((rows, inner), "float32")
    right = random.random((inner, columns), "float32")
    left @ right
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(10):
            left @ right
        best = min(best, (time.perf_counter() - start) / 10)
    return 2 * rows * inner * columns / best / 1e9


def _cpuinfo():
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first)}


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
