"""Time by the clock from nothing to a model that answers live, as a person would get there.

It starts `tools/studio.py` on a folder that does not exist. Chromium opens the page with a camera
that plays films of drawn hands, and every step takes the time that a person takes: three gestures
are typed at five characters a second, five clips of each and three of `no gesture` are recorded by
key with 3-2-1 and two seconds, a person gets ready before each gesture and each clip, and shows
each gesture until it is an event. `nothing_to_live_s` goes from the start of the process to the
last first event. It holds the times that the person spends, which are named below.

`restarts_s` is not a person's: the camera is started anew for each film, as a browser plays only
one. It is part of the whole. `--quick` records two clips of a gesture fewer.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from benchmarks import harness
from benchmarks.studio import studio
from tests.browser import FAKE_CAMERA, chromium, started_playwright
from tests.made_hand_films import GESTURES, REST, film, write_camera_film

NUM_CLIPS, NUM_RESTS = 5, 3
NONE = "no gesture"
OTHER_SEED = 7  # of the films on which the model is tried: another hand in another room
READS_S = 3.0  # a new page
READY_S = 2.0  # before a gesture is recorded or tried
PAUSE_S = 1.0  # before a clip
KEY_S = 0.2  # for a character
PATIENCE_MS = 60_000


class Steps:
    """Seconds of each step, added up where it comes several times."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def play(page: Page, camera: Path, steps: Steps, gesture: str, seed: int) -> None:
    """Hold another hand before the camera."""
    frames = film(gesture, seed)
    with steps.of("restarts"):
        page.click("#stop-camera")
        write_camera_film(camera, frames)
        page.click("#camera")
        page.wait_for_function("() => /fps/.test(document.getElementById('speed').textContent)")


def record(page: Page, name: str, clips: int) -> None:
    """Record clips by the key of the column, after the count."""
    column = page.locator(f'.column[data-name="{name}"]')
    key = column.locator("kbd").text_content()
    assert key is not None
    page.locator("h1").click()
    time.sleep(READY_S)
    for number in range(clips):
        time.sleep(PAUSE_S)
        page.keyboard.press(key)
        column.locator(".clip").nth(number).wait_for()


def first_event_s(page: Page, gesture: str) -> float:
    """Seconds from the moment at which a gesture is shown to its event."""
    time.sleep(READY_S)
    start = time.perf_counter()
    page.locator("#events li", has_text=gesture).first.wait_for()
    return time.perf_counter() - start


def whole_way(page: Page, camera: Path, steps: Steps, num_clips: int) -> list[float]:
    """Go from the open page to the last gesture. Returns seconds to the event of each."""
    with steps.of("read and name"):
        time.sleep(READS_S)
        page.click("#camera")
        page.wait_for_selector("#stop-camera:not([hidden])")
        for gesture in GESTURES:
            page.click("#name")
            page.keyboard.type(gesture, delay=KEY_S * 1000)
            page.keyboard.press("Enter")
            page.locator(f'.column[data-name="{gesture}"]').wait_for()
    for seed, gesture in enumerate((*GESTURES, REST)):
        play(page, camera, steps, gesture, seed)
        is_rest = gesture == REST
        with steps.of("record"):
            record(page, NONE if is_rest else gesture, NUM_RESTS if is_rest else num_clips)
    with steps.of("learn"):
        count = len(GESTURES) * num_clips + NUM_RESTS
        page.wait_for_function(
            "text => document.getElementById('summary').textContent.includes(text)",
            arg=f"Knows {len(GESTURES) + 1} gestures from {count} clips",
        )
        page.keyboard.press("t")
        page.wait_for_selector("#trying:not([hidden])")

    events_s = []
    for gesture in GESTURES:
        play(page, camera, steps, gesture, OTHER_SEED)
        with steps.of("try"):
            if not page.is_visible("#trying"):
                page.keyboard.press("t")
            events_s.append(first_event_s(page, gesture))
    return events_s


def main(argv: Sequence[str] | None = None) -> int:
    options = harness.parse_arguments(str(__doc__), argv)
    num_clips = NUM_CLIPS - 2 if options.quick else NUM_CLIPS
    steps = Steps()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera = write_camera_film(folder / "camera.mjpeg", film(REST, 0))
        arguments = [*FAKE_CAMERA, f"--use-file-for-fake-video-capture={camera}"]
        playwright = stack.enter_context(started_playwright())
        browser = stack.enter_context(chromium(playwright, *arguments))

        start = time.perf_counter()
        with steps.of("start"):
            server = stack.enter_context(studio(folder / "hands", options.threads))
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(server.address)
            page.wait_for_selector("body[data-ready]")
        events_s = whole_way(page, camera, steps, num_clips)
        whole_s = time.perf_counter() - start
        known = page.inner_text("#summary")
        page.close()

    timings = {name: harness.Timing(np.array([seconds])) for name, seconds in steps.seconds.items()}
    figures = {
        "nothing_to_live_s": harness.Figure(whole_s),
        "restarts_s": harness.Figure(steps.seconds["restarts"]),
        "event_after_s": harness.Figure(float(np.median(events_s)), min(events_s), max(events_s)),
    }
    harness.report("studio_minutes", options, timings, figures, notes=[known])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
