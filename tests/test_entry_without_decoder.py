"""What becomes of an entry whose model has no code: what it can do works, the rest is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_vae import cli, recipe, training, zoo


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    """A PixelCNN of the digits as an entry, trained for a second."""
    tiny = recipe.Recipe(
        name="pixel_cnn_tiny",
        data="digits",
        builder="pixel_cnn",
        arguments={"filters": 4, "blocks": 1, "head_filters": 8},
        binarize="dynamic",
        epochs=1,
        expected={"nll_nats": 30.0},
        tolerance={"nll_nats": 30.0},
    )
    run = training.run(tiny, verbose=0)
    return zoo.publish(run, tmp_path_factory.mktemp("shelf") / tiny.name)


def main(monkeypatch, *arguments):
    """The command's exit status."""
    monkeypatch.setattr("sys.argv", ["keras-vae", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code


def test_it_says_what_it_is(pixels):
    told = zoo.info(pixels)
    assert (told["latent_dim"], told["decoder_parameters"]) == (None, None)
    assert zoo.names(decoders=True) == [n for n in zoo.names() if not n.startswith("pixel_")]


def test_it_draws_and_is_measured(pixels, tmp_path, monkeypatch, capsys):
    assert main(monkeypatch, "generate", pixels, "--count", 4, "--output", tmp_path / "x.png") == 0
    assert np.asarray(Image.open(tmp_path / "x.png")).std() > 0
    capsys.readouterr()
    assert main(monkeypatch, "evaluate", pixels, "--json") == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["nll_nats"] == pytest.approx(zoo.info(pixels)["numbers"]["nll_nats"], abs=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--output", "x.tflite"],
        ["export", "--format", "saved_model", "--output", "x"],
        ["interpolate", "--output", "x.png"],
        ["reconstruct", "a.png", "--output", "x.png"],
        ["interpolate", "--from", "a.png", "--to", "a.png", "--output", "x.png"],
    ],
)
def test_what_needs_a_code_is_refused(pixels, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((8, 8), "uint8")).save("a.png")
    assert main(monkeypatch, arguments[0], pixels, *arguments[1:]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"Autoregressive, has no code and no decoder, which {arguments[0]} needs" in said
    assert "conv_vae_mnist" in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
