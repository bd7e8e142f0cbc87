"""Each verb, run as a user runs it: results, exit status, --json and --help."""

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from keras_vae import cli, data, evaluate, models, recipe, terminal, training, zoo
from keras_vae import export as exporter
from keras_vae.export.runtime.interpreter import Decoder
from keras_vae.zoo import runs

VERBS = sorted(get_command(cli.app).commands)


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


BELOW = Path(__file__) / "deep" / "out"  # a file is no folder, for root too


def run_main(monkeypatch, *arguments):
    """Through `main`, which turns expected errors into exit status 1."""
    monkeypatch.setattr("sys.argv", ["keras-vae", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code


def in_a_terminal(*arguments, columns=80):
    """What the command shows in a pseudo-terminal of its own; colours are left out."""
    words = ["keras-vae", *map(str, arguments)]
    program = f"import sys; sys.argv = {words}; from keras_vae.cli import main; main()"
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    environment["PYTHONPATH"] = str(Path(cli.__file__).parents[1])
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux: the other side is closed
            while part := os.read(ours, 65536):
                shown += part
        assert process.wait() == 0, shown
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def picture(path):
    with Image.open(path) as file:
        return np.asarray(file)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb):
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"keras-vae {verb}" in result.output


def test_list_shows_every_entry():
    result = run("list", "--json")
    assert [entry["name"] for entry in json.loads(result.stdout)] == zoo.names()


@pytest.mark.parametrize("columns", [200, 80, 44])  # the longest name and its nll take 42
def test_list_in_a_terminal_shows_whole_names_and_leaves_columns_out(columns):
    lines = in_a_terminal("list", columns=columns).splitlines()
    assert [line.split()[0] for line in lines[2:]] == zoo.names()
    assert max(len(line) for line in lines) <= columns
    assert ("data" in lines[0]) == (columns == 200)  # the least important goes first
    assert "nll" in lines[0]


@pytest.mark.parametrize("columns", ["80", "20"])
def test_list_in_a_pipe_is_complete_lines(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    lines = run("list").stdout.splitlines()
    told = {entry["name"]: entry for entry in map(zoo.info, zoo.names())}
    assert [line.split()[0] for line in lines[2:]] == list(told)
    for line in lines[2:]:
        entry = told[line.split()[0]]
        code = [] if entry["latent_dim"] is None else [str(entry["latent_dim"])]
        shown = [f"{entry['parameters']:,}", *code, entry["data"]["name"]]
        assert line.split()[-len(shown) :] == shown


def test_tables_of_files_and_of_tries_cut_nothing(monkeypatch, capsys):
    name = "a_file_with_a_name_of_more_than_forty_characters.tflite"
    row = {"file": name, "kib": 40.0, "microseconds_per_image": 12.0, "nats_lost": 0.01}
    row |= {"max_abs_error": 0.001, "ops": 61, "within": True, "chosen": True}
    monkeypatch.setenv("COLUMNS", "50")
    terminal.artefacts([row])
    terminal.tries([row])
    terminal.done(False, {"folder": "runs/" + name})
    said = capsys.readouterr().out
    assert said.count(name) == 3
    assert "61" in said
    assert "chosen" in said


def test_info_shows_the_card_and_the_metadata():
    name = zoo.names()[0]
    card = (zoo.locate(name) / "README.md").read_text(encoding="utf-8")
    assert run("info", name).stdout.strip() == card.strip()  # a pipe
    assert "Measured on" in in_a_terminal("info", name)
    assert json.loads(run("info", name, "--json").stdout) == zoo.info(name)


def test_generate_writes_the_same_picture_for_the_same_seed(tmp_path):
    for file in ("a.png", "b.png"):
        options = ("--count", 8, "--seed", 7, "--scale", 1, "--columns", 4)
        result = run("generate", "dense_vae_digits", *options, "--output", tmp_path / file)
        assert result.exit_code == 0, result.output
    shown = [picture(tmp_path / file) for file in ("a.png", "b.png")]
    assert shown[0].shape == (2 * 10 + 2, 4 * 10 + 2)
    np.testing.assert_array_equal(*shown)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_generated_picture_can_be_looked_at(tmp_path):
    result = run("generate", "dense_vae_digits", "--count", 9, "--output", tmp_path / "a.png")
    assert result.exit_code == 0, result.output
    assert picture(tmp_path / "a.png").shape == (3 * 66 + 2, 3 * 66 + 2)


def test_generate_separate_writes_a_folder_of_images(tmp_path):
    folder = tmp_path / "new" / "digits"
    options = ("--separate", "--seed", 7, "--output", folder)
    for count in (3, 11):  # the second replaces the first
        result = run("generate", "dense_vae_digits", "--count", count, *options)
        assert result.exit_code == 0, result.output
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f"{number:02}.png" for number in range(11)]
    expected = zoo.load("dense_vae_digits").sample(11, seed=7)
    images = np.stack([picture(folder / file) for file in files])
    np.testing.assert_array_equal(images, np.round(expected[..., 0] * 255))
    assert len(list(folder.parent.iterdir())) == 1
    (folder / "thesis.txt").write_text("mine")
    result = run("generate", "dense_vae_digits", *options)
    assert isinstance(result.exception, FileExistsError)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_interpolate_between_draws(tmp_path):
    options = ("--rows", 2, "--count", 5, "--seed", 3, "--scale", 1)
    for file in ("a.png", "b.png"):
        result = run("interpolate", "dense_vae_digits", *options, "--output", tmp_path / file)
        assert result.exit_code == 0, result.output
    shown = [picture(tmp_path / file) for file in ("a.png", "b.png")]
    assert shown[0].shape == (2 * 10 + 2, 5 * 10 + 2)
    np.testing.assert_array_equal(*shown)


def test_interpolate_between_pictures(digits, tmp_path):
    ends = []
    for number in (0, 1):
        ends.append(tmp_path / f"{number}.png")
        Image.fromarray(digits.test.images[number, ..., 0]).save(ends[-1])
    options = ("--from", ends[0], "--to", ends[1], "--count", 4, "--scale", 1)
    for name in ("dense_ae_digits", "dense_vae_digits"):
        result = run("interpolate", name, *options, "--output", tmp_path / "way.png")
        assert result.exit_code == 0, result.output
        shown = picture(tmp_path / "way.png")
        assert shown.shape == (10 + 2, 4 * 10 + 2)
        expected = zoo.load(name).reconstruct(digits.test.images[:2] / 255)[..., 0]
        for left, image in ((2, expected[0]), (32, expected[1])):
            np.testing.assert_allclose(shown[2:10, left : left + 8], image * 255, atol=0.6)


@pytest.mark.parametrize("name", ["dense_ae_digits", "dense_vae_digits"])
def test_reconstruct_shows_pictures_above_their_reconstructions(name, digits, tmp_path):
    image = digits.test.images[0, ..., 0]
    paper = np.repeat(np.repeat(255 - image, 5, axis=0), 5, axis=1)  # ink on paper, 40x40
    wide = np.pad(np.stack([paper] * 3, axis=-1), ((0, 0), (10, 10), (0, 0)))  # colour, 40x60
    for file, array in (("small.png", image), ("paper.png", paper), ("wide.jpg", 255 - wide)):
        Image.fromarray(array).save(tmp_path / file, quality=95)
    words = ("--scale", 1, "--output", tmp_path / "seen.png", "--json")
    result = run("reconstruct", name, tmp_path / "small.png", tmp_path / "wide.jpg", *words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["count"] == 2
    plain = picture(tmp_path / "seen.png")
    assert plain.shape == (2 * 10 + 2, 2 * 10 + 2)
    np.testing.assert_array_equal(plain[2:10, 2:10], image)
    np.testing.assert_allclose(plain[2:10, 12:20], image, atol=12)  # JPEG
    rebuilt = zoo.load(name).reconstruct(digits.test.images[:1] / 255)[0, ..., 0]
    np.testing.assert_allclose(plain[12:20, 2:10], rebuilt * 255, atol=0.6)
    assert 0 < told["mse"] < 0.2
    run("reconstruct", name, tmp_path / "paper.png", "--invert", *words)
    np.testing.assert_array_equal(picture(tmp_path / "seen.png")[:, :12], plain[:, :12])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generate", "dense_vae_digit", "--output", "x.png"), "Did you mean 'dense_vae_digits'"),
        (("generate", "dense_vae_digits", "--output", "x.jpg"), "must end in .png"),
        (("generate", "dense_vae_digits", "--output", "nowhere/x.png"), "no folder"),
        (("generate", "dense_vae_digits", "--separate", "--columns", "3", "--output", "x"), "one"),
        (("interpolate", "dense_vae_digits", "--from", "a.png", "--output", "x.png"), "both ends"),
        (("interpolate", "dense_vae_digits", "--invert", "--output", "x.png"), "--invert"),
        (("reconstruct", "dense_vae_digits", "a.png", "--output", "x.png"), "No picture at"),
        (("reconstruct", "dense_vae_digits", __file__, "--output", "x.png"), "cannot be read"),
        (("train", "conv_vae", "--output", "out"), "--images"),
        (("train", "dense_ae_digits", "--beta", "2", "--output", "out"), "the rate of a VAE"),
        (("train", "dense_vae_digits", "--learning-rate", "0", "--output", "out"), "above 0"),
        (("train", "conv_vea_mnist", "--output", "out"), "Did you mean 'conv_vae_mnist'"),
        (("train", "dense_vae_digits", "--images", ".", "--output", "out"), "is for a builder"),
        (("export", "dense_vae_digits", "--format", "onnx", "--output", "x"), "onnx"),
        (("export", "dense_vae_digits", "--quantize", "int4", "--output", "x.tflite"), "int4"),
        (("info", "nothing"), "nothing"),
        (("train", "conv_vae_mnist", "--output", BELOW), "test_cli.py'"),
        (("generate", "dense_vae_digits", "--separate", "--output", BELOW), "test_cli.py'"),
        (("generate", "dense_vae_digits", "--output", "/proc/x.png"), "/proc"),
        (("export", "dense_vae_digits", "--output", "/proc/x.tflite"), "/proc"),
        (
            ("export", "dense_vae_digits", "--format", "saved_model", "--output", BELOW),
            "test_cli.py",
        ),
        (("export", "dense_vae_digits", "--format", "c", "--output", "/proc/x.h"), "/proc"),
        (("evaluate", "dense_vae_digits", "--keep", BELOW), "into this folder"),
    ],
)
def test_what_fails_says_why_and_exits_1(arguments, said, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_main(monkeypatch, *arguments) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments", [("generate",), ("nothing",), ("generate", "x", "--count", "0", "--output", "y")]
)
def test_wrong_usage_exits_2(arguments):
    assert run(*arguments).exit_code == 2


