"""The studio as people use it, in Chromium with a camera that plays a film of a drawn hand:
a gesture is added and recorded by the keyboard, deleted and brought back.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest

from action_recognition.dataset_tools.drawn_hands import TEST_STYLE, draw_clip
from tests.browser import FAKE_CAMERA, chromium, started_playwright
from tests.conftest import REPOSITORY
from tests.studio.conftest import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = REPOSITORY / "docs" / "images"
UPDATE = "UPDATE_SCREENSHOTS"  # set to 1, the test puts its screenshots into docs/images
PATIENCE_MS = 120_000  # of machines that do much else
ROOM = dataclasses.replace(
    TEST_STYLE,
    frame_sizes=((320, 240),),
    frame_rates_fps=(15.0,),
    textures=("gradient",),
    distractors=("ellipse",),
    noise_sigma=(0.0, 2.0),
)


def film(path: Path, motion: str, seed: int) -> Path:
    """A film for the fake camera, which plays MJPEG at 30 frames a second."""
    frames = draw_clip(motion, seed, ROOM).frames_thwc
    jpegs = [cv2.imencode(".jpg", frame[:, :, ::-1])[1].tobytes() for frame in frames]
    path.write_bytes(b"".join(jpeg + jpeg for jpeg in jpegs))
    return path


def opened(page: Page, address: str) -> Page:
    """The page when it is ready. What it writes to its console as an error fails the test."""
    page.set_default_timeout(PATIENCE_MS)
    page.on(
        "console", lambda message: pytest.fail(message.text) if message.type == "error" else None
    )
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    return page


def picture(page: Page, name: str, folder: Path) -> None:
    """A screenshot, which docs/ shows where the test is to update them."""
    made = folder / name
    page.screenshot(path=str(made), type="jpeg", quality=80)
    assert made.stat().st_size > 10_000
    if os.environ.get(UPDATE) == "1":
        shutil.copyfile(made, IMAGES / name)
    assert (IMAGES / name).is_file(), f"{UPDATE}=1 makes it"


def record(page: Page, name: str, clips: int) -> None:
    """Add a gesture and record its clips, by the keyboard."""
    page.fill("#name", name)
    page.press("#name", "Enter")
    column = page.locator(f'.column[data-name="{name}"]')
    column.wait_for()
    page.click("#camera")
    page.wait_for_selector("#idle", state="hidden")
    page.uncheck("#countdown")
    # Long enough for some frames on a machine that does much else.
    page.select_option("#length", "4")
    key = column.locator("kbd").text_content()
    assert key is not None
    for number in range(clips):
        page.locator("h1").click()
        page.keyboard.press(key)
        column.locator(".clip").nth(number).wait_for()
    column.locator(".moving:not(.waiting)").nth(clips - 1).wait_for()


@pytest.mark.slow
def test_a_gesture_is_recorded(hand_models: Path, tmp_path: Path) -> None:
    path = film(tmp_path / "shake.mjpeg", "shake", 4)
    arguments = [*FAKE_CAMERA, f"--use-file-for-fake-video-capture={path}"]
    with (
        serving(tmp_path / "hands") as (studio, address),
        started_playwright() as playwright,
        chromium(playwright, *arguments) as browser,
    ):
        page = opened(browser.new_page(viewport={"width": 1280, "height": 800}), address)
        record(page, "wave", 2)
        assert len(studio.project.clips("wave")) == 2
        assert "two gestures with 3 clips" in (page.text_content("#summary") or "")
        picture(page, "studio.jpg", tmp_path)

        clips = page.locator('.column[data-name="wave"] .clip')
        clips.first.locator(".remove").focus()
        page.keyboard.press("Enter")
        clips.nth(1).wait_for(state="detached")
        page.click("#undo")
        clips.nth(1).wait_for()

        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 420, "height": 900})
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 420, "nothing is cut off on a phone"
        picture(page, "studio_phone.jpg", tmp_path)
