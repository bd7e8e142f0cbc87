"""The browser page in headless Chromium, with the real LiteRT.js: `pytest -m browser -n 0`.

Needs Debian's chromium, and `npm install` in export/web. Without them the tests are skipped, unless
REQUIRE_BROWSER is set. WRITE_SCREENSHOT=1 renews docs/images/web.png.
"""

import base64
import io
import json
import os
import shutil
from pathlib import Path

import chromium
import numpy as np
import pytest
from PIL import Image

from keras_vae import data, models, recipe, training, zoo
from keras_vae.web.site import DECODERS_LIMIT, web
from keras_vae.zoo import entry, example_data

pytestmark = pytest.mark.browser
SCREENSHOT = Path(__file__).parents[1] / "docs" / "images" / "web.png"
CONTROLS = {"button", "combobox", "slider", "tab", "link", "application", "textbox", "checkbox"}
IMAGE = """(() => {
  const { width, height } = document.getElementById("image");
  const context = document.getElementById("image").getContext("2d");
  return [height, width, ...context.getImageData(0, 0, width, height).data];
})()"""
TABS = ("map", "sliders", "between", "draw")
TARGET = 44  # CSS pixels that a finger needs
WIRE = 4_000_000  # bytes of a first visit without the models, packed as they are sent
LEVELS = """((id) => {
  const canvas = document.getElementById(id);
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [height, width, ...data.filter((_, i) => i % 4 === 0)];
})"""
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


@pytest.fixture
def phone(opened, site):
    """The same page on a phone, with its first model of MNIST."""
    opened.size(390, 844, phone=True)
    opened.command("Emulation.setTouchEmulationEnabled", enabled=True)
    choose(opened, "conv_vae_mnist")
    show_tab(opened, "map")
    opened.run("scrollTo(0, 0)")
    yield opened
    opened.command("Emulation.setTouchEmulationEnabled", enabled=False)
    opened.run("scrollTo(0, 0)")
    opened.size(1280, 860)


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


def painted(page, identifier):
    """(H, W) levels 0..255 of a canvas."""
    height, width, *levels = page.run(f"{LEVELS}({json.dumps(identifier)})")
    return np.asarray(levels).reshape(height, width)


def example(model, index=0):
    """(H, W) levels of a test image of an entry of models.json."""
    pixels = np.frombuffer(base64.b64decode(model["images"][index]["pixels"]), "uint8")
    return pixels.reshape(model["image_shape"])[..., 0]


def box(page, selector):
    return page.run(
        f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"
    )


def in_sight(page):
    """Whether the whole picture lies in the viewport, and nothing over it."""
    return page.run("""(() => {
      const image = document.getElementById("image");
      const { left, top, right, bottom } = image.getBoundingClientRect();
      const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
      const corners = [[left + 8, top + 8], [right - 8, bottom - 8]];
      return inside && corners.every(([x, y]) => document.elementFromPoint(x, y) === image);
    })()""")


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


def test_the_first_picture_is_a_test_image_while_the_page_loads_and_then_its_code(site):
    with chromium.Server(site.path, held=[".wasm"]) as server, chromium.page() as page:
        page.size(390, 844, phone=True)
        page.go(server.url)
        page.wait("document.getElementById('progress')?.value > 0.2")
        name = page.run("document.getElementById('model').value")
        (model,) = [model for model in site.models if model["name"] == name]
        assert page.run("document.documentElement.dataset.state") == "loading"
        np.testing.assert_array_equal(painted(page, "image"), example(model))
        progress = box(page, "#progress")
        assert progress["height"] > 0
        assert progress["bottom"] < 844
        assert 0.2 < page.run("document.getElementById('progress').value") < 0.8
        server.go.set()
        page.wait("document.documentElement.dataset.state === 'ready'")
        assert box(page, "#progress")["height"] == 0
        np.testing.assert_allclose(code(page), model["images"][0]["z"], atol=1e-6)
        np.testing.assert_array_equal(painted(page, "original"), example(model))
        assert np.abs(image(page) - example(model).astype(int)).mean() < 25  # it is its likeness
        assert page.errors() == []


