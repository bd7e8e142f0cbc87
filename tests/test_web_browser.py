"""The browser page in headless Chromium, with the real LiteRT.js: `pytest -m browser -n 0`.

Needs Debian's chromium, and `npm install` in export/web. Without them the tests are skipped, unless
REQUIRE_BROWSER is set. WRITE_SCREENSHOT=1 renews docs/images/web.png.
"""

import io
import json
import os
import shutil
from pathlib import Path

import chromium
import numpy as np
import pytest
from PIL import Image

from keras_vae import zoo
from keras_vae.export.web import DECODERS_LIMIT, web

pytestmark = pytest.mark.browser
SCREENSHOT = Path(__file__).parents[1] / "docs" / "images" / "web.png"
CONTROLS = {"button", "combobox", "slider", "tab", "link", "application", "textbox", "checkbox"}
IMAGE = """(() => {
  const { width, height } = document.getElementById("image");
  const context = document.getElementById("image").getContext("2d");
  return [height, width, ...context.getImageData(0, 0, width, height).data];
})()"""
MEAN_ERROR = 3 / 255  # of quantised files: what tests/test_export_zoo.py allows


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """The whole zoo, as `keras-vae web` builds it."""
    return web(tmp_path_factory.mktemp("site") / "site")


@pytest.fixture(scope="module")
def opened(site):
    """A Chromium that shows the site's first model."""
    with chromium.Server(site.path) as server, chromium.page() as page:
        page.size(1280, 860)
        page.open(f"{server.url}#{site.models[0]['name']}")
        yield page


def choose(page, name):
    page.run(f"""(() => {{
      const select = document.getElementById("model");
      select.value = {json.dumps(name)};
      select.dispatchEvent(new Event("change"));
    }})()""")
    shown = f"location.hash === '#{name}' && document.documentElement.dataset.state === 'ready'"
    page.wait(shown)


def code(page):
    return np.asarray(page.run("import('./app.js').then(({ state }) => [...state.z])"))


def image(page):
    """(H, W) levels 0..255 of the canvas, once no picture is being decoded."""
    page.run("import('./app.js').then(({ state }) => state.decoding)")
    height, width, *levels = page.run(IMAGE)
    return np.asarray(levels).reshape(height, width, 4)[..., 0]


def show_tab(page, name):
    page.run(f"document.getElementById('tab-{name}').click()")


def test_all_decoders_of_the_zoo_are_below_the_limit(site):
    assert [model["name"] for model in site.models] == zoo.names()
    packed = [site.path / model["files"]["decoder"]["path"] for model in site.models]
    assert sum(path.stat().st_size for path in packed) == site.decoders_bytes < DECODERS_LIMIT


def test_a_visitor_sees_first_a_vae_of_the_largest_images(site):
    with chromium.Server(site.path) as server, chromium.page() as page:
        page.open(server.url)
        name = page.run("location.hash").removeprefix("#")
    (shown,) = [model for model in site.models if model["name"] == name]
    assert shown["prior"] is not None
    assert shown["image_shape"] == max(model["image_shape"] for model in site.models)


def test_every_model_draws_and_its_pixels_are_the_golden_ones(opened, site):
    for model in site.models:
        choose(opened, model["name"])
        z, pixels = zoo.golden(model["name"])
        assert image(opened).std() > 5  # the mean code gives a picture too
        found = np.asarray(
            opened.run(f"""(async () => {{
              const {{ state }} = await import("./app.js");
              const decoded = [];
              for (const z of {json.dumps(z.tolist())}) {{
                decoded.push([...(await state.model.decode(Float32Array.from(z)))]);
              }}
              return decoded;
            }})()""")
        )
        error = np.abs(found.reshape(pixels.shape) - pixels)
        assert error.mean() < MEAN_ERROR, model["name"]
        assert error.mean() == pytest.approx(model["error"]["mean"], abs=0.5 / 255)
        # What is painted is what was decoded.
        shown = f"import('./app.js').then(({{ show }}) => show(Float32Array.from({z[0].tolist()})))"
        opened.run(shown)
        assert np.abs(image(opened) - 255 * found[0].reshape(pixels.shape[1:3])).max() <= 0.51
    assert opened.errors() == []


