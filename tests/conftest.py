"""Fixtures that several test files share."""

import contextlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import prepared_data
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.append(str(Path(__file__).parents[1]))  # for `benchmarks`, behind what is installed
IN_A_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IN_A_WORKER:  # a thread for each worker: more would wait for each other
    for pool in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM", "OPENBLAS_NUM"):
        os.environ.setdefault(f"{pool}_THREADS", "1")


def pytest_configure(config):
    """Prepared data is hidden in the processes that run tests."""
    if getattr(config.option, "numprocesses", None) and not IN_A_WORKER:
        return
    config.pluginmanager.register(prepared_data.PreparedData(), "prepared_data")


@pytest.fixture(autouse=True)
def _same_random_numbers():
    import keras

    keras.utils.set_random_seed(7)


@pytest.fixture(scope="session")
def benchmark_program():
    """function (name) -> the program benchmarks/<name>.py as a module."""

    def load(name):
        path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def digits():
    """The embedded data set: real 8x8 digits, 1,297 / 200 / 300."""
    from keras_vae import data

    return data.load("digits")


@pytest.fixture(scope="session")
def grey(digits):
    """(64, 8, 8, 1) float32 grey digits in [0, 1]."""
    from keras_vae import data

    return data.pixels(digits.train)[:64]


@pytest.fixture(scope="session")
def binary(digits):
    """(64, 8, 8, 1) float32 digits of 0 and 1."""
    from keras_vae import data

    return data.pixels(digits.train, binarize="dynamic")[:64]


@pytest.fixture(scope="session")
def browser_installed():
    """Skips without Chromium and LiteRT.js, or fails where REQUIRE_BROWSER is set."""
    import served

    missing = served.missing()
    if missing and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="module")
def browser(browser_installed):
    """Playwright's Browser: for a file, as no asyncio of another one runs while playwright does."""
    import served
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=served.TIMEOUT)
    with sync_playwright() as playwright:
        chromium = served.launch(playwright.chromium)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site(browser_installed, tmp_path_factory):
    """The whole zoo, as `keras-vae web` builds it."""
    from keras_vae.web.site import web

    return web(tmp_path_factory.mktemp("site") / "site")


@pytest.fixture(scope="module")
def server(site):
    """Serves the site."""
    import served

    with served.Server(site.path) as running:
        yield running


@pytest.fixture
def errors():
    """What went wrong on the pages of a test; one that expects errors empties the list."""
    return []


@pytest.fixture
def new_page(browser, server, errors):
    """function (**options of a context) -> Page of a profile of its own; its errors fail the test.

    Addresses are relative to the site's. Without `service_workers="allow"` the page does not load
    the whole site for later.
    """
    import served

    contexts = []
    told = lambda said: f"{said.text} {said.location['url']}"

    def new(within=browser, **options):
        usual = {"viewport": {"width": 1280, "height": 860}, "service_workers": "block"}
        context = within.new_context(base_url=server.url, **{**usual, **options})
        contexts.append(context)
        context.set_default_timeout(served.TIMEOUT)
        page = context.new_page()
        page.on("console", lambda said: said.type == "error" and errors.append(told(said)))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda lost: errors.append(f"{lost.url}: {lost.failure}"))
        return page

    yield new
    for page in [page for context in contexts for page in context.pages]:
        page.evaluate("1")  # what is on its way arrives before the answer
    found = list(errors)  # a page that is closed loses what it was loading
    for context in contexts:
        context.close()
    assert found == []


@pytest.fixture
def page(new_page, site):
    """The browser page on a desktop, with the site's first model."""
    from web_page import expect_ready

    page = new_page()
    page.goto(f"/#{site.models[0]['name']}")
    expect_ready(page)
    return page


@pytest.fixture
def phone(new_page):
    """The browser page on a phone, with the first model of MNIST."""
    from web_page import PHONE, expect_ready

    page = new_page(**PHONE)
    page.goto("/#conv_vae_mnist")
    expect_ready(page)
    return page


@pytest.fixture
def full_disk():
    """Context manager (bytes): within it no file can grow beyond so many, as on a full disk."""
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def set_policy():
    """Sets the global dtype policy, and takes it back after the test."""
    import keras

    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="session")
def tiny_run():
    """A finished run of a VAE on digits that took a second: for what happens to runs."""
    from keras_vae import recipe, training

    tiny = recipe.Recipe(
        name="dense_vae_tiny",
        data="digits",
        builder="dense_vae",
        arguments={"latent_dim": 3, "hidden_units": (12,)},
        binarize="dynamic",
        epochs=1,
        batch_size=32,
        learning_rate=1e-2,
        ema_momentum=None,
        importance_samples=2,
        expected={"nll_nats": 30.0},
        tolerance={"nll_nats": 30.0},
    )
    return training.run(tiny, verbose=0)


@pytest.fixture(scope="session")
def tiny_entry(tiny_run, tmp_path_factory):
    """The tiny run as an entry. Tests that change files change a copy: `entry_copy`."""
    from keras_vae import zoo

    return zoo.publish(tiny_run, tmp_path_factory.mktemp("shelf") / "dense_vae_tiny")


@pytest.fixture
def entry_copy(tiny_entry, tmp_path):
    return shutil.copytree(tiny_entry, tmp_path / tiny_entry.name)
