"""A visit of the browser page in headless Chromium, with the real LiteRT.js: `pytest -m browser`.

Needs Debian's chromium, and `npm install` in export/web. Without them the tests are skipped, unless
REQUIRE_BROWSER is set. A visitor's first minute is here; test_web_browser_controls.py uses what the
page offers, and test_web_browser_layout.py looks at it.
"""

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import served
from playwright.sync_api import expect
from web_page import (
    PHONE,
    choose,
    code,
    decode,
    drawn,
    example,
    expect_ready,
    image,
    painted,
    show_tab,
)

from keras_vae import data, models, recipe, training, zoo
from keras_vae.distributions import priors
from keras_vae.export.tflite import QUANTIZE
from keras_vae.web.site import DECODER_LIMIT, web
from keras_vae.zoo import entry, example_data

pytestmark = pytest.mark.browser
README = Path(__file__).parents[1] / "export" / "web" / "README.md"
WIRE = 4_000_000  # bytes of a first visit without the models, packed as they are sent
MEAN_ERROR = 3 / 255  # of quantised files: what tests/test_export_zoo.py allows


def test_all_decoders_of_the_zoo_are_below_the_limit(site):
    assert [model["name"] for model in site.models] == zoo.names(decoders=True)
    packed = [site.path / model["files"]["decoder"]["path"] for model in site.models]
    sizes = [path.stat().st_size for path in packed]
    assert max(sizes) < DECODER_LIMIT
    assert sum(sizes) == site.decoders_bytes


def test_a_visitor_sees_first_a_vae_of_the_largest_images(new_page, site):
    page = new_page()
    page.goto("/")
    expect_ready(page)
    name = page.evaluate("location.hash").removeprefix("#")
    (shown,) = [model for model in site.models if model["name"] == name]
    assert shown["prior"] is not None
    assert shown["image_shape"] == max(model["image_shape"] for model in site.models)


def test_the_first_picture_is_a_test_image_while_the_page_loads_and_then_its_code(new_page, site):
    with served.Server(site.path, held=[".wasm"]) as server:
        page = new_page(**PHONE)
        page.goto(server.url)
        progress, original = page.locator("#progress"), page.locator("#original")
        page.wait_for_function("document.getElementById('progress').value > 0.2")
        expect(page.locator("html")).to_have_attribute("data-state", "loading")
        name = page.get_by_label("Model", exact=True).input_value()
        (model,) = [model for model in site.models if model["name"] == name]
        np.testing.assert_array_equal(painted(page.locator("#image")), example(model))
        expect(progress).to_be_in_viewport(ratio=1)
        assert 0.2 < progress.evaluate("(bar) => bar.value") < 0.8
        server.go.set()
        expect_ready(page)
        expect(progress).to_be_hidden()
        np.testing.assert_allclose(code(page), model["images"][0]["z"], atol=1e-6)
        np.testing.assert_array_equal(painted(original), example(model))
        assert np.abs(image(page) - example(model).astype(int)).mean() < 25  # it is its likeness


def test_a_first_visit_takes_the_bytes_that_the_readme_says_and_the_runtime_once(new_page, site):
    file = lambda path: site.path / (path[1:] or "index.html")
    measured = lambda sent: [sum(sent.values()), sum(file(path).stat().st_size for path in sent)]
    visits = []
    for service_workers in ("block", "allow"):  # until the first picture; all that is kept
        with served.Server(site.path) as server:
            page = new_page(service_workers=service_workers)
            page.goto(f"{server.url}#conv_vae_mnist")
            expect_ready(page)
            if service_workers == "allow":
                expect(page.get_by_text("Ready for use without a network")).to_be_visible()
            visits.append(server.sent)
    (runtime,) = [path for path in visits[1] if path.endswith(".wasm")]
    models = {path for path in visits[1] if path.startswith("/models/")}
    assert len(models) == 3 * len(site.models)
    assert sum(visits[1][path] for path in visits[1].keys() - models) < WIRE
    found = [measured(sent) for sent in ({runtime: visits[1][runtime]}, *visits)]
    print("packed, as it is: the runtime, the first picture, everything:", found)
    table = README.read_text(encoding="utf-8").partition("| over the wire |")[2]
    told = np.reshape(re.findall(r"\| ([\d.]+) MB ", table), (3, 2)).astype(float)
    np.testing.assert_allclose(np.array(found) / 1e6, told, atol=0.1)


