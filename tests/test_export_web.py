"""The builder of the browser page: what stands in a site, and what it refuses to build.

LiteRT.js is a stand-in here: files of the right names. test_web_browser.py runs the real one.
"""

import gzip
import http.client
import importlib
import json
import re
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_vae import cli, export, zoo
from keras_vae.export import web_models, web_server
from keras_vae.export.interpreter import run
from keras_vae.export.web import (
    RUNTIMES,
    litert_version,
    source,
    web,
)

BUILDER = importlib.import_module("keras_vae.export.web")


def write_litert(folder, version=None):
    """A node_modules folder that has LiteRT.js by its file names only."""
    packages = folder / "@litertjs"
    for file in ("core/dist/index.js", "wasm-utils/dist/index.js"):
        (packages / file).parent.mkdir(parents=True)
        (packages / file).write_text("export {};\n")
    (packages / "core/wasm").mkdir()
    for name in RUNTIMES:
        (packages / f"core/wasm/{name}.js").write_text("// a stand-in\n")
        (packages / f"core/wasm/{name}.wasm").write_bytes(b"\0asm")
    package = json.dumps({"version": version or litert_version()})
    (packages / "core/package.json").write_text(package)
    return folder


@pytest.fixture(scope="module")
def litert(tmp_path_factory):
    return write_litert(tmp_path_factory.mktemp("node_modules"))


@pytest.fixture(scope="module")
def site(tmp_path_factory, litert):
    folder = tmp_path_factory.mktemp("sites") / "site"
    return web(folder, ["dense_vae_digits", "dense_ae_digits"], litert=litert)


def files_of(site):
    paths = (path for path in site.path.rglob("*") if path.is_file())
    return {path.relative_to(site.path).as_posix() for path in paths}


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
    model = zoo.load(name)
    assert json.loads((site.path / "models.json").read_text())["models"] == site.models
    assert known["image_shape"] == [8, 8, 1]
    assert known["latent_dim"] == 8
    assert known["codes_of"] == "test"
    assert known["numbers"]["mse"] == zoo.info(name)["numbers"]["mse"]
    axes = np.asarray(known["plane"]["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-3)
    # The points and the examples are the codes of the first test images, with their labels.
    images = web_models._test_images(name)[0]
    codes = model.encode(images[:50])
    places = (codes - known["plane"]["origin"]) @ axes.T
    np.testing.assert_allclose([point[:2] for point in known["points"][:50]], places, atol=5e-3)
    assert [point[2] for point in known["points"][:50]] == digits.test.labels[:50].tolist()
    zero = int(np.flatnonzero(digits.test.labels == 0)[0])
    example = known["examples"][0]
    assert example["label"] == 0
    np.testing.assert_allclose(example["z"], model.encode(images[zero : zero + 1])[0], atol=1e-3)
    spreads = [latent["std"] for latent in known["active"]]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] == pytest.approx(model.encode(images).std(axis=0).max(), rel=1e-4)
    is_vae = hasattr(model, "prior")
    assert known["interpolation"] == ("spherical" if is_vae else "linear")
    assert known["prior"] == ("standard_normal" if is_vae else None)


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
    error = np.abs(run(decoder, z) - pixels)
    assert known["error"]["mean"] == pytest.approx(error.mean(), abs=1e-6)
    assert known["error"]["mean"] < 3 / 255
    packed = (site.path / files["encoder"]["path"]).read_bytes()
    encoder = Interpreter(model_content=gzip.decompress(packed))
    encode = encoder.get_signature_runner("encode")
    found = np.concatenate([encode(images=image[None])["z"] for image in grey[:8]])
    expected = model.encode(grey[:8])
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()


def test_the_same_site_is_not_built_twice_and_another_one_is(site, litert, monkeypatch):
    names = [model["name"] for model in site.models]
    before = (site.path / "models.json").stat().st_mtime_ns
    monkeypatch.setattr(BUILDER, "write_files", None)
    assert web(site.path, names, litert=litert) == site
    assert (site.path / "models.json").stat().st_mtime_ns == before
    with pytest.raises(TypeError):  # it tries to build, and cannot
        web(site.path, names[:1], litert=litert)
    assert web(site.path, names, litert=litert) == site  # the old one still stands
    assert [path.name for path in site.path.parent.iterdir()] == ["site"]


def test_the_limit_holds(tmp_path, litert, monkeypatch):
    monkeypatch.setattr(BUILDER, "DECODERS_LIMIT", 10_000)
    with pytest.raises(ValueError, match=r"above the limit of 10,000: .*dense_ae_digits"):
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
    assert 0 < np.abs(run(coarse, z) - pixels).mean() < 2 / 255
    assert web_models.coarsen(coarse) == coarse


def test_a_prior_that_the_page_cannot_draw_from_comes_as_draws(monkeypatch):
    model = zoo.load("dense_vae_digits")
    monkeypatch.setattr(web_models.priors, "StandardNormal", ())
    files = {key: None for key in ("decoder", "encoder", "golden", "error")}
    known = web_models.describe("dense_vae_digits", model, zoo.info("dense_vae_digits"), files)
    assert known["prior"] == "other"
    assert np.shape(known["draws"]) == (web_models.DRAWS, 8)


@pytest.mark.parametrize("name", ["dense_vae_digits", "dense_ae_digits"])
def test_without_the_data_the_map_shows_draws(name, monkeypatch):
    monkeypatch.setattr(web_models, "_test_images", lambda name: (None, None))
    files = {key: None for key in ("decoder", "encoder", "golden", "error")}
    known = web_models.describe(name, zoo.load(name), zoo.info(name), files)
    assert known["codes_of"] == "draws"
    assert {point[2] for point in known["points"]} == {None}
    assert [example["label"] for example in known["examples"]] == list(range(10))
    json.dumps(known)


def test_fill_is_the_share_of_the_larger_side():
    images = np.zeros((3, 10, 20, 1), "float32")
    images[:, 2:8, 5:9] = 1.0  # 6 high, 4 wide, in an image of 10
    assert web_models._fill(images) == pytest.approx(0.6)


def test_pen_is_the_width_of_the_strokes():
    rows, columns = np.mgrid[:40, :40]
    rings = [np.abs(np.hypot(rows - 19.5, columns - 19.5) - radius) for radius in (9, 12, 15)]
    rings = np.clip(2 - np.stack(rings), 0, 1)[..., None].astype("float32")
    assert web_models._pen(rings) == pytest.approx(3 / 40, rel=0.1)  # the width at half the ink


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
        ({"litert": "nowhere"}, FileNotFoundError, r"nowhere\. Run `npm install @litertjs/core@"),
    ],
)
def test_errors_name_the_value_and_the_remedy(arguments, error, said, tmp_path, litert):
    with pytest.raises(error, match=said):
        web(tmp_path / "site", **{"names": ["dense_ae_digits"], "litert": litert, **arguments})
    assert not list(tmp_path.iterdir())