def test_the_page_says_bytes_milliseconds_and_accelerator(opened, site):
    model = site.models[0]
    choose(opened, model["name"])
    for _ in range(6):
        opened.run("document.getElementById('surprise').click()")
        image(opened)
    text = {
        key: opened.run(f"document.getElementById('{key}').textContent")
        for key in ("bytes", "milliseconds", "accelerator")
    }
    assert text["bytes"] == f"{model['files']['decoder']['bytes'] / 1000:.0f} kB"
    assert float(text["milliseconds"].removesuffix(" ms")) > 0
    assert text["accelerator"] in ("wasm", "WebGPU")


def test_arrow_keys_move_the_map(opened):
    show_tab(opened, "map")
    opened.run("document.getElementById('reset').click()")
    before, picture = code(opened), image(opened)
    opened.run("document.getElementById('map').focus()")
    opened.press("ArrowRight", shift=True)
    moved = code(opened) - before
    axes = opened.run("import('./app.js').then(({ state }) => state.model.plane.axes)")
    along = np.asarray(axes) @ moved
    assert along[0] > 0
    assert abs(along[1]) < 1e-3 * along[0]
    assert (image(opened) != picture).any()
    opened.press("ArrowLeft", shift=True)
    np.testing.assert_allclose(code(opened), before, atol=1e-3)


def test_a_slider_moves_its_latent_alone(opened):
    show_tab(opened, "sliders")
    before = code(opened)
    index = int(opened.run("document.querySelector('#sliders input').dataset.index"))
    opened.run("document.querySelector('#sliders input').focus()")
    opened.press("ArrowRight")
    changed = np.flatnonzero(np.abs(code(opened) - before) > 1e-6)
    assert changed.tolist() == [index]


def test_the_way_between_two_digits_ends_at_their_codes(opened):
    show_tab(opened, "between")
    for end, select in ((0, "from"), (1, "to")):
        opened.run(f"""(() => {{
          const slider = document.getElementById("position");
          slider.value = {end};
          slider.dispatchEvent(new Event("input"));
        }})()""")
        label = opened.run(f"document.getElementById('{select}').value")
        examples = opened.run("import('./app.js').then(({ state }) => state.model.examples)")
        codes = [each["z"] for each in examples if str(each["label"]) == label]
        assert min(np.abs(np.asarray(z) - code(opened)).max() for z in codes) < 1e-5
    strip = "document.getElementById('strip').getAttribute('aria-label')"
    opened.wait(f"{strip}.includes('on the way from')")


@pytest.mark.parametrize("name", ["conv_vae_mnist", "dense_ae_digits"])
def test_a_drawn_stroke_is_reconstructed(opened, name):
    choose(opened, name)
    show_tab(opened, "draw")
    for button in ("clear", "reset"):
        opened.run(f"document.getElementById('{button}').click()")
    image(opened)
    opened.run("document.getElementById('pad').scrollIntoView({ block: 'center' })")
    box = opened.run("document.getElementById('pad').getBoundingClientRect().toJSON()")
    x, top = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.2
    before = code(opened)
    opened.drag([(x, top + step * box["height"] * 0.06) for step in range(11)])
    seen = "document.getElementById('seen')"
    ink = f"""(() => {{
      const {{ width, height }} = {seen};
      return [...{seen}.getContext("2d").getImageData(0, 0, width, height).data];
    }})()"""
    levels = np.asarray(opened.run(ink)).reshape(-1, 4)[:, 0]
    assert levels.max() > 140  # of a stroke as wide as those of the data, wherever it falls
    assert 0.02 < (levels > 100).mean() < 0.5
    for _ in range(50):  # the encoder loads at the first stroke
        opened.run("new Promise((done) => setTimeout(done, 200))")
        if np.abs(code(opened) - before).max() > 0.1:
            return
    raise AssertionError("the stroke did not change the code")


