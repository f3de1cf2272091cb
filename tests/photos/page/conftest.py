"""A page with its server, and a browser to look at it; one of each for the tests of this folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.photos.page.server import PhotoServer
from action_recognition.photos.page.site import RUNTIME_DIR, WASM_FILES, Site, open_site
from tests.browser import FAKE_CAMERA, chromium, started_playwright
from tests.made_photos import drawn_hands, write_int8_model, write_photo_model
from tests.synthetic import write_video

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright


@pytest.fixture(scope="session")
def photo_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_model(tmp_path_factory.mktemp("photo") / "export")


@pytest.fixture(scope="session")
def int8_export(photo_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with model_int8.onnx; for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("int8") / "export"
    shutil.copytree(photo_export, folder)
    write_int8_model(folder)
    return folder


@pytest.fixture(scope="session")
def browser_runtime() -> Path:
    """The runtime that npm installed. Without it: skipped, or a failure in CI where npm is."""
    if not all((RUNTIME_DIR / name).is_file() for name in WASM_FILES):
        if os.environ.get("CI") == "true" and shutil.which("npm"):
            pytest.fail("npm ci must have run in CI")
        pytest.skip(
            "the runtime for browsers is not installed: npm ci in "
            "action_recognition/photos/page/web"
        )
    return RUNTIME_DIR


@contextmanager
def served(site: Site, **options: int) -> Iterator[PhotoServer]:
    """The site on a free port, in a thread."""
    with PhotoServer(site, **options) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="package")
def page_server(photo_export: Path, browser_runtime: Path) -> Iterator[PhotoServer]:
    with served(open_site(photo_export, runtime=browser_runtime)) as server:
        yield server


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with started_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def camera_picture() -> NDArray[np.uint8]:
    """What the browser's camera shows, 640x480."""
    return drawn_hands(30, 640, 480)[12]


@pytest.fixture(scope="package")
def browser(
    playwright: Playwright,
    camera_picture: NDArray[np.uint8],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Browser]:
    """With a camera that shows `camera_picture` and is allowed."""
    video = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_video(
        video, np.repeat(camera_picture[None], 3, axis=0), 30, "wrapped_avframe", options={}
    )
    with chromium(playwright, *FAKE_CAMERA, f"--use-file-for-fake-video-capture={video}") as opened:
        yield opened


def open_page(page: Page, address: str) -> Page:
    """The page when it is ready; whatever it writes to its console as an error fails the test."""
    page.on(
        "console", lambda message: pytest.fail(message.text) if message.type == "error" else None
    )
    page.goto(address)
    page.wait_for_selector("body[data-ready], body[data-failed]")
    return page


@pytest.fixture(scope="package")
def steady_page(browser: Browser, page_server: PhotoServer) -> Iterator[Page]:
    """One page for all tests that leave it as it is."""
    context = browser.new_context()
    yield open_page(context.new_page(), page_server.address)
    context.close()


@pytest.fixture
def page(browser: Browser, page_server: PhotoServer) -> Iterator[Page]:
    """A fresh page that computes in the browser."""
    context = browser.new_context()
    yield open_page(context.new_page(), page_server.address)
    context.close()
