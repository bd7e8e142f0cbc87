"""The builder of the browser page: what stands in a site, and what it refuses to build.

LiteRT.js is a stand-in here: files of the right names. test_web_browser*.py run the real one.
"""

import base64
import gzip
import http.client
import importlib
import json
import mimetypes
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_vae import cli, data, export, recipe, training, zoo
from keras_vae.export.runtime import interpreter
from keras_vae.web import models as web_models
from keras_vae.web import server
from keras_vae.web.site import PACKED, RUNTIMES, copy_litert, litert_version, source, web
from keras_vae.zoo import entry, example_data

BUILDER = importlib.import_module("keras_vae.web.site")


def write_litert(folder, version=None):
    """A node_modules folder that has LiteRT.js by its file names only."""
    packages = folder / "@litertjs"
    for file in ("core/dist/index.js", "wasm-utils/dist/index.js"):
        (packages / file).parent.mkdir(parents=True)
        (packages / file).write_text("export {};\n")
    (packages / "core/wasm").mkdir()
    for name in RUNTIMES:
        (packages / f"core/wasm/{name}.js").write_text("// a stand-in\n")
        (packages / f"core/wasm/{name}.wasm").write_bytes(b"\0asm" + bytes(4000))
    package = json.dumps({"version": version or litert_version()})
    (packages / "core/package.json").write_text(package)
    return folder


@pytest.fixture(scope="module")
def litert(tmp_path_factory):
    return write_litert(tmp_path_factory.mktemp("node_modules"))


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """Two entries of the shelf, published anew: with everything that an entry has today."""
    folder = tmp_path_factory.mktemp("entries")
    return {
        name: published(name, folder / name) for name in ("dense_vae_digits", "dense_ae_digits")
    }


def published(name, folder):
    told, place = zoo.info(name), zoo.locate(name)
    made, arguments = recipe.load(place / "recipe.py"), entry.read_config(place)["arguments"]
    splits, seconds = data.load("digits"), told["training"]["seconds"]
    run = training.Run(made, arguments, zoo.load(name), splits, told["numbers"], seconds)
    return zoo.publish(run, folder, place / "recipe.py")


@pytest.fixture(scope="module")
def site(tmp_path_factory, litert, entries):
    return web(tmp_path_factory.mktemp("sites") / "site", entries.values(), litert=litert)


def files_of(site):
    """Relative paths of a site's files, without the gzipped copies of the server."""
    paths = {path for path in site.path.rglob("*") if path.is_file()}
    copies = {path.with_name(path.name + ".gz") for path in paths}
    return {path.relative_to(site.path).as_posix() for path in paths - copies}


def test_the_service_worker_is_told_of_every_file_but_itself(site):
    text = (site.path / "site.js").read_text()
    told = json.loads(text.removeprefix("self.SITE = ").removesuffix(";\n"))
    runtimes = {file for files in told["runtimes"].values() for file in files}
    assert set(told["files"]) - {"./"} | runtimes == files_of(site) - {
        "sw.js",
        "site.js",
        "build.json",
    }
    assert re.fullmatch("[0-9a-f]{16}", told["version"])


def test_the_page_refers_to_files_that_are_there(site):
    page = (site.path / "index.html").read_text()
    referred = re.findall(r'(?:href|src)="([^"#]+)"', page)
    referred += re.findall(r'": "\./([^"]+)"', page)
    manifest = json.loads((site.path / "manifest.webmanifest").read_text())
    referred += [icon["src"] for icon in manifest["icons"]]
    for script in site.path.glob("*.js"):
        referred += re.findall(r'from "\./([^"]+)"', script.read_text())
    assert len(referred) > 15
    assert set(referred) <= files_of(site)


def test_every_element_that_a_script_asks_for_is_on_the_page():
    page = (source() / "index.html").read_text()
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    scripts = "".join(path.read_text() for path in source().glob("*.js"))
    asked = set(re.findall(r'(?:byId|getElementById)\("([^"]+)"\)', scripts))
    labelled = " ".join(
        re.findall(r'(?:for|aria-(?:controls|labelledby|describedby))="(.+?)"', page)
    )
    assert len(asked) > 15
    assert asked | set(labelled.split()) <= set(identifiers)


