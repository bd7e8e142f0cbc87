"""What the server of a site gives away: its files, and nothing beside them."""

import threading
import urllib.error
import urllib.request

import pytest

from keras_vae.web import server


@pytest.fixture
def address(tmp_path):
    site = tmp_path / "site"
    (site / "models").mkdir(parents=True)
    (site / "index.html").write_text("page")
    (site / "models" / "one.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    (site / "out").symlink_to(tmp_path / "secret")
    (site / "up").symlink_to(tmp_path)
    with server.server(site, port=0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield server.url(running)
        running.shutdown()


@pytest.mark.parametrize("path", ["", "index.html", "models/one.json"])
def test_files_of_the_site(address, path):
    with urllib.request.urlopen(address + path) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["models/", "out", "up/", "up/secret", "..%2fsecret", "%00"])
def test_no_listing_and_no_way_out(address, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address + path)