def test_every_control_has_a_name(opened):
    for tab in ("map", "sliders", "between", "draw"):
        show_tab(opened, tab)
        nodes = opened.command("Accessibility.getFullAXTree")["nodes"]
        controls = [
            node
            for node in nodes
            if not node.get("ignored") and node.get("role", {}).get("value", "").lower() in CONTROLS
        ]
        assert len(controls) >= 8
        nameless = [node for node in controls if not node.get("name", {}).get("value", "").strip()]
        assert nameless == []
    assert opened.run("document.documentElement.lang") == "en"
    assert opened.run("document.querySelectorAll('h1').length") == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_at_the_side(opened, width):
    opened.size(width, 844, phone=width == 390)
    try:
        for tab in ("map", "sliders", "between", "draw"):
            show_tab(opened, tab)
            assert opened.run("document.documentElement.scrollWidth") <= width
    finally:
        opened.size(1280, 860)


def test_it_works_without_its_server_after_the_first_visit(site):
    with chromium.Server(site.path) as server, chromium.page() as page:
        page.open(server.url)
        page.wait("document.documentElement.dataset.offline === 'ready'")
        server.stop()
        page.open(server.url)
        assert page.run("document.documentElement.dataset.state") == "ready"
        for model in site.models[-2:]:
            choose(page, model["name"])
            assert image(page).std() > 5


def test_a_lost_model_is_said_and_not_a_blank_page(site, tmp_path):
    folder = shutil.copytree(site.path, tmp_path / "site")
    (folder / site.models[0]["files"]["decoder"]["path"]).unlink()
    with chromium.Server(folder) as server, chromium.page() as page:
        page.open(f"{server.url}#{site.models[0]['name']}")
        assert page.run("document.documentElement.dataset.state") == "failed"
        assert "the server says 404" in page.run("document.getElementById('status').innerText")


def test_webgpu_runs_a_model_whose_pixels_are_right(site):
    """By SwiftShader, WebGPU on the processor: slow, but the same shaders."""
    options = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    options += ["--enable-features=Vulkan", "--use-vulkan=swiftshader"]
    name = "dense_vae_digits"
    with chromium.Server(site.path) as server, chromium.page(options) as page:
        page.open(f"{server.url}#{name}")
        if not page.run("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this Chromium has no WebGPU adapter")
        assert page.run("document.getElementById('accelerator').textContent") == "WebGPU"
        z, pixels = zoo.golden(name)
        found = page.run(f"""import("./app.js").then(async ({{ state }}) =>
          [...(await state.model.decode(Float32Array.from({json.dumps(z[0].tolist())})))])""")
        error = np.abs(np.reshape(found, pixels[0].shape) - pixels[0])
        assert error.mean() < MEAN_ERROR
        assert page.errors() == []


@pytest.mark.skipif(not os.environ.get("WRITE_SCREENSHOT"), reason="WRITE_SCREENSHOT is not set")
def test_write_the_screenshot(opened, site):
    """A desktop in light and a phone in dark colours, at an example that is not the mean code."""
    choose(opened, "conv_vae_mnist")
    show_tab(opened, "map")
    (known,) = [model for model in site.models if model["name"] == "conv_vae_mnist"]
    z = next(example["z"] for example in known["examples"] if example["label"] == 2)
    opened.run(f"import('./app.js').then(({{ show }}) => show(Float32Array.from({z})))")
    shots = []
    for width, dark in ((1120, False), (390, True)):
        opened.size(width, 880, dark=dark, phone=dark)
        opened.run("new Promise((done) => setTimeout(done, 400))")
        shots.append(Image.open(io.BytesIO(opened.screenshot())).convert("RGB"))
    opened.size(1280, 860)
    both = Image.new("RGB", (shots[0].width + shots[1].width + 24, 880), "white")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (shots[0].width + 24, 0))
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    both.quantize(256, dither=Image.Dither.NONE).save(SCREENSHOT, optimize=True)
    assert SCREENSHOT.stat().st_size < 200_000
