"""What a visitor does on the browser page, in headless Chromium: tabs, buttons, the menu."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from web_page import TABS, choose, code, example, image, painted, show_tab

pytestmark = pytest.mark.browser
CONTROLS = ("button", "combobox", "slider", "tab", "link", "application", "textbox", "checkbox")


def test_the_page_says_bytes_milliseconds_and_accelerator(page, site):
    for _ in range(6):
        page.get_by_role("button", name="Surprise me").click()
    decoder = site.models[0]["files"]["decoder"]
    expect(page.locator("#bytes")).to_have_text(f"{decoder['bytes'] / 1000:.0f} kB")
    expect(page.locator("#milliseconds")).to_have_text(re.compile(r"^\d+(\.\d+)? ms$"))
    assert float(page.locator("#milliseconds").inner_text().removesuffix(" ms")) > 0
    expect(page.locator("#accelerator")).to_have_text(re.compile("^(wasm|WebGPU)$"))


def test_arrow_keys_move_the_map(page):
    page.get_by_role("button", name="Mean code").click()
    before, picture = code(page), image(page)
    the_map = page.get_by_role("application", name="Map of the latent space")
    the_map.press("Shift+ArrowRight")
    moved = code(page) - before
    axes = page.evaluate("import('./app.js').then(({ state }) => state.model.plane.axes)")
    along = np.asarray(axes) @ moved
    assert along[0] > 0
    assert abs(along[1]) < 1e-3 * along[0]
    assert (image(page) != picture).any()
    the_map.press("Shift+ArrowLeft")
    np.testing.assert_allclose(code(page), before, atol=1e-3)


def test_a_slider_moves_its_latent_alone(page):
    show_tab(page, "Sliders")
    before = code(page)
    slider = page.get_by_role("slider").first
    index = int(slider.get_attribute("data-index"))
    slider.press("ArrowRight")
    changed = np.flatnonzero(np.abs(code(page) - before) > 1e-6)
    assert changed.tolist() == [index]


def test_the_way_between_two_digits_ends_at_their_codes(page):
    show_tab(page, "Between")
    examples = page.evaluate("import('./app.js').then(({ state }) => state.model.examples)")
    for end, select in (("0", "From"), ("1", "To")):
        page.get_by_label("Position on the way").fill(end)
        chosen = page.get_by_label(select, exact=True)
        label = chosen.input_value()
        expect(chosen.locator("option:checked")).to_have_text(label)
        codes = [each["z"] for each in examples if str(each["label"]) == label]
        assert min(np.abs(np.asarray(z) - code(page)).max() for z in codes) < 1e-5
    expect(page.get_by_role("img", name="on the way from")).to_be_visible()


@pytest.mark.parametrize("name", ["conv_vae_mnist", "dense_ae_digits"])
def test_a_drawn_stroke_is_reconstructed(page, name):
    choose(page, name)
    show_tab(page, "Draw")
    pad = page.get_by_role("application", name="Draw a digit")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    x, top, height = box["x"] + box["width"] / 2, box["y"] + 0.2 * box["height"], box["height"]
    before = code(page)
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, top + 0.6 * height, steps=10)
    page.mouse.up()
    levels = painted(page.get_by_role("img", name="Encoder input"))
    assert levels.max() > 140  # of a stroke as wide as those of the data, wherever it falls
    assert 0.02 < (levels > 100).mean() < 0.5
    expect(page.locator("#told")).to_have_text("Rebuilt from your drawing.")
    assert np.abs(code(page) - before).max() > 0.1


def test_every_control_has_a_name(page):
    for tab in TABS:
        show_tab(page, tab)
        controls = [each for role in CONTROLS for each in page.get_by_role(role).all()]
        assert len(controls) >= 8
        for control in controls:
            expect(control).to_have_accessible_name(re.compile(r"\S"))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_the_menu_tells_the_models_apart(page, site):
    texts = page.get_by_label("Model", exact=True).locator("option").all_inner_texts()
    assert len(set(texts)) == len(texts) == len(site.models)
    assert all(" kB" in text for text in texts)
    micro = [text for model, text in zip(site.models, texts) if model["name"].endswith("_micro")]
    assert all(" micro " in text for text in micro)
    assert len(micro) == 2


def test_the_words_are_explained_where_they_stand(page):
    choose(page, "conv_vae_mnist")
    expect(page.locator("#quality-note")).to_contain_text("nats: ")
    page.get_by_role("button", name="Mean code").click()
    expect(page.locator("#told")).to_contain_text("mean code of all test images")
    show_tab(page, "Sliders")
    expect(page.locator("#sliders-note")).to_contain_text("one number of the code")
    explained = page.get_by_text("latent 11 is the eleventh")
    expect(explained).to_be_hidden()
    page.get_by_text("What the words mean").click()
    expect(explained).to_be_visible()


def test_a_test_image_is_chosen_by_a_touch_and_kept_by_another_model(phone, site):
    (model,) = [model for model in site.models if model["name"] == "conv_vae_mnist"]
    chosen = phone.locator("#examples").get_by_role("button").nth(4)
    original = phone.locator("#original")
    chosen.tap()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    image(phone)
    np.testing.assert_allclose(code(phone), model["images"][4]["z"], atol=1e-6)
    np.testing.assert_array_equal(painted(original), example(model, 4))
    label = model["images"][4]["label"]
    expect(phone.locator("#told")).to_contain_text(f"this test image, a\xa0{label}")
    choose(phone, "dense_vae_mnist")
    np.testing.assert_array_equal(painted(original), example(model, 4))
    phone.get_by_role("button", name="Surprise me").tap()
    expect(original).to_be_hidden()
