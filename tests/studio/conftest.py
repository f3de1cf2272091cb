"""A studio that serves, in a thread of this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from action_recognition.commands.teaching.studio import build_parser, open_studio
from action_recognition.studio.server import StudioServer
from action_recognition.studio.studio import Studio
from tests.browser import FAKE_CAMERA, chromium, started_playwright
from tests.conftest import REPOSITORY
from tests.made_hand_films import REST, film, write_camera_film

if TYPE_CHECKING:
    from playwright.sync_api import Browser

T = TypeVar("T")


@contextmanager
def serving(folder: Path, *flags: str, lan: str | None = None) -> Iterator[tuple[Studio, str]]:
    """The studio that the command opens with these flags, and the address of its page.

    `lan` is the address of the site for a phone. The command would refuse that of a test.
    """
    arguments = build_parser().parse_args([str(folder), "--threads", "1", *flags])
    studio = open_studio(arguments, REPOSITORY)
    server, ready = StudioServer(studio, lan), threading.Event()
    addresses: list[str] = []
    loop = asyncio.new_event_loop()

    def opened(address: str) -> None:
        addresses.append(address)
        ready.set()

    task = loop.create_task(server.serve(0, opened))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60) and addresses
        yield studio, addresses[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        loop.close()


def outcome(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns. It runs in a thread: the browser's loop runs in this one."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="package")
def touched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the command `touch` of a studio makes, whose list of commands is beside it."""
    made = tmp_path_factory.mktemp("touched") / "made"
    made.with_suffix(".json").write_text(json.dumps({"touch": ["touch", str(made)]}))
    return made


@pytest.fixture(scope="package")
def served(
    hand_models: Path, touched: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Studio, str]]:
    """One studio for all tests of this folder."""
    folder = tmp_path_factory.mktemp("studio") / "hands"
    with serving(folder, "--commands", str(touched.with_suffix(".json"))) as found:
        yield found


@pytest.fixture(scope="package")
def camera_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film that the browser's camera plays when it is started. Tests put others there."""
    return write_camera_film(tmp_path_factory.mktemp("camera") / "camera.mjpeg", film(REST, 0))


@pytest.fixture(scope="package")
def browser(camera_film: Path) -> Iterator[Browser]:
    """One browser with a camera for all tests of this folder."""
    arguments = [*FAKE_CAMERA, f"--use-file-for-fake-video-capture={camera_film}"]
    with started_playwright() as playwright, chromium(playwright, *arguments) as opened:
        yield opened
