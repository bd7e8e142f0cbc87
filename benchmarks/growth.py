"""How time and memory grow with the data, the code and the importance samples.

Each point is a process of its own; its memory is the most that it held, above what it held before.
"""

import json
import math
import subprocess
import sys

from benchmarks.side_by_side import ROOT

SIZES = {
    "training images": (5_000, 10_000, 20_000, 40_000),
    "latent_dim": (8, 32, 128, 512),
    "importance samples": (100, 1_000, 10_000),
}


def growth(rounds, tell):
    """{what grows: {"size", "seconds", "mebibytes": lists, "slope": of log time}}.

    `seconds` are those of an epoch over the images, of an epoch of 5,000 images, and of the nll of
    16 images. A slope of 1 is linear, below it is better.
    """
    found = {}
    for what, sizes in SIZES.items():
        points = []
        for size in sizes:
            points_of_size = [_point(what, size) for _ in range(max(1, rounds // 2))]
            best = tuple(map(min, zip(*points_of_size)))  # each the least that was seen
            points.append(best)
            tell(f"  {what} {size:,}: {best[0]:.2f} s, {best[1]:.0f} MiB")
        seconds, memory = zip(*points)
        found[what] = {
            "size": sizes,
            "seconds": seconds,
            "mebibytes": memory,
            "slope": _slope(sizes, seconds),
        }
    return found


def _slope(sizes, values):
    """Of the line through the logarithms, by least squares."""
    x, y = ([math.log(max(v, 1e-9)) for v in values] for values in (sizes, values))
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    up = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    return up / sum((a - mean_x) ** 2 for a in x)


def _point(what, size):
    command = [sys.executable, "-m", "benchmarks.growth", what, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} {size} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _work():
    import resource
    import time

    import numpy as np

    from keras_vae import evaluate, models

    what, size = sys.argv[1], int(sys.argv[2])
    count = size if what == "training images" else 5_000
    random = np.random.default_rng(0)
    images = (random.random((count, 28, 28, 1), "float32") < 0.13).astype("float32")
    latent_dim = size if what == "latent_dim" else 32
    model = models.dense_vae((28, 28, 1), latent_dim)
    model.compile("adam")
    if what == "importance samples":
        work = lambda k: evaluate.report(model, images[:16], importance_samples=k, progress=False)
        work(50)
    else:
        work = lambda n: model.fit(images[:n], batch_size=128, verbose=0)
        work(256)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    work(size if what == "importance samples" else count)
    seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([seconds, (most - held) / 1024]))


if __name__ == "__main__":
    _work()