def test_it_works_without_its_server_after_the_first_visit(new_page, site):
    with served.Server(site.path) as server:
        page = new_page(service_workers="allow")
        page.goto(server.url)
        expect(page.get_by_text("Ready for use without a network")).to_be_visible()
        server.stop()
        page.context.set_offline(True)
        page.goto(server.url)
        expect_ready(page)
        for model in site.models[-2:]:
            choose(page, model["name"])
            assert image(page).std() > 5


def test_a_lost_model_is_said_and_not_a_blank_page(new_page, errors):
    page = new_page()
    page.route("**/decoder.tflite.gz", lambda route: route.fulfill(status=404))
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-state", "failed")
    expect(page.locator("#status")).to_contain_text("the server says 404")
    assert all("decoder.tflite.gz" in error for error in errors)
    errors.clear()


def test_every_model_draws_and_its_pixels_are_the_golden_ones(page, site):
    for model in site.models:
        choose(page, model["name"])
        z, pixels = zoo.golden(model["name"])
        assert image(page).std() > 5  # the mean code gives a picture too
        found = decode(page, z)
        error = np.abs(found.reshape(pixels.shape) - pixels)
        assert error.mean() < MEAN_ERROR, model["name"]
        assert error.mean() == pytest.approx(model["error"]["mean"], abs=0.5 / 255)
        # What is painted is what was decoded.
        shown = "(z) => import('./app.js').then(({ show }) => show(Float32Array.from(z)))"
        page.evaluate(shown, z[0].tolist())
        assert np.abs(image(page) - 255 * found[0].reshape(pixels.shape[1:3])).max() <= 0.51


def test_a_prior_of_its_own_draws_in_the_page(new_page, tmp_path):
    """The codes of "Surprise me" are made by the flow in the file, of normal numbers."""
    flow = priors.Flow(couplings=3, units=8)
    arguments = {"latent_dim": 4, "hidden_units": (16,), "prior": flow}
    made = recipe.Recipe(
        name="flow", data="digits", builder="dense_vae", arguments=arguments, epochs=1
    )
    made = dataclasses.replace(made, binarize="dynamic", importance_samples=2)
    zoo.publish(training.run(made, verbose=0), tmp_path / "flow")
    built = web(tmp_path / "site", [tmp_path / "flow", "dense_ae_digits"])
    assert [model["prior"] for model in built.models] == ["noise", "noise"]
    with served.Server(built.path) as server:
        page = new_page()
        page.goto(server.url)
        for name in (tmp_path / "flow", "dense_ae_digits"):
            choose(page, Path(name).name)
            prior = zoo.load(name).prior_family
            noise = np.random.default_rng(0).standard_normal((3, prior.noise_dim)).astype("float32")
            expected = np.asarray(prior.from_noise(noise))
            np.testing.assert_allclose(drawn(page, noise), expected, atol=0.05)
            before = code(page)
            page.get_by_role("button", name="Surprise me").click()
            expect(page.locator("#told")).to_contain_text("its code was drawn at random")
            assert np.abs(code(page) - before).max() > 1e-3


@pytest.fixture
def webgpu(browser):
    """Another Chromium, with WebGPU."""
    chromium = served.launch(browser.browser_type, served.WEBGPU)
    yield chromium
    chromium.close()


def expect_webgpu(page):
    """Skips without an adapter, or fails where REQUIRE_BROWSER is set."""
    if not page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
        stop = pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip
        stop("this Chromium has no WebGPU adapter")


