"""A page with its server, and a browser to look at it; one of each for the tests of this folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from action_recognition.deploy.page.server import PhotoServer
from action_recognition.deploy.page.site import RUNTIME_DIR, WASM_FILES, Site, open_site
from tests.browser import FAKE_CAMERA, chromium
from tests.photos import write_photo_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def photo_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_model(tmp_path_factory.mktemp("photo") / "export")


@pytest.fixture(scope="session")
def browser_runtime() -> Path:
    """Where npm put the runtime; skipped where it is not installed, a failure in CI where npm is."""
    if not all((RUNTIME_DIR / name).is_file() for name in WASM_FILES):
        if os.environ.get("CI") == "true" and shutil.which("npm"):
            pytest.fail("npm ci must have run in CI")
        pytest.skip("the runtime for browsers is not installed: npm ci in action_recognition/deploy/page/web")
    return RUNTIME_DIR


@contextmanager
def served(site: Site, **options: int) -> Iterator[PhotoServer]:
    """The site on a free port, in a thread."""
    with PhotoServer(site, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def page_server(photo_export: Path, browser_runtime: Path) -> Iterator[PhotoServer]:
    with served(open_site(photo_export, runtime=browser_runtime)) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium(*FAKE_CAMERA) as opened:
        yield opened