@pytest.mark.parametrize("name", ["dense_vae_digits", "dense_ae_digits"])
def test_what_the_page_knows_of_a_model(site, name, digits):
    (known,) = [model for model in site.models if model["name"] == name]
    model, told = zoo.load(name), zoo.info(name)
    assert json.loads((site.path / "models.json").read_text())["models"] == site.models
    assert known["image_shape"] == [8, 8, 1]
    assert known["latent_dim"] == 8
    assert known["codes_of"] == "test"
    assert known["numbers"]["mse"] == told["numbers"]["mse"]
    axes = np.asarray(known["plane"]["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-3)
    # The points and the examples are the codes of the first test images, with their labels.
    images = data.pixels(digits.test, told["data"]["binarize"])
    codes = model.encode(images)
    places = (codes[:50] - known["plane"]["origin"]) @ axes.T
    np.testing.assert_allclose([point[:2] for point in known["points"][:50]], places, atol=2e-2)
    assert [point[2] for point in known["points"]] == digits.test.labels[:300].tolist()
    zero = int(np.flatnonzero(digits.test.labels == 0)[0])
    example = known["examples"][0]
    assert example["label"] == 0
    np.testing.assert_allclose(example["z"], codes[zero], atol=1e-2)
    spreads = [latent["std"] for latent in known["active"]]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] == pytest.approx(codes.std(axis=0).max(), rel=1e-2)
    is_vae = model.posterior_family is not None
    assert known["interpolation"] == ("spherical" if is_vae else "linear")
    assert known["prior"] == ("standard_normal" if is_vae else "noise")


@pytest.mark.parametrize("name", ["dense_vae_digits", "dense_ae_digits"])
def test_the_pictures_of_the_page_are_test_images_and_their_codes(site, name, digits):
    (known,) = [model for model in site.models if model["name"] == name]
    assert len(known["images"]) == 12
    assert {image["label"] for image in known["images"]} == set(range(10))
    pixels = [base64.b64decode(image["pixels"]) for image in known["images"]]
    pixels = np.stack([np.frombuffer(each, "uint8") for each in pixels]).reshape(12, 8, 8, 1)
    real = {
        (image.tobytes(), label)
        for image, label in zip(digits.test.images, digits.test.labels.tolist())
    }
    labels = [image["label"] for image in known["images"]]
    assert {(image.tobytes(), label) for image, label in zip(pixels, labels)} <= real
    codes = zoo.load(name).encode(pixels.astype("float32") / 255)
    np.testing.assert_allclose([image["z"] for image in known["images"]], codes, atol=1e-3)


@pytest.mark.shelf
@pytest.mark.parametrize("quantize", ["dynamic", "int8"])
def test_a_site_needs_neither_the_data_nor_the_recipe(
    site, entries, litert, tmp_path, monkeypatch, quantize
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "empty"))
    copies = [shutil.copytree(path, tmp_path / name) for name, path in entries.items()]
    for copy in copies:
        (copy / "recipe.py").write_text("raise RuntimeError('the recipe was run')\n")
        told = entry.metadata(copy)
        told["sha256"].pop("recipe.py", None)  # as in entries from before it was hashed
        (copy / "metadata.json").write_text(json.dumps(told))
    built = web(tmp_path / "site", copies, quantize, litert)
    known = list(zip(built.models, site.models))
    for key in ("images", "points", "examples", "plane", "active", "fill", "pen", "codes_of"):
        assert all(here[key] == there[key] for here, there in known), key
    assert all(0 < model["error"]["mean"] < 3 / 255 for model in built.models)


@pytest.mark.parametrize("name", ["dense_vae_digits", "dense_ae_digits"])
def test_the_files_are_the_models(site, name, grey):
    from ai_edge_litert.interpreter import Interpreter

    (known,) = [model for model in site.models if model["name"] == name]
    files, model = known["files"], zoo.load(name)
    packed = (site.path / files["decoder"]["path"]).read_bytes()
    decoder = gzip.decompress(packed)
    assert len(packed) == files["decoder"]["bytes"]
    assert len(decoder) == files["decoder"]["unpacked_bytes"]
    golden = json.loads((site.path / files["golden"]["path"]).read_text())
    z, pixels = zoo.golden(name)
    np.testing.assert_allclose(golden["z"], z, atol=1e-6)
    np.testing.assert_allclose(golden["pixels"], pixels.reshape(len(z), -1), atol=1e-6)
    error = np.abs(interpreter.run(decoder, z) - pixels)
    assert known["error"]["mean"] == pytest.approx(error.mean(), abs=1e-6)
    assert known["error"]["mean"] < 3 / 255
    packed = (site.path / files["encoder"]["path"]).read_bytes()
    encoder = Interpreter(model_content=gzip.decompress(packed))
    encode = encoder.get_signature_runner("encode")
    found = np.concatenate([encode(images=image[None])["z"] for image in grey[:8]])
    expected = model.encode(grey[:8])
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()