def test_a_first_visit_takes_few_bytes_and_the_runtime_once(site):
    with chromium.Server(site.path) as server, chromium.page() as page:
        page.open(server.url)
        until_ready = sum(server.sent.values())  # the service worker has hardly begun
        page.wait("document.documentElement.dataset.offline === 'ready'")
        (runtime,) = [path for path in server.sent if path.endswith(".wasm")]
        assert server.sent[runtime] < 0.4 * (site.path / runtime[1:]).stat().st_size
        models = [path for path in server.sent if path.startswith("/models/")]
        assert len(models) == 3 * len(site.models)
        page_alone = sum(server.sent.values()) - sum(server.sent[path] for path in models)
        assert page_alone < WIRE
        print(
            f"first picture within {until_ready:,} bytes; runtime {server.sent[runtime]:,}, page "
            f"with it {page_alone:,}, everything {sum(server.sent.values()):,}"
        )
        assert page.errors() == []


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
    for tab in TABS:
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


def test_the_menu_tells_the_models_apart(opened, site):
    texts = opened.run("[...document.getElementById('model').options].map(({ text }) => text)")
    assert len(set(texts)) == len(texts) == len(site.models)
    assert all(" kB" in text for text in texts)
    micro = [text for model, text in zip(site.models, texts) if model["name"].endswith("_micro")]
    assert all(" micro " in text for text in micro)
    assert len(micro) == 2


def test_the_words_are_explained_where_they_stand(opened):
    choose(opened, "conv_vae_mnist")
    assert "nats: " in opened.run("document.getElementById('quality-note').innerText")
    opened.run("document.getElementById('reset').click()")
    image(opened)
    assert "mean code of all test images" in opened.run("document.getElementById('told').innerText")
    show_tab(opened, "sliders")
    assert "one number of the code" in opened.run(
        "document.getElementById('sliders-note').innerText"
    )
    assert "eleventh" not in opened.run("document.querySelector('.words').innerText")
    opened.run("document.querySelector('.words summary').click()")
    assert "eleventh" in opened.run("document.querySelector('.words').innerText")
    opened.run("document.querySelector('.words summary').click()")


