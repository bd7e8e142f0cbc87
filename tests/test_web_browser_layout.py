"""How the browser page looks on a desktop and on phones, in headless Chromium.

WRITE_SCREENSHOT=1 renews docs/images/web.png.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from web_page import PHONE, TABS, choose, code, expect_ready, image, in_sight, show_tab

pytestmark = pytest.mark.browser
SCREENSHOT = Path(__file__).parents[1] / "docs" / "images" / "web.png"
TARGET = 44  # CSS pixels that a finger needs
TARGETS = ":is(a, button, select, input, summary, canvas[tabindex], [role=tab]):visible"

SIDES = """(targets) => targets.map((target) => {
  const { width, height } = target.getBoundingClientRect();
  return [target.id || target.outerHTML, Math.min(width, height)];
})"""
CUT = """(buttons) => buttons
  .filter((button) => button.scrollWidth > button.clientWidth)
  .map((button) => button.textContent)"""


def test_on_a_phone_the_controls_begin_above_the_fold(phone):
    assert in_sight(phone)
    tabs = phone.get_by_role("tablist").bounding_box()
    assert tabs["y"] + tabs["height"] < 844 / 2 + TARGET
    expect(phone.locator("#map")).to_be_in_viewport(ratio=1)


def test_on_a_phone_the_picture_stays_while_a_finger_walks_on_the_map(phone):
    phone.locator("#map").evaluate("(map) => map.scrollIntoView({ block: 'end' })")
    before, picture = code(phone), image(phone)
    box = phone.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.6
    # Playwright's touchscreen only taps.
    finger = phone.context.new_cdp_session(phone)
    for step in range(12):
        finger.send(
            "Input.dispatchTouchEvent",
            {
                "type": "touchMove" if step else "touchStart",
                "touchPoints": [{"x": x + 12 * step, "y": y + 6 * step}],
            },
        )
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(phone.locator("#told")).to_contain_text("place on the map")
    assert (image(phone) != picture).any()
    assert np.abs(code(phone) - before).max() > 0.1
    assert in_sight(phone)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 640)])
def test_on_a_phone_the_picture_stays_in_sight_of_every_control(phone, width, height):
    phone.set_viewport_size({"width": width, "height": height})
    controls = phone.locator("#tools :is(button, select, input, [tabindex='0']):visible")
    for tab in TABS:
        show_tab(phone, tab)
        assert controls.count() >= 5
        for control in controls.all():
            control.evaluate("(it) => (it.focus(), it.scrollIntoView({ block: 'nearest' }))")
            assert in_sight(phone), (tab, control)
            # What has the focus is not under the picture.
            stage = phone.locator(".stage").bounding_box()
            assert control.bounding_box()["y"] >= stage["y"] + stage["height"] - 1, (tab, control)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_every_target_is_large_enough_for_a_finger(new_page, width):
    page = new_page(viewport={"width": width, "height": 844}, is_mobile=width < 1000)
    page.goto("/")
    expect_ready(page)
    for name in ("conv_vae_mnist", "dense_ae_digits"):
        choose(page, name)
        for tab in TABS:
            show_tab(page, tab)
            page.locator(".skip").focus()  # it is seen then
            sides = page.locator(TARGETS).evaluate_all(SIDES)
            assert [side for side in sides if side[1] < TARGET] == [], tab


def test_nothing_is_cut_off_in_a_button(phone):
    for width, height in ((390, 844), (360, 640), (320, 568)):
        phone.set_viewport_size({"width": width, "height": height})
        for tab in TABS:
            show_tab(phone, tab)
            assert phone.locator("button:visible").evaluate_all(CUT) == [], (width, tab)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_at_the_side(new_page, width):
    page = new_page(viewport={"width": width, "height": 844}, is_mobile=width < 1000)
    page.goto("/")
    expect_ready(page)
    for tab in TABS:
        show_tab(page, tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.skipif(not os.environ.get("WRITE_SCREENSHOT"), reason="WRITE_SCREENSHOT is not set")
def test_write_the_screenshot(new_page):
    """A desktop in light and a phone in dark colours, at the first test image."""
    shots = []
    for width, options in ((1120, {}), (390, {**PHONE, "color_scheme": "dark"})):
        page = new_page(**{**options, "viewport": {"width": width, "height": 880}})
        page.goto("/#conv_vae_mnist")
        expect_ready(page)
        shots.append(Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB"))
    both = Image.new("RGB", (shots[0].width + shots[1].width + 24, 880), "white")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (shots[0].width + 24, 0))
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    both.quantize(256, dither=Image.Dither.NONE).save(SCREENSHOT, optimize=True)
    assert SCREENSHOT.stat().st_size < 200_000
