"""A studio that serves, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from action_recognition.studio.server import StudioServer
from action_recognition.studio.studio import Studio
from tests.conftest import REPOSITORY


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Studio, str]]:
    """The studio of a project and the address of its page."""
    studio = Studio(folder, REPOSITORY, num_threads=1)
    server, ready = StudioServer(studio), threading.Event()
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


@pytest.fixture(scope="module")
def served(
    hand_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Studio, str]]:
    with serving(tmp_path_factory.mktemp("studio") / "hands") as found:
        yield found