def test_the_same_site_is_not_built_twice_and_another_one_is(site, entries, litert, monkeypatch):
    names = list(entries.values())
    before = (site.path / "models.json").stat().st_mtime_ns
    monkeypatch.setattr(BUILDER, "write_files", None)
    assert web(site.path, names, litert=litert) == site
    assert (site.path / "models.json").stat().st_mtime_ns == before
    with pytest.raises(TypeError):  # it tries to build, and cannot
        web(site.path, names[:1], litert=litert)
    assert web(site.path, names, litert=litert) == site  # the old one still stands
    assert [path.name for path in site.path.parent.iterdir()] == ["site"]


def test_the_limit_holds(tmp_path, litert, monkeypatch):
    monkeypatch.setattr(BUILDER, "DECODER_LIMIT", 10_000)
    with pytest.raises(ValueError, match=r"'dense_ae_digits' has .* above the limit of 10,000"):
        web(tmp_path / "site", ["dense_ae_digits"], litert=litert)
    assert not list(tmp_path.iterdir())


def test_coarse_weights_are_even_and_near_and_pack_better(tmp_path):
    model = zoo.load("dense_vae_digits")
    path = tmp_path / "d.tflite"
    export.tflite(model, path, "dynamic")
    content = path.read_bytes()
    coarse = web_models.coarsen(content)
    assert len(coarse) == len(content)
    assert len(gzip.compress(coarse)) < 0.93 * len(gzip.compress(content))
    changed = np.frombuffer(coarse, "int8").astype(int) - np.frombuffer(content, "int8")
    assert set(np.unique(changed)) == {-1, 0, 1}
    z, pixels = zoo.golden("dense_vae_digits")
    assert 0 < np.abs(interpreter.run(coarse, z) - pixels).mean() < 2 / 255
    assert web_models.coarsen(coarse) == coarse


NO_FILES = {"decoder": {"bytes": 1}, "encoder": None, "golden": None, "error": None}


def test_a_prior_that_the_page_cannot_draw_from_comes_as_draws(entries, monkeypatch):
    path = entries["dense_vae_digits"]
    monkeypatch.setattr(web_models.priors, "StandardNormal", ())  # and this one makes no codes
    known = web_models.describe(path, zoo.load(path), zoo.info(path), NO_FILES)
    assert known["prior"] == "other"
    assert np.shape(known["draws"]) == (web_models.DRAWS, 8)


@pytest.mark.parametrize("name", ["dense_vae_digits", "dense_ae_digits"])
def test_an_older_entry_without_examples_shows_draws(entries, name, tmp_path):
    path = shutil.copytree(entries[name], tmp_path / name)
    (path / example_data.FILE).unlink()
    told = entry.metadata(path)
    del told["sha256"][example_data.FILE]
    (path / "metadata.json").write_text(json.dumps(told))
    known = web_models.describe(path, zoo.load(path), zoo.info(path), NO_FILES)
    assert known["codes_of"] == "draws"
    assert known["images"] == []
    assert {point[2] for point in known["points"]} == {None}
    assert [example["label"] for example in known["examples"]] == list(range(10))
    json.dumps(known)


def test_the_menu_tells_the_entries_of_the_shelf_apart():
    lines = [web_models.menu(zoo.info(name), 123_456) for name in zoo.names(decoders=True)]
    assert len(set(lines)) == len(lines)
    titles = [web_models.title(zoo.info(name)) for name in zoo.names(decoders=True)]
    assert len(set(titles)) == len(titles)
    told = zoo.info("conv_vae_mnist_micro")
    assert web_models.menu(told, 123_456) == "Conv VAE, MNIST micro · 123 kB · 90.5 nats"
    assert web_models.title(told) == "Convolutional VAE, MNIST micro"
    assert web_models.menu({**told, "name": "mine"}, 1).startswith("Conv VAE, MNIST mine")