def test_train_refuses_a_folder_with_other_files_before_any_work(tmp_path, monkeypatch, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert run_main(monkeypatch, "train", "dense_vae_digits", "--output", tmp_path) == 1
    assert "thesis.txt" in capsys.readouterr().err


def test_train_rebuilds_an_entry_that_every_verb_takes(tiny_entry, tmp_path):
    folder = tmp_path / "mine"
    result = run("train", tiny_entry, "--epochs", 2, "--output", folder, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["folder"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(zoo.entry.FILES)
    assert not list(tmp_path.glob(".*"))  # the checkpoints are gone
    measured = run("evaluate", folder, "--importance-samples", 3, "--count", 20, "--json")
    assert json.loads(measured.stdout)["images"] == 20
    assert run("info", folder).exit_code == 0


def test_evaluate_compares_samples_and_reads_codes(tiny_entry, digits):
    command = ("evaluate", tiny_entry, "--importance-samples", 2, "--count", 150)
    told = run(*command, "--generation", "--manifold", "--json")
    assert told.exit_code == 0, told.output
    numbers = json.loads(told.stdout)
    assert numbers["images"] == numbers["generation"]["images"] == numbers["manifold"]["images"]
    grey, labels = data.pixels(digits.test)[:150], digits.test.labels[:150]
    model = zoo.load(tiny_entry)
    compared, told = evaluate.generation(model, grey), numbers["generation"]
    for key in ("resized_from", "features"):
        assert told.pop(key) == compared.pop(key)
    assert told == pytest.approx(compared, rel=1e-4)
    seen = data.pixels(digits.test, "dynamic")[:150]
    read = evaluate.manifold(model.encode(seen), labels, images=seen)
    assert numbers["manifold"] == pytest.approx(read, abs=0.02)
    table = run(*command, "--manifold")
    assert "manifold probe_accuracy" in table.stdout
    assert "generation" not in table.stdout


@pytest.mark.shelf
def test_train_takes_beta_batch_size_and_learning_rate(tmp_path):
    folder = tmp_path / "mine"
    options = ("--beta", 4, "--batch-size", 500, "--learning-rate", 0.01, "--epochs", 1)
    result = run("train", "dense_vae_digits", *options, "--output", folder, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["misses"] == []  # the recipe's numbers are not of this run
    assert zoo.load(folder).objective.beta == 4.0
    told = recipe.load(folder / "recipe.py")
    assert (told.batch_size, told.learning_rate, told.expected) == (500, 0.01, {})
    assert zoo.info(folder)["training"]["batch_size"] == 500


def test_beta_keeps_the_free_nats_and_is_refused_by_other_objectives(tmp_path):
    (tmp_path / "recipe.py").write_text(
        "from keras_vae import objectives\nfrom keras_vae.recipe import Recipe\n"
        "RECIPE = Recipe(name='a', data='digits', builder='dense_vae', epochs=1, arguments="
        "{'objective': objectives.ELBO(free_nats=2.0)})\n"
    )
    chosen, file = runs.recipe_for(str(tmp_path), None, "a", beta=3.0)
    assert chosen.arguments["objective"].get_config() == {"beta": 3.0, "free_nats": 2.0}
    assert file is None
    text = (tmp_path / "recipe.py").read_text().replace("objectives.ELBO(free_nats=2.0)", "'iwae'")
    (tmp_path / "recipe.py").write_text(text)
    with pytest.raises(ValueError, match="the objective is IWAE"):
        runs.recipe_for(str(tmp_path), None, "a", beta=3.0)


def test_train_on_a_folder_of_pictures(tmp_path, recwarn):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for index in range(30):
        array = random.integers(0, 255, (20 + index % 3, 24, 3), dtype="uint8")
        Image.fromarray(array).save(pictures / f"{index}.png")
    (pictures / "broken.png").write_bytes(b"not a picture")
    folder = tmp_path / "mine"
    size = ("--image-size", 12, "--latent-dim", 3, "--epochs", 1)
    result = run("train", "dense_vae", "--images", pictures, *size, "--output", folder, "--json")
    assert result.exit_code == 0, result.output
    said = " ".join(str(warning.message) for warning in recwarn.list)
    assert "broken.png" in said
    assert "Resized 30" in said
    model = zoo.load(folder)
    assert isinstance(model, models.VAE)
    assert model.image_shape == (12, 12, 3)
    assert model.latent_dim == 3


@pytest.mark.shelf
@pytest.mark.parametrize("quantize", ["none", "float16", "weights", "dynamic", "int8"])
def test_export_writes_and_measures_a_file(quantize, tmp_path):
    path = tmp_path / "decoder.tflite"
    options = ("--format", "tflite", "--quantize", quantize, "--output", path, "--json")
    row = json.loads(run("export", "dense_vae_digits", *options).stdout)
    assert row["mean_abs_error"] < 3 / 255
    assert row["bytes"] == path.stat().st_size


def test_export_of_all_that_a_file_can_do(tmp_path):
    path = tmp_path / "d.tflite"
    options = ("--signature", "generate", "--signature", "encode", "--image-format", "uint8")
    options += ("--min-rate", "0.01", "--certify", "--output", path)
    result = run("export", "dense_vae_digits", *options)
    assert result.exit_code == 0, result.output
    assert re.search(r"\d of 8 latents stay; the ELBO is -?0\.\d+ nats lower", result.stdout)
    runner = Decoder(path.read_bytes()).interpreter
    assert set(runner.get_signature_list()) == {"decode", "encode", "generate"}
    row = json.loads(run("export", "dense_vae_digits", *options, "--json").stdout)
    assert row["images"] == 300
    assert abs(row["nats_lost"]) < 1


@pytest.mark.shelf
def test_export_finds_the_best_quantisation(tmp_path):
    path = tmp_path / "d.tflite"
    options = ("--quantize", "auto", "--max-nats", "0.5", "--output", path)
    result = run("export", "dense_vae_digits", *options)
    assert result.exit_code == 0, result.output
    assert "last layer dynamic" in result.stdout
    assert result.stdout.count("chosen") == 1
    assert path.stat().st_size < 80_000


def test_what_judges_on_data_names_the_data_that_is_missing(tmp_path, monkeypatch, capsys):
    def missing(*_):
        raise FileNotFoundError("Data set 'mnist' is not prepared in 'here'. Set TFDS_DATA_DIR.")

    monkeypatch.setattr(training, "load_data", missing)
    export = ("export", "dense_vae_mnist_micro", "--output", tmp_path / "d.tflite")
    for option in (("--quantize", "auto"), ("--min-rate", "0.01")):
        assert run_main(monkeypatch, *export, *option) == 1
        assert "TFDS_DATA_DIR" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_search_keeps_its_progress_out_of_the_json(tmp_path, monkeypatch):
    def search(*_, **__):
        import keras

        print("tried")
        keras.utils.Progbar(1).add(1)
        raise ValueError("no file is within the budget")

    monkeypatch.setattr(exporter, "best", search)
    options = ("--quantize", "auto", "--output", tmp_path / "d.tflite")
    result = run("export", "dense_vae_digits", *options, "--json")
    assert (result.stdout, result.stderr) == ("", "tried\n")
    assert run("export", "dense_vae_digits", *options).stdout == "tried\n"


def test_a_warning_is_one_line_without_its_source(monkeypatch, capsys):
    showwarning, message = warnings.showwarning, "Skipped a.png: it is no picture."
    monkeypatch.setattr(warnings, "showwarning", showwarning)  # as it was, when this ends
    monkeypatch.setattr(cli, "app", lambda: sys.exit(warnings.warn(message, stacklevel=1)))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert not run_main(monkeypatch)
    assert capsys.readouterr().err == f"keras-vae: {message}\n"


@pytest.mark.shelf
def test_train_in_a_terminal_rewrites_one_line_and_measures_in_another(tmp_path):
    shown = in_a_terminal("train", "dense_vae_digits", "--epochs", 3, "--output", tmp_path / "a")
    training_line, measuring, *table = shown.removesuffix("\n").split("\n")
    looks = training_line.split("\r")
    assert looks[-1].startswith("epoch 3/3  elbo -")
    assert all(re.match(r"epoch [123]/3 ", look) for look in looks[1:])
    assert measuring.split("\r")[-1].startswith("measuring: 10 of 10 in ")
    assert table[0].startswith("folder ")
    assert "\b" not in shown


def test_export_writes_a_saved_model(tmp_path):
    folder = tmp_path / "model"
    result = run("export", "dense_vae_digits", "--format", "saved_model", "--output", folder)
    assert result.exit_code == 0, result.output
    assert re.search(r"model", result.stdout)
    assert exporter.verify(folder, zoo.load("dense_vae_digits"))["max_abs_error"] < 1e-5


@pytest.mark.shelf
def test_an_interrupted_train_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    chosen, _ = runs.recipe_for("dense_vae_digits", None, "mine", epochs=2)
    monkeypatch.setattr(
        runs.publishing, "publish", lambda *a: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(OSError, match="full"):
        runs.train(chosen, folder, verbose=0)
    monkeypatch.undo()
    checkpoints = tmp_path / ".mine.checkpoints"
    before = json.loads((checkpoints / "epoch_00002" / "state.json").read_text())["seconds"]
    metadata = runs.train(chosen, folder, verbose=0)
    assert metadata["training"]["seconds"] == pytest.approx(before, abs=0.06)  # nothing was redone
    shutil.rmtree(folder)


@pytest.mark.shelf
def test_the_terminal_is_the_users(tmp_path):
    """In a process of its own, as the installed command starts: no note or error of TensorFlow."""
    words = ["keras-vae", "generate", "conv_vae_mnist", "--count", "1", "--output", "one.png"]
    program = f"import sys; sys.argv = {words}; from keras_vae.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment["PYTHONPATH"] = str(Path(cli.__file__).parents[1])
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "one.png" in done.stdout
    assert done.stderr == ""