def test_another_version_of_litert_is_refused(tmp_path):
    modules = write_litert(tmp_path / "node_modules", "0.0.1")
    with pytest.raises(ValueError, match=r"written for LiteRT.js [\d.]+; .* has 0\.0\.1"):
        web(tmp_path / "site", ["dense_ae_digits"], litert=modules)
    (modules / "@litertjs/core/wasm" / f"{RUNTIMES[0]}.wasm").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks core/wasm/litert_wasm_internal\.wasm"):
        web(tmp_path / "site", ["dense_ae_digits"], litert=modules)


def test_a_folder_of_other_files_is_left_alone(tmp_path, litert):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="holds other files"):
        web(tmp_path, ["dense_ae_digits"], litert=litert)
    with pytest.raises(FileExistsError, match="it is a file"):
        web(tmp_path / "letter.txt", ["dense_ae_digits"], litert=litert)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_the_server_gives_the_types_that_browsers_need(site):
    running = web_server.server(site.path, port=0)
    thread = threading.Thread(target=web_server.serve, args=(running,))
    thread.start()
    try:
        for path, kind in {
            "/": "text/html",
            "/app.js": "text/javascript",
            "/manifest.webmanifest": "application/manifest+json",
            "/litert/litert_wasm_internal.wasm": "application/wasm",
            "/models.json": "application/json",
        }.items():
            connection = http.client.HTTPConnection("127.0.0.1", running.server_address[1])
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200, path
            assert answer.getheader("Content-Type").split(";")[0] == kind
            connection.close()
        with pytest.raises(OSError, match="Choose another --port"):
            web_server.server(site.path, running.server_address[1])
    finally:
        running.shutdown()
        thread.join()


def test_the_verb_builds_without_serving(tmp_path, litert):
    options = ["--model", "dense_ae_digits", "--litert", str(litert), "--no-serve", "--json"]
    result = CliRunner().invoke(cli.app, ["web", "--output", str(tmp_path / "site"), *options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["models"] == 1
    packed = tmp_path / "site/models/dense_ae_digits/decoder.tflite.gz"
    assert told["decoders_bytes"] == packed.stat().st_size
