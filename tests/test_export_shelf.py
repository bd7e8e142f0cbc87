"""Every choice that `export.tflite` has, on entries of the shelf: what small models do not show.

Large constants lie elsewhere in a file, and a deep network has steps that a small one lacks.
"""

import itertools
import math

import numpy as np
import pytest

from keras_vae import export, zoo
from keras_vae.export.proof.search import Budget
from keras_vae.export.runtime.runtimes import open_file

pytestmark = pytest.mark.shelf
VAES = ("conv_vae_mnist", "dense_vae_mnist")
ALL = ("conv_vae_mnist", "dense_vae_mnist", "conv_ae_mnist")
CHOICES = {
    "quantize": export.QUANTIZE,
    "signatures": (("decode",), export.SIGNATURES),
    "output": ("pixels", "uint8", "logits"),
    "batch": (1, 3),
}
# Of a pixel, in the mean over the codes that calibrate: what a format may lose.
MEAN_ERROR = {
    None: 1e-5,
    "float16": 1 / 255,
    "weights": 1 / 255,
    "dynamic": 3 / 255,
    "int8": 3 / 255,
}
HALF_A_LEVEL = 0.5 / 255  # of output="uint8"
MIN_RATE = 0.01  # nats
CODE_ERROR = 0.1  # of an encoder's code, in standard deviations of the prior


@pytest.fixture(scope="module")
def entry(request):
    """(model, (12, H, W, C) test images in its support)."""
    model, found = zoo.load(request.param), zoo.examples(request.param)
    images = found["images"].astype("float32") / 255
    return model, np.round(images) if model.posterior_family else images


def combinations():
    return [dict(zip(CHOICES, chosen)) for chosen in itertools.product(*CHOICES.values())]


def called(path, signature, batch, model, images):
    """What one signature of a file gives for a batch of images, and what the model does."""
    z = model.encode(images[:batch])
    inputs = {
        "decode": {"z": z},
        "interpolate": {
            "start": z,
            "end": z[::-1],
            "position": np.zeros((batch, 1), "float32"),
        },
        "encode": {"images": images[:batch]},
        "reconstruct": {"images": images[:batch]},
        "from_noise": {"noise": z},  # a standard normal's draws are its noise
        "draw": {"noise": z},
        "generate": {"seed": np.arange(batch, dtype="int32")},
    }
    (found,) = open_file(path.read_bytes(), "interpreter")(signature, **inputs[signature]).values()
    return found, z if signature in ("encode", "draw") else model.decode(z)


@pytest.mark.parametrize(
    "chosen", combinations(), ids=lambda chosen: "-".join(map(str, chosen.values()))
)
@pytest.mark.parametrize("smaller", [False, True], ids=["whole", "pruned"])
@pytest.mark.parametrize("entry", VAES, indirect=True)
def test_every_combination(entry, smaller, chosen, tmp_path):
    model, images = entry
    if smaller:
        model = export.pruned(model, images, MIN_RATE).model
    path = tmp_path / "d.tflite"
    file = export.tflite(model, path, calibration_images=images, **chosen)
    assert file.signatures == chosen["signatures"]
    allowed = MEAN_ERROR[chosen["quantize"]] + (chosen["output"] == "uint8") * HALF_A_LEVEL
    row = export.verify(path, model, model.encode(images))
    assert row["mean_abs_error"] < allowed
    for signature in file.signatures:
        found, expected = called(path, signature, chosen["batch"], model, images)
        assert len(found) == chosen["batch"]
        assert np.isfinite(found).all()
        if signature == "generate" or chosen["output"] != "pixels":
            continue
        limit = CODE_ERROR if signature == "encode" and chosen["quantize"] else allowed
        assert np.abs(found - expected).mean() < limit


@pytest.mark.parametrize("entry", ALL, indirect=True)
def test_best_tries_every_way_and_keeps_what_it_measured(entry, tmp_path):
    model, images = entry
    path = tmp_path / "d.tflite"
    budget = Budget(nats=math.inf, minimise="kib")
    signatures = ("decode", "encode")
    file = export.best(model, path, images, signatures=signatures, budget=budget)
    assert len(file.tries) >= 12
    assert all(row["within"] and math.isfinite(row["nats_lost"]) for row in file.tries)
    chosen = next(row for row in file.tries if row["chosen"])
    assert chosen["bytes"] == path.stat().st_size == min(row["bytes"] for row in file.tries)
    again = export.certify(path, model, images[1::2])
    assert again["nats_lost"] == pytest.approx(chosen["nats_lost"], abs=1e-4)
    float32 = next(row for row in file.tries if row["file"] == "float32")
    assert abs(float32["nats_lost"]) < 1e-3
    assert chosen["bytes"] < 0.32 * float32["bytes"]