def test_a_test_image_is_chosen_by_a_touch_and_kept_by_another_model(phone, site):
    (model,) = [model for model in site.models if model["name"] == "conv_vae_mnist"]
    phone.run("document.querySelector('#examples').scrollIntoView({ block: 'end' })")
    at = box(phone, "#examples button:nth-child(5)")
    phone.touch([(at["x"] + 20, at["y"] + 20)])
    phone.command("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    phone.wait("document.querySelector('#examples button:nth-child(5)').ariaPressed === 'true'")
    image(phone)
    np.testing.assert_allclose(code(phone), model["images"][4]["z"], atol=1e-6)
    np.testing.assert_array_equal(painted(phone, "original"), example(model, 4))
    label = model["images"][4]["label"]
    assert f"this test image, a\xa0{label}" in phone.run(
        "document.getElementById('told').textContent"
    )
    choose(phone, "dense_vae_mnist")
    np.testing.assert_array_equal(painted(phone, "original"), example(model, 4))
    phone.run("document.getElementById('surprise').click()")
    image(phone)
    assert box(phone, "#original")["height"] == 0


def test_on_a_phone_the_controls_begin_above_the_fold(phone):
    assert in_sight(phone)
    assert box(phone, ".tabs")["bottom"] < 844 / 2 + TARGET
    assert box(phone, "#map")["bottom"] < 844


def test_on_a_phone_the_picture_stays_while_a_finger_walks_on_the_map(phone):
    phone.run("scrollTo(0, document.getElementById('map').getBoundingClientRect().bottom - 844)")
    before, picture = code(phone), image(phone)
    at = box(phone, "#map")
    x, y = at["x"] + at["width"] * 0.3, at["y"] + at["height"] * 0.6
    phone.touch([(x + 12 * step, y + 6 * step) for step in range(12)])
    assert (image(phone) != picture).any()
    assert np.abs(code(phone) - before).max() > 0.1
    assert in_sight(phone)
    assert "place on the map" in phone.run("document.getElementById('told').textContent")


@pytest.mark.parametrize("size", [(390, 844), (360, 640)])
def test_on_a_phone_the_picture_stays_in_sight_of_every_control(phone, size):
    phone.size(*size, phone=True)
    for tab in TABS:
        show_tab(phone, tab)
        count = phone.run("""(() => {
          const controls = "#tools :is(button, select, input, [tabindex='0'])";
          window.controls = [...document.querySelectorAll(controls)]
            .filter((each) => each.checkVisibility());
          return window.controls.length;
        })()""")
        assert count >= 5
        for number in range(count):
            phone.run(f"window.controls[{number}].focus()")
            phone.run(f"window.controls[{number}].scrollIntoView({{ block: 'nearest' }})")
            assert in_sight(phone), (tab, number, phone.run("scrollY"), box(phone, "#image"))
            # What has the focus is not under the picture.
            top = phone.run(f"window.controls[{number}].getBoundingClientRect().top")
            assert top >= box(phone, ".stage")["bottom"] - 1, (tab, number)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_every_target_is_large_enough_for_a_finger(opened, width):
    opened.size(width, 844, phone=width < 1000)
    try:
        for name in ("conv_vae_mnist", "dense_ae_digits"):
            choose(opened, name)
            for tab in TABS:
                show_tab(opened, tab)
                small = opened.run(f"""(() => {{
                  const all = "a, button, select, input, summary, canvas[tabindex], [role=tab]";
                  const targets = [...document.querySelectorAll(all)];
                  return targets.filter((each) => each.checkVisibility()).map((each) => {{
                    if (each.className === "skip") each.focus();
                    const {{ width, height }} = each.getBoundingClientRect();
                    return [each.id || each.outerHTML, width, height];
                  }}).filter(([, width, height]) => width < {TARGET} || height < {TARGET});
                }})()""")
                assert small == [], tab
    finally:
        opened.size(1280, 860)


def test_nothing_is_cut_off_in_a_button(phone):
    for size in ((390, 844), (360, 640), (320, 568)):
        phone.size(*size, phone=True)
        for tab in TABS:
            show_tab(phone, tab)
            cut = phone.run("""[...document.querySelectorAll("button")]
              .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)
              .map((each) => each.textContent)""")
            assert cut == [], (size, tab)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_at_the_side(opened, width):
    opened.size(width, 844, phone=width < 1000)
    try:
        for tab in TABS:
            show_tab(opened, tab)
            assert opened.run("document.documentElement.scrollWidth") <= width
    finally:
        opened.size(1280, 860)


def test_colour_pictures_without_labels_and_an_older_entry(browser, tiny_entry, tmp_path):
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
    with chromium.Server(own.path) as server, chromium.page() as page:
        page.open(f"{server.url}#mine")
        shown = page.run("document.getElementById('original').toDataURL().length")
        assert shown > 500  # noise in colour
        assert page.run("document.querySelectorAll('#examples button').length") == 12
        for name, ends in (("mine", "test image 1"), ("dense_vae_tiny", "draw 1")):
            choose(page, name)
            page.run("document.getElementById('surprise').click()")
            image(page)
            show_tab(page, "between")
            image(page)
            told = page.run("document.getElementById('told').textContent")
            assert f"way from {ends} to" in told
            assert page.run("document.getElementById('from').selectedOptions[0].text") == ends
            show_tab(page, "map")
        note = page.run("document.getElementById('map-note').innerText")
        assert "carries no test images: train it anew" in note
        assert box(page, "#examples-block")["height"] == 0
        assert page.errors() == []


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
def test_write_the_screenshot(opened):
    """A desktop in light and a phone in dark colours, at the first test image."""
    choose(opened, "conv_vae_mnist")
    show_tab(opened, "map")
    opened.run("document.querySelector('#examples button').click()")
    opened.run("document.activeElement.blur()")
    shots = []
    for width, dark in ((1120, False), (390, True)):
        opened.size(width, 880, dark=dark, phone=dark)
        opened.run("scrollTo(0, 0)")
        opened.run("new Promise((done) => setTimeout(done, 400))")
        shots.append(Image.open(io.BytesIO(opened.screenshot())).convert("RGB"))
    opened.size(1280, 860)
    both = Image.new("RGB", (shots[0].width + shots[1].width + 24, 880), "white")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (shots[0].width + 24, 0))
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    both.quantize(256, dither=Image.Dither.NONE).save(SCREENSHOT, optimize=True)
    assert SCREENSHOT.stat().st_size < 200_000
