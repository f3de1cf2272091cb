"""The studio as people use it, in Chromium with a camera that plays films of a drawn hand: gestures
are recorded, taught, tried and taken along by keyboard and mouse.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from action_recognition.deploy.predictor import Predictor
from tests.conftest import REPOSITORY
from tests.made_hand_films import GESTURES, REST, film, write_camera_film, write_film
from tests.studio.conftest import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

IMAGES = REPOSITORY / "docs" / "images"
UPDATE = "UPDATE_SCREENSHOTS"  # set to 1, the test puts its screenshots into docs/images
PATIENCE_MS = 120_000  # of machines that do much else
NUM_CLIPS = 5
NONE = "no gesture"
OTHER_SEED = 7  # of the films on which the model is tried: another hand in another room


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


def play(page: Page, camera: Path, gesture: str, seed: int) -> None:
    """Let the camera play another film. It reads the file when it is started."""
    if page.is_visible("#stop-camera"):
        page.click("#stop-camera")
    write_camera_film(camera, film(gesture, seed))
    page.click("#camera")
    page.wait_for_selector("#idle", state="hidden")
    page.wait_for_function("() => /fps/.test(document.getElementById('speed').textContent)")


def record(page: Page, name: str, clips: int) -> None:
    """Record clips of a gesture by its key: one that ends by itself, then some while it is held."""
    column = page.locator(f'.column[data-name="{name}"]')
    key = column.locator("kbd").text_content()
    assert key is not None
    page.locator("h1").click()
    for number in range(clips):
        # A clip may be shown before the page is told that its recording has ended. Until then, and
        # just after it, the key would mean its end.
        page.wait_for_selector("#taken", state="hidden")
        page.wait_for_timeout(450)
        if number == 0:
            page.keyboard.press(key)
        else:
            page.keyboard.down(key)
            page.wait_for_selector("#taken:not([hidden])", state="attached")
            # A whole round of the film. One may last ten seconds.
            page.wait_for_function(
                "() => parseFloat(document.querySelector('#taken div').style.width) >= 14"
            )
            page.keyboard.up(key)
        column.locator(".clip").nth(number).wait_for()


@pytest.mark.slow
def test_from_nothing_to_a_model_that_is_taken_along(
    hand_models: Path, browser: Browser, camera_film: Path, touched: Path, tmp_path: Path
) -> None:
    camera, commands = camera_film, str(touched.with_suffix(".json"))
    touched.unlink(missing_ok=True)
    with serving(tmp_path / "hands", "--commands", commands) as (studio, address):
        size: ViewportSize = {"width": 1280, "height": 800}
        page = opened(browser.new_page(viewport=size, reduced_motion="reduce"), address)
        page.uncheck("#countdown")
        for gesture in GESTURES:
            page.fill("#name", gesture)
            page.press("#name", "Enter")
            page.locator(f'.column[data-name="{gesture}"]').wait_for()
        for place, gesture in enumerate(GESTURES):
            play(page, camera, gesture, place)
            record(page, gesture, NUM_CLIPS)
        page.click("#stop-camera")

        # Files are dropped on the column of what is no gesture.
        rests = [write_film(tmp_path / f"rest {seed}.mp4", film(REST, seed)) for seed in range(3)]
        page.set_input_files(f'.column[data-name="{NONE}"] input[type=file]', rests)
        page.locator(f'.column[data-name="{NONE}"] .clip').nth(2).wait_for()
        page.wait_for_function(
            "() => /Knows 4 gestures from 18 clips/.test(document.getElementById('summary')"
            ".textContent) && !/again/.test(document.getElementById('summary').textContent)"
        )
        known = re.search(r"(\d+) % are right", page.text_content("#summary") or "")
        assert known and int(known[1]) >= 70

        act(page, GESTURES[0], "touch")
        assert not touched.exists()
        tried(page, camera)
        page.locator("#action-lines", has_text=f"{GESTURES[0]}: command touch").wait_for(
            state="attached"
        )
        assert touched.exists() and not page.inner_text("#error")
        picture(page, "studio.jpg", tmp_path)
        corrected(page)
        page.click("#stop-camera")
        on_a_phone(page, tmp_path)

        page.wait_for_function("() => !document.getElementById('export').disabled")
        page.focus("#export")
        page.keyboard.press("Enter")
        page.wait_for_function(
            "() => /^done/.test(document.getElementById('job-state').textContent)"
        )
        assert len(studio.project.clips()) == 19
        page.close()

    predictor = Predictor.from_path(tmp_path / "hands_model" / "model.xml")
    for gesture in GESTURES:
        path = write_film(tmp_path / f"{gesture}.mp4", film(gesture, OTHER_SEED))
        assert predictor.predict_file(path).label == gesture


def act(page: Page, gesture: str, command: str) -> None:
    """Give a gesture an action, and switch actions on."""
    page.click("#actions-part summary")
    row = page.locator("#actions li", has_text=gesture)
    row.locator(".kind").select_option("command")
    row.locator(".value").fill(command)
    row.locator(".value").press("Enter")
    with page.expect_response("**/api/switch-actions"):
        page.check("#actions-on")
    page.click("#actions-part summary")


def tried(page: Page, camera: Path) -> None:
    """Each gesture of another hand becomes an event. The last one is still before the camera."""
    for gesture in GESTURES:
        if page.is_visible("#stop-camera"):
            page.click("#stop-camera")
        write_camera_film(camera, film(gesture, OTHER_SEED))
        page.locator("h1").click()
        page.keyboard.press("t")
        page.wait_for_selector("#trying:not([hidden])")
        page.locator("#events li", has_text=gesture).first.wait_for()


def corrected(page: Page) -> None:
    """What was wrong becomes a clip, and the clock begins again."""
    clock = "() => Number(document.getElementById('quiet').textContent.replace(':', ''))"
    page.wait_for_function(f"() => ({clock})() >= 3")
    page.select_option("#truth", NONE)
    page.click("#wrong")
    page.wait_for_function(f"() => ({clock})() < 3")
    page.locator(f'.column[data-name="{NONE}"] .clip').nth(3).wait_for()
    page.wait_for_function(
        "() => /from 19 clips/.test(document.getElementById('summary').textContent)"
    )


def on_a_phone(page: Page, folder: Path) -> None:
    """Nothing is cut off, a clip is deleted by the keyboard, and brought back."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390
    clips = page.locator('.column[data-name="wave"] .clip')
    clips.first.locator(".remove").focus()
    page.keyboard.press("Enter")
    clips.nth(NUM_CLIPS - 1).wait_for(state="detached")
    page.click("#undo")
    clips.nth(NUM_CLIPS - 1).wait_for()
    picture(page, "studio_phone.jpg", folder)
