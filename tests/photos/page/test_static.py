"""The page as a folder: complete without our server, and never over somebody else's files."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from action_recognition.commands.serve import main
from action_recognition.errors import UserError
from action_recognition.photos.page.site import open_site
from action_recognition.photos.page.static import export_static
from tests.made_photos import drawn_hands, write_photos
from tests.photos.page.conftest import open_page
from tests.photos.page.test_in_browser import upload

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """A web host that knows nothing but files: those of `tmp_path`."""
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_any_web_host_will_do_also_below_a_folder(
    photo_export: Path,
    browser_runtime: Path,
    tmp_path: Path,
    host: str,
    browser: Browser,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (
        main(
            [
                str(photo_export),
                "--export-static",
                str(tmp_path / "my site" / "hands"),
                "--no-webgpu",
            ]
        )
        == 0
    )
    assert "model.onnx" in capsys.readouterr().out
    context = browser.new_context()
    page = open_page(context.new_page(), f"{host}/my%20site/hands/")
    rows = upload(page, write_photos(tmp_path / "photos", drawn_hands(30)[28:]))
    assert all(float(row["fist"]) >= 0 for row in rows) and "WASM, 1 thread" in page.inner_text(
        "#latency"
    )
    context.close()


def test_the_folder_names_nothing_of_this_computer(
    photo_export: Path, browser_runtime: Path, tmp_path: Path
) -> None:
    files = export_static(open_site(photo_export), tmp_path / "site", webgpu=False)
    assert {"index.html", "config.json", "model.onnx", "_headers"} <= {file.name for file in files}
    assert not any("asyncify" in file.name for file in files)
    config = json.loads((tmp_path / "site" / "config.json").read_text())
    assert config["engine"] == "browser" and "runs_as" not in config
    for name in ("config.json", "index.html", "_headers"):
        assert str(photo_export.parent) not in (tmp_path / "site" / name).read_text()


def test_an_earlier_export_is_replaced_and_nothing_else_is(
    photo_export: Path, browser_runtime: Path, tmp_path: Path
) -> None:
    site = open_site(photo_export)
    (tmp_path / "site").mkdir()
    export_static(site, tmp_path / "site", webgpu=False)
    (tmp_path / "site" / "old.js").touch()
    export_static(site, tmp_path / "site", webgpu=False)
    assert not (tmp_path / "site" / "old.js").exists() and [
        item.name for item in tmp_path.iterdir()
    ] == ["site"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    for folder in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(UserError, match="is not an earlier export"):
            export_static(site, folder)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "mine"


def test_without_the_runtime_it_says_what_is_missing(photo_export: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="npm ci"):
        export_static(open_site(photo_export, runtime=tmp_path), tmp_path / "site")
    assert not (tmp_path / "site").exists()
