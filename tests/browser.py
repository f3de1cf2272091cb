"""The Chromium that the system has, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

QUIET = [  # for machines of tests: no window, no root, nothing fetched in the background
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARGUMENTS = [*QUIET, "--disable-gpu"]
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def chromium_path() -> str:
    """Where it is; the test is skipped where there is none, and fails in CI."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("Chromium must be there in CI")
    if found is None:
        pytest.skip("no Chromium here")
    return found


@contextmanager
def chromium(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    """A browser without a GPU."""
    with started(playwright, [*ARGUMENTS, *arguments]) as browser:
        yield browser


@contextmanager
def started(playwright: Playwright, arguments: list[str]) -> Iterator[Browser]:
    """A browser with these arguments alone."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=arguments)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def started_playwright() -> Iterator[Playwright]:
    """What drives browsers. As long as it is there an event loop runs in this thread: keep it no
    longer than its tests.

    Imported here alone, since it belongs to the packages of development.
    """
    chromium_path()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started
