"""Runs .tflite decoders in LiteRT.js, in headless Chromium: a column of the parity matrix.

    python tests/litert_js.py           # the whole shelf, every format: one line a file

Needs what `pytest -m browser` needs: Debian's chromium, and `npm install` in export/web.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import served
from playwright.sync_api import Error, expect, sync_playwright

from keras_vae import export, zoo
from keras_vae.web.site import copy_litert, source
from keras_vae.zoo import certificates

# An empty page: the site's runtime.js, and nothing to look at.
PAGE = """<!doctype html>
<html data-state="loading">
<script type="importmap">
{"imports": {
  "@litertjs/core": "./litert/core.js",
  "@litertjs/wasm-utils": "./litert/wasm-utils.js"
}}
</script>
<script type="module">
  const page = document.documentElement;
  try {
    const runtime = await import("./runtime.js");
    await runtime.start();
    globalThis.runtime = runtime;
    page.dataset.state = "ready";
  } catch (error) {
    page.dataset.state = "failed";
    document.body.textContent = error;
  }
</script>
<body></body>
</html>
"""
DECODE = """async ([path, codes]) => {
  const network = await runtime.compile(await runtime.bytesOf(path), false);
  const [output] = network.compiled.getOutputDetails();
  const pixels = [];
  for (const z of codes) pixels.push(...(await network.run(Float32Array.from(z))));
  const { accelerator } = network;
  network.delete();
  return { shape: Array.from(output.shape), pixels, accelerator };
}"""


def decode(files, browser):
    """Runs decoders in LiteRT.js on wasm, code by code.

    Args:
        files: dict of any key -> (path of a .tflite decoder of batch 1, (N, D) float32 codes).
        browser: playwright's Browser.

    Returns:
        dict of the same keys -> (N, H, W, C) float32, what the file gave; or str, the reason that
        LiteRT.js says for not running it.
    """
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "index.html").write_text(PAGE, encoding="utf-8")
        shutil.copyfile(source() / "runtime.js", folder / "runtime.js")
        copy_litert(folder / "litert")
        for number, (path, _) in enumerate(files.values()):
            shutil.copyfile(path, folder / f"{number}.tflite")
        with served.Server(folder) as server:
            page = _open(browser, server.url)
            for number, (key, (_, z)) in enumerate(files.items()):
                try:
                    found = page.evaluate(DECODE, [f"{number}.tflite", z.tolist()])
                except Error as error:
                    reason = error.message.removeprefix("Page.evaluate: ")
                    results[key] = reason.splitlines()[0]
                    page.close()  # an aborted wasm module runs nothing more
                    page = _open(browser, server.url)
                    continue
                pixels = np.asarray(found["pixels"], "float32")
                results[key] = pixels.reshape(len(z), *found["shape"][1:])
            page.close()
    return results


def _open(browser, url):
    """A page of a profile of its own, on which LiteRT.js has started."""
    page = browser.new_page()
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("data-state", "ready", timeout=served.TIMEOUT)
    return page


def export_shelf(folder, names=None, images=certificates.calibration_images):
    """Exports decoders of the zoo in every format.

    Args:
        folder: to write to.
        names: of entries; by default all.
        images: function (name) -> (N, H, W, C) images or None, on which int8 is calibrated.

    Returns:
        dict of (name, format) -> (path, (8, D) float32 golden codes), for `decode`; format is
        "float32", "float16", "weights", "dynamic" or "int8". Without the data of an Autoencoder,
        which calibrates them, its files of "weights" and "int8" are left out.
    """
    files = {}
    for name in zoo.names(decoders=True) if names is None else names:
        model, calibration = zoo.load(name), images(name)
        z, _ = zoo.golden(name)
        for quantize in export.QUANTIZE:
            on_images = quantize in ("weights", "int8") and calibration is None
            if on_images and not model.can_sample:
                continue
            path = Path(folder) / f"{name}_{quantize or 'float32'}.tflite"
            given = {"calibration_images": calibration, "signatures": ("decode",)}
            export.tflite(model, path, quantize, **given)  # Micro runs one signature
            files[name, quantize or "float32"] = (path, z)
    return files


def main():
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = served.launch(playwright.chromium)
        for (name, quantize), found in decode(export_shelf(folder), browser).items():
            if isinstance(found, str):
                print(f"{name:20} {quantize:8} not run: {found}")
                continue
            error = np.abs(found - zoo.golden(name)[1])
            print(
                f"{name:20} {quantize:8} max {error.max():.1e}, mean {255 * error.mean():.2f}/255"
            )


if __name__ == "__main__":
    main()
