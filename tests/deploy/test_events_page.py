"""samples/web/events.html in a real browser, beside a demo that runs."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.browser import chromium, started_playwright
from tests.conftest import REPOSITORY
from tests.synthetic import numbered_frames, write_video
from tests.tiny_export import LABELS


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, as `python -m http.server --bind 127.0.0.1` gives it."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextlib.contextmanager
def demo(model: Path, folder: Path) -> Iterator[int]:
    """The port on which a demo tells its events. Whatever is best is an event."""
    rules = {"onset": 0.01, "release": 0.001, "smoothing_s": 0, "refractory_s": 0}
    (folder / "rules.json").write_text(json.dumps(rules), encoding="utf-8")
    film = write_video(folder / "film.mp4", numbered_frames(1800), 10)
    script = REPOSITORY / "tools" / "workdir" / "demo.py"
    flags = ["--model", model, "--input", film, "--no-show", "--realtime", "--serve", "0"]
    flags += ["--decision", folder / "rules.json", "--stride", "1", "--threads", "1"]
    with subprocess.Popen(
        [sys.executable, str(script), *map(str, flags)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        try:
            assert process.stdout is not None
            ports = (re.search(r"ws://127\.0\.0\.1:(\d+)", line) for line in process.stdout)
            yield int(next(port for port in ports if port)[1])
        finally:
            process.kill()


def test_the_page_shows_events_and_says_when_there_is_no_demo(
    exported: Path, tmp_path: Path
) -> None:
    with (
        served(REPOSITORY / "samples" / "web") as address,
        demo(exported / "model.xml", tmp_path) as port,
        started_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        page = browser.new_page(viewport={"width": 640, "height": 480})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/events.html?port={port}")
        page.wait_for_selector("#events li", timeout=60_000)
        assert page.inner_text("#state") == "connected: make a gesture"
        label = page.inner_text("#label")
        assert label in LABELS
        assert re.fullmatch(rf"\d+\.\d s: {re.escape(label)} \(\d+ %\)", page.inner_text("li"))
        if "EVENTS_PICTURE" in os.environ:
            page.screenshot(path=os.environ["EVENTS_PICTURE"])
        assert errors == []

        # Without a demo it says what to type, and tries again.
        page.goto(f"{address}/events.html?port=1")
        page.get_by_text("no connection to port 1: run.py --serve 1").wait_for(timeout=60_000)
