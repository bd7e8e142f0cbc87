"""What the exported files of an entry are worth, measured on its own data and kept beside it."""

import tempfile
from pathlib import Path

from keras_vae import data, export, training, zoo
from keras_vae.zoo import entry, publishing

TEST_IMAGES = 2000


def calibration_images(name, required=False):
    """(512, H, W, C) validation images of an entry's data for int8.

    Args:
        name: of an entry, or a folder of one.
        required: without the data an error, instead of None.

    Raises:
        FileNotFoundError: the data is not at hand, and required.
    """
    chosen = entry.told_recipe(zoo.locate(name))
    try:
        return training.calibration_images(training.load_data(chosen), chosen)
    except FileNotFoundError:
        if required:
            raise
        return None


def held_out_images(name, count=TEST_IMAGES):
    """(count, H, W, C) test images of an entry's data, as its likelihood needs them.

    Raises:
        FileNotFoundError: the data is not at hand.
    """
    chosen = entry.told_recipe(zoo.locate(name))
    test = training.load_data(chosen).test
    return data.pixels(test, chosen.binarize, chosen.seed)[:count]


def certify(name):
    """Exports an entry in every quantisation; keeps what each file costs in its metadata and card.

    Args:
        name: of an entry, or a folder of one.

    Returns:
        dict of "float32", "float16", "weights", "dynamic", "int8" -> dict of `export.certify`.

    Raises:
        FileNotFoundError: the entry's data is not at hand.
    """
    model, images, calibration = zoo.load(name), held_out_images(name), calibration_images(name)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for quantize in export.QUANTIZE:
            path = Path(folder) / f"{Path(name).name}_{quantize or 'float32'}.tflite"
            export.tflite(model, path, quantize, calibration_images=calibration)
            rows[quantize or "float32"] = export.certify(path, model, images)
    publishing.record(zoo.locate(name), "export", rows)
    return rows
