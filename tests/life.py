"""The life of a model in a minute or two, with whatever versions are installed here.

    python tests/life.py                # says the versions and each step; ends at the first failure

For environments whose versions are not those of the test suite: the lowest that setup.py allows,
and Colab's. It needs keras_vae and what that installs, and tflite-micro for the C header.
"""

import contextlib
import importlib.metadata
import importlib.util
import io
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
STEPS = []


def step(function):
    STEPS.append(function)
    return function


@step
def pretrained_models_load_and_decode_their_golden_codes(_):
    import numpy as np

    from keras_vae import zoo

    for name in ("dense_ae_digits", "conv_ae_digits", "dense_vae_mnist", "conv_vae_mnist"):
        z, pixels = zoo.golden(name)
        np.testing.assert_allclose(zoo.load(name).decode(z), pixels, rtol=0, atol=1e-5)


@step
def a_model_trains_is_measured_saved_and_loaded(folder):
    import keras
    import numpy as np

    from keras_vae import data, evaluate, models

    digits = data.load("digits")
    images = data.pixels(digits.test, binarize="dynamic")
    for builder in ("dense_vae", "conv_vae"):
        model = models.build(builder, image_shape=digits.image_shape, latent_dim=4)
        model.compile(keras.optimizers.Adam(1e-3))
        before = model.evaluate(images, verbose=0, return_dict=True)["elbo"]
        batches = data.batches(digits.train, 64, shuffle=True, binarize="dynamic")
        model.fit(batches, validation_data=images, epochs=2, verbose=0)
        model.fit(data.pixels(digits.train, binarize="dynamic"), epochs=1, verbose=0)
        report = evaluate.report(model, images, importance_samples=2, progress=False)
        assert before + 5 < report["elbo_nats"] <= -report["nll_nats"] < 0, (before, report)
        model.save(folder / f"{builder}.keras")
        again = keras.saving.load_model(folder / f"{builder}.keras")
        np.testing.assert_allclose(again.sample(4, seed=7), model.sample(4, seed=7), atol=1e-6)
        assert again.evaluate(images, verbose=0, return_dict=True)["elbo"] > before


@step
def a_recipe_becomes_an_entry_with_a_card_and_a_picture(folder):
    import numpy as np

    from keras_vae import recipe, training, zoo

    name = "dense_ae_life"
    arguments = {"latent_dim": 3, "hidden_units": (12,)}
    chosen = {"data": "digits", "builder": "dense_ae", "arguments": arguments, "epochs": 1}
    run = training.run(recipe.Recipe(name=name, **chosen), verbose=0)
    entry = zoo.publish(run, folder / name)
    z, pixels = zoo.golden(entry)
    np.testing.assert_allclose(zoo.load(entry).decode(z), pixels, rtol=0, atol=1e-5)


@step
def every_export_is_written_and_gives_the_models_pixels(folder):
    from keras_vae import data, export, zoo

    images = data.pixels(data.load("digits").validation, binarize="dynamic")
    for name in ("dense_vae_digits", "conv_vae_digits"):
        model = zoo.load(name)
        export.saved_model(model, folder / name)
        assert export.verify(folder / name, model)["max_abs_error"] < 1e-5
        for quantize in export.QUANTIZE:
            path = folder / f"{name}_{quantize}.tflite"
            export.tflite(model, path, quantize, calibration_images=images)
            allowed = 1e-5 if quantize is None else 3 / 255
            assert export.verify(path, model)["mean_abs_error"] < allowed, path
        if name == "dense_vae_digits":  # a dozen files: once
            assert export.best(model, folder / "best.tflite", images).tries
        path = folder / f"{name}_all.tflite"
        export.tflite(model, path, "int8", signatures=export.SIGNATURES, calibration_images=images)
        assert export.certify(path, model, images[:50])["nats_lost"] < 1


@step
def an_int8_decoder_becomes_a_c_header(folder):
    from keras_vae import export

    if importlib.util.find_spec("tflite_micro") is None:
        return "skipped: tflite-micro is not here"
    header = export.c_array(folder / "conv_vae_digits_int8.tflite", folder / "decoder.h")
    assert header.arena_bytes > 0
    return None


@step
def pictures_of_ones_own_are_read(folder):
    import numpy as np
    from PIL import Image

    from keras_vae import image_folder

    (folder / "pictures").mkdir()
    for number in range(12):
        levels = np.full((20 + number, 30, 3), 20 * number, "uint8")
        Image.fromarray(levels).save(folder / "pictures" / f"{number}.png")
    assert image_folder.load(folder / "pictures").image_shape == (32, 32, 3)


@step
def the_command_generates_and_lists(folder):
    from keras_vae import cli

    for words in (
        ["list"],
        ["info", "conv_vae_mnist"],
        ["generate", "conv_vae_mnist", "--count", "4", "--output", str(folder / "grid.png")],
        ["evaluate", "dense_vae_digits", "--importance-samples", "2"],
        ["train", "--help"],
    ):
        sys.argv = ["keras-vae", *words]
        said = io.StringIO()
        ended = 0
        try:
            with contextlib.redirect_stdout(said):
                cli.main()
        except SystemExit as error:
            ended = error.code
        assert not ended, words
        assert len(said.getvalue()) > 20, words
    assert (folder / "grid.png").is_file()


@step
def prepared_data_is_read_and_missing_data_is_said(_):
    from keras_vae import data

    try:
        mnist = data.load("mnist")
    except FileNotFoundError as error:
        if "TFDS_DATA_DIR" not in str(error):
            raise
        return "said, as mnist is not prepared here"
    assert len(mnist.test) == 10_000
    return None


def installed():
    """'name version' of Python and of what setup.py of the installed keras_vae requires."""
    required = importlib.metadata.requires("keras_vae") or []
    names = [re.match(r"[\w.-]+", line)[0] for line in required if "extra ==" not in line]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return [f"Python {platform.python_version()}", *versions]


def main():
    print(", ".join(installed()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for function in STEPS:
            began = time.time()
            skipped = function(Path(folder))
            spent = f"{time.time() - began:.0f} s"
            print(f"{function.__name__.replace('_', ' ')}: {skipped or spent}", flush=True)


if __name__ == "__main__":
    main()
