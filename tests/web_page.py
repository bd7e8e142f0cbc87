"""What the browser page shows, for its tests: its state, its code, the pixels of its canvases."""

import base64

import numpy as np
from playwright.sync_api import expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABS = ("Map", "Sliders", "Between", "Draw")
LEVELS = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [height, width, ...data.filter((_, i) => i % 4 === 0)];
}"""
IN_SIGHT = """(image) => {
  const { left, top, right, bottom } = image.getBoundingClientRect();
  const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  const corners = [[left + 8, top + 8], [right - 8, bottom - 8]];
  return inside && corners.every(([x, y]) => document.elementFromPoint(x, y) === image);
}"""


def expect_ready(page):
    """Waits until a model is shown; fails with the page's own words where it could not be."""
    html = page.locator("html")
    expect(html).not_to_have_attribute("data-state", "loading")
    assert html.get_attribute("data-state") == "ready", page.locator("#status").inner_text()


def choose(page, name):
    """Chooses a model from the menu."""
    page.get_by_label("Model", exact=True).select_option(name)
    expect_ready(page)


def show_tab(page, name):
    page.get_by_role("tab", name=name).click()


def code(page):
    """(D,) the code that is shown."""
    return np.asarray(page.evaluate("import('./app.js').then(({ state }) => [...state.z])"))


def decode(page, z):
    """(N, H * W * C) in [0, 1]: what the model on the page makes of codes (N, D)."""
    decoded = """async (codes) => {
      const { state } = await import("./app.js");
      const decoded = [];
      for (const z of codes) decoded.push([...(await state.model.decode(Float32Array.from(z)))]);
      return decoded;
    }"""
    return np.asarray(page.evaluate(decoded, z.tolist()))


def drawn(page, noise):
    """(N, D) codes that the model on the page makes of noises (N, noise_dim)."""
    made = """async (noises) => {
      const { state } = await import("./app.js");
      const decoder = await state.model.decoder();
      const draw = (noise) => decoder.run(Float32Array.from(noise), "draw");
      const codes = [];
      for (const noise of noises) codes.push([...(await draw(noise))]);
      return codes;
    }"""
    return np.asarray(page.evaluate(made, noise.tolist()))


def painted(canvas):
    """(H, W) levels 0..255 of the first channel of a canvas, which is a locator."""
    height, width, *levels = canvas.evaluate(LEVELS)
    return np.asarray(levels).reshape(height, width)


def image(page):
    """(H, W) levels 0..255 of the picture, once none is being decoded."""
    page.evaluate("import('./app.js').then(({ state }) => state.decoding)")
    return painted(page.locator("#image"))


def example(model, index=0):
    """(H, W) levels of a test image of an entry of models.json."""
    pixels = np.frombuffer(base64.b64decode(model["images"][index]["pixels"]), "uint8")
    return pixels.reshape(model["image_shape"])[..., 0]


def in_sight(page):
    """Whether the whole picture lies in the viewport, and nothing over it."""
    return page.locator("#image").evaluate(IN_SIGHT)