def test_where_there_is_webgpu_the_usual_files_run_on_wasm_without_an_error(webgpu, new_page, site):
    page = new_page(webgpu)
    page.goto("/")
    expect_ready(page)
    expect_webgpu(page)
    for model in site.models:
        choose(page, model["name"])
        assert page.locator("#accelerator").inner_text() == "wasm"


RUNS_WHOLE = """async (path) => {
  const { loadAndCompile } = await import("@litertjs/core");
  const { bytesOf } = await import("./runtime.js");
  const compiled = await loadAndCompile(await bytesOf(path), { accelerator: "webgpu" });
  const whole = compiled.isFullyAccelerated;
  compiled.delete();
  return whole;
}"""


@pytest.mark.parametrize("quantize", QUANTIZE)
def test_webgpu_runs_the_formats_of_which_the_listing_says_so(
    quantize, webgpu, new_page, errors, tmp_path
):
    built = web(tmp_path / "site", ["dense_vae_digits", "conv_vae_digits"], quantize)
    with served.Server(built.path) as server:
        page = new_page(webgpu)
        page.goto(server.url)
        expect_ready(page)
        expect_webgpu(page)
        for model in built.models:
            decoder = model["files"]["decoder"]
            choose(page, model["name"])
            told = page.locator("#accelerator").inner_text()
            assert told == ("WebGPU" if decoder["webgpu"] else "wasm")
            z, pixels = zoo.golden(model["name"])
            error = np.abs(decode(page, z).reshape(pixels.shape) - pixels)
            assert error.mean() == pytest.approx(model["error"]["mean"], abs=0.1 / 255)
        page.evaluate("1")  # what is on its way arrives before the answer
        assert errors == []
        for model in built.models:  # what is said is so
            decoder = model["files"]["decoder"]
            assert page.evaluate(RUNS_WHOLE, decoder["path"]) == decoder["webgpu"]
        if not decoder["webgpu"]:
            errors.clear()  # LiteRT.js says what it does not run


def test_colour_pictures_without_labels_and_an_older_entry(new_page, tiny_entry, tmp_path):
    """A model of one's own pictures; and an entry from before there were examples."""
    pictures = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3)).astype("uint8")
    parts = [data.Split(name, pictures) for name in ("train", "validation", "test")]
    arguments = {"image_shape": (16, 16, 3), "latent_dim": 2, "hidden_units": (8,)}
    made = recipe.Recipe(
        name="mine", data="./holiday", builder="dense_vae", arguments=arguments, epochs=1
    )
    model = models.build("dense_vae", **arguments)
    splits = data.Data("./holiday", *parts)
    numbers = {"images": 20, "nll_nats": 500.0, "importance_samples": 10}
    run = training.Run(made, arguments, model, splits, numbers, 1.0)
    older = shutil.copytree(tiny_entry, tmp_path / "older")
    (older / example_data.FILE).unlink()
    told = entry.metadata(older)
    del told["sha256"][example_data.FILE]
    (older / "metadata.json").write_text(json.dumps(told))
    own = web(tmp_path / "site", [zoo.publish(run, tmp_path / "mine"), older])
    with served.Server(own.path) as server:
        page = new_page()
        page.goto(f"{server.url}#mine")
        expect_ready(page)
        levels = page.locator("#original").evaluate("(canvas) => canvas.toDataURL().length")
        assert levels > 500  # noise in colour
        expect(page.locator("#examples").get_by_role("button")).to_have_count(12)
        for name, ends in (("mine", "test image 1"), ("dense_vae_tiny", "draw 1")):
            choose(page, name)
            page.get_by_role("button", name="Surprise me").click()
            show_tab(page, "Between")
            expect(page.locator("#told")).to_contain_text(f"way from {ends} to")
            expect(page.get_by_label("From", exact=True).locator("option:checked")).to_have_text(
                ends
            )
            show_tab(page, "Map")
        expect(page.locator("#map-note")).to_contain_text("carries no test images: train it anew")
        expect(page.locator("#examples-block")).to_be_hidden()