def test_equal_lines_of_the_menu_get_their_names():
    models = [{"name": name, "menu": "Dense VAE"} for name in ("one", "two")]
    BUILDER._tell_apart(models)
    assert [model["menu"] for model in models] == ["Dense VAE (one)", "Dense VAE (two)"]


def test_the_map_shows_the_plane_that_separates_the_labels():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 50)
    codes = rng.standard_normal((150, 4)) * [9, 1, 1, 9]  # what varies most says nothing
    codes[:, 1:3] += 5 * np.array([[0, 1], [1, -1], [-1, -1]])[labels]
    means = web_models._means(codes, labels)
    assert len(np.unique(means, axis=0)) == 3
    np.testing.assert_allclose(means[60], codes[50:100].mean(axis=0))
    axes = web_models._main_axes(means - codes.mean(axis=0))
    assert np.linalg.norm(axes[:, 1:3]) ** 2 > 1.8  # of 2


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"quantize": "int3"}, ValueError, "Unknown quantize 'int3'.*Choose one of"),
        ({"names": ["dense_vae_digit"]}, ValueError, "Did you mean 'dense_vae_digits'"),
        ({"names": []}, ValueError, "at least one model"),
        ({"names": ["dense_ae_digits"] * 2}, ValueError, "a name of its own"),
        (
            {"litert": "nowhere"},
            FileNotFoundError,
            r"nowhere has none\. Run `npm install @litertjs/core@.*--litert",
        ),
    ],
)
def test_errors_name_the_value_and_the_remedy(
    arguments, error, said, tmp_path, litert, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        web(tmp_path / "site", **{"names": ["dense_ae_digits"], "litert": litert, **arguments})
    assert not list(tmp_path.iterdir())


class TestWhereLiteRTIs:
    @pytest.mark.parametrize("place", ["export/web/node_modules", "node_modules"])
    def test_it_is_found_from_the_current_folder(self, place, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_litert(tmp_path / place)
        copy_litert(tmp_path / "copy")
        assert (tmp_path / "copy/core.js").is_file()

    def test_of_another_version_it_is_passed_over(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_litert(tmp_path / "export/web/node_modules", "0.0.1")
        (write_litert(tmp_path / "node_modules") / "@litertjs/core/dist/index.js").write_text("it")
        copy_litert(tmp_path / "copy")
        assert (tmp_path / "copy/core.js").read_text() == "it"

    def test_the_error_says_every_place_and_the_command(self, tmp_path, monkeypatch):
        """As after `pip install .`, where the page lies in site-packages without LiteRT.js."""
        shutil.copytree(source(), tmp_path / "page", ignore=shutil.ignore_patterns("node_modules"))
        monkeypatch.setattr(BUILDER, "source", lambda: tmp_path / "page")
        clone = tmp_path / "clone"
        (clone / "export/web").mkdir(parents=True)
        monkeypatch.chdir(clone)
        with pytest.raises(FileNotFoundError) as told:
            web("site", ["dense_ae_digits"])
        for place in ("clone/export/web/node_modules", "clone/node_modules", "page/node_modules"):
            assert f"{tmp_path / place} has none" in str(told.value)
        assert f"`npm install @litertjs/core@{litert_version()}`" in str(told.value)
        shutil.copy(source() / "package.json", clone / "export/web")
        with pytest.raises(FileNotFoundError, match="`npm install --prefix export/web`"):
            web("site", ["dense_ae_digits"])

    def test_a_wrong_or_broken_one_is_named(self, tmp_path):
        modules = write_litert(tmp_path / "node_modules", "0.0.1")
        with pytest.raises(FileNotFoundError, match=r"LiteRT.js [\d.]+\. .* has 0\.0\.1\. Run"):
            web(tmp_path / "site", ["dense_ae_digits"], litert=modules)
        (modules / "@litertjs/core/wasm" / f"{RUNTIMES[0]}.wasm").unlink()
        with pytest.raises(FileNotFoundError, match=r"lacks core/wasm/litert_wasm_internal\.wasm"):
            web(tmp_path / "site", ["dense_ae_digits"], litert=modules)

    def test_npm_leaves_no_lock_file(self):
        """`npm install --prefix export/web` reads this: the version stands in package.json."""
        settings = Path(__file__).parents[1] / "export/web/.npmrc"
        assert "package-lock=false" in settings.read_text().splitlines()


def test_a_folder_of_other_files_is_left_alone(tmp_path, litert):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="holds other files"):
        web(tmp_path, ["dense_ae_digits"], litert=litert)
    with pytest.raises(FileExistsError, match="it is a file"):
        web(tmp_path / "letter.txt", ["dense_ae_digits"], litert=litert)
    assert (tmp_path / "letter.txt").read_text() == "dear"


@pytest.fixture(scope="module")
def served(site):
    """function (path, **headers) -> (answer, its body) of a server of the site."""
    running = server.server(site.path, port=0)
    thread = threading.Thread(target=server.serve, args=(running,))
    thread.start()

    def get(path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", running.server_address[1])
        connection.request("GET", path, headers={k.replace("_", "-"): headers[k] for k in headers})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    yield get
    with pytest.raises(OSError, match="Choose another --port"):
        server.server(site.path, running.server_address[1])
    running.shutdown()
    thread.join()


@pytest.mark.parametrize("accepted", ["identity", "gzip, deflate, br"])
def test_the_server_gives_the_types_that_browsers_need(site, served, accepted):
    for path, kind in {
        "/": "text/html",
        "/app.js": "text/javascript",
        "/manifest.webmanifest": "application/manifest+json",
        "/litert/litert_wasm_internal.wasm": "application/wasm",
        "/models.json": "application/json",
        "/icon-192.png": "image/png",
        "/models/dense_ae_digits/decoder.tflite.gz": "application/gzip",
    }.items():
        answer, body = served(path, Accept_Encoding=accepted)
        assert answer.status == 200, path
        assert answer.getheader("Content-Type").split(";")[0] == kind
        assert int(answer.getheader("Content-Length")) == len(body)
        file = (site.path / (path[1:] or "index.html")).read_bytes()
        packed = answer.getheader("Content-Encoding") == "gzip"
        assert packed == (accepted != "identity" and not path.endswith((".png", ".gz")))
        assert (gzip.decompress(body) if packed else body) == file
        assert answer.getheader("Vary") == "Accept-Encoding"


def test_the_types_do_not_depend_on_the_tables_of_a_machine(site, served, monkeypatch):
    for ending in (".js", ".wasm", ".webmanifest", ".html"):
        monkeypatch.setitem(mimetypes.types_map, ending, "text/plain")  # Windows' registry may
    for path, kind in {"/app.js": "text/javascript; charset=utf-8", "/": "text/html"}.items():
        assert served(path)[0].getheader("Content-Type").startswith(kind)


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("deflate,gzip ; q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("br, xgzip", False),
        ("", False),
    ],
)
def test_only_a_client_that_unpacks_gets_packed_files(served, accepted, packed):
    answer, _ = served("/app.js", Accept_Encoding=accepted)
    assert (answer.getheader("Content-Encoding") == "gzip") == packed


def test_an_unchanged_packed_file_is_not_sent_again(served):
    answer, _ = served("/app.js", Accept_Encoding="gzip")
    since = answer.getheader("Last-Modified")
    again, body = served("/app.js", Accept_Encoding="gzip", If_Modified_Since=since)
    assert (again.status, body) == (304, b"")
    assert served("/nothing.js", Accept_Encoding="gzip")[0].status == 404


def test_every_file_that_shrinks_has_its_packed_copy(site):
    for file in files_of(site):
        path = site.path / file
        if path.suffix not in PACKED:
            continue
        copy = path.with_name(f"{path.name}.gz")
        assert copy.is_file() or len(gzip.compress(path.read_bytes())) >= path.stat().st_size
        assert not copy.is_file() or gzip.decompress(copy.read_bytes()) == path.read_bytes()
    assert (site.path / "models.json.gz").is_file()


def test_the_verb_builds_without_serving(tmp_path, litert):
    options = ["--model", "dense_ae_digits", "--litert", str(litert), "--no-serve", "--json"]
    result = CliRunner().invoke(cli.app, ["web", "--output", str(tmp_path / "site"), *options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["models"] == 1
    packed = tmp_path / "site/models/dense_ae_digits/decoder.tflite.gz"
    assert told["decoders_bytes"] == packed.stat().st_size
