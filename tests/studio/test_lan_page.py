"""A phone as the camera, in Chromium: the code is read from the screen, and a clip is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from action_recognition.data.video import count_frames
from action_recognition.studio.studio import Studio
from tests.accessibility import faults
from tests.made_hand_films import film, write_camera_film
from tests.studio.conftest import serving
from tests.studio.test_lan import ADDRESS
from tests.studio.test_page import opened, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

SIZE: ViewportSize = {"width": 390, "height": 844}

HAS_SKELETON = """() => {
  const canvas = document.getElementById("overlay");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value > 0);
}"""


@pytest.fixture(scope="module")
def with_lan(
    hand_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Studio, str]]:
    pytest.importorskip("cryptography", reason="needs the extra lan")
    pytest.importorskip("segno", reason="needs the extra lan")
    with serving(tmp_path_factory.mktemp("lan") / "hands", lan=ADDRESS) as found:
        found[0].project.add_gesture("wave")
        yield found


@pytest.fixture
def computer(with_lan: tuple[Studio, str], browser: Browser) -> Iterator[Page]:
    """The page of the computer, without a phone."""
    page = opened(browser.new_page(viewport={"width": 1280, "height": 800}), with_lan[1])
    yield page
    page.evaluate("fetch('/api/phone-disconnect', { method: 'POST', body: '{}' })")
    page.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """The browser of a phone whose user has accepted the certificate."""
    context = browser.new_context(
        ignore_https_errors=True, viewport=SIZE, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def scanned(computer: Page) -> str:
    """Open the dialog by the keyboard, and read the code from the screen as a phone does."""
    computer.focus("#use-phone")
    computer.keyboard.press("Enter")
    computer.wait_for_selector("#phone-code:not([hidden])")
    shot = computer.locator("#phone-picture").screenshot()
    read = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(read)
    assert text and text == computer.inner_text("#phone-address")
    return text


def test_a_phone_records_a_clip(
    with_lan: tuple[Studio, str], computer: Page, phone: Page, camera_film: Path, tmp_path: Path
) -> None:
    studio, _ = with_lan
    write_camera_film(camera_film, film("wave", 0))
    address = scanned(computer)
    assert len(computer.inner_text("#phone-fingerprint")) == 32 * 3 - 1
    phone.goto(address)
    phone.wait_for_selector("body[data-ready]")
    # Neither the address nor a script has what opened the page.
    assert "code" not in phone.url and phone.evaluate("document.cookie") == ""
    assert phone.evaluate("isSecureContext")
    assert phone.evaluate("document.documentElement.scrollWidth") <= SIZE["width"]
    computer.locator("#phone-state", has_text="A phone is connected").wait_for()
    computer.click("#phone-close")

    phone.click("#camera")
    phone.select_option("#gesture", "wave")
    phone.uncheck("#countdown")
    phone.fill("#person", "anna")
    phone.wait_for_function(HAS_SKELETON)
    picture(phone, "studio_lan.jpg", tmp_path)
    # By the keyboard, as by a finger.
    phone.focus("#record")
    phone.keyboard.press("Enter")
    phone.locator("#status", has_text="Saved.").wait_for()
    (clip,) = studio.project.clips("wave")
    assert clip.person == "anna" and count_frames(studio.project.root / clip.file) >= 3
    assert "wave (1)" in phone.inner_text("#gesture")
    # The computer's page shows it without being asked.
    computer.locator('.column[data-name="wave"] .clip').wait_for()

    # The computer takes the camera, then the phone takes it back.
    computer.click("#camera")
    phone.locator("#error", has_text="The computer has taken the camera over").wait_for()
    phone.click("#camera")
    computer.locator("#error", has_text="The phone has taken the camera over").wait_for()
    found = faults(phone)
    assert not found, found

    computer.click("#use-phone")
    computer.click("#phone-disconnect")
    phone.locator("#error", has_text="The computer has ended the connection").wait_for()
    assert phone.is_disabled("#record") and phone.is_disabled("#camera")
    computer.locator("#phone-state", has_text="The phone is disconnected").wait_for()
    again = phone.reload()
    assert again is not None and again.status == 403
    assert "This phone is not connected" in phone.inner_text("body")


def test_the_dialog_by_the_keyboard(with_lan: tuple[Studio, str], computer: Page) -> None:
    studio, _ = with_lan
    first = scanned(computer)
    # Keys of the page do nothing below the dialog.
    gestures = studio.project.gestures
    for key in ("1", "u"):
        computer.keyboard.press(key)
    assert computer.is_hidden("#count") and studio.project.gestures == gestures
    # It goes by Escape, and the focus comes back. The next code is another one.
    computer.keyboard.press("Escape")
    assert computer.evaluate("document.activeElement.id") == "use-phone"
    assert scanned(computer) != first


def test_wrong_codes_are_told_on_the_computer(computer: Page, phone: Page) -> None:
    address = scanned(computer)
    for _ in range(3):
        answer = phone.goto(address[:-3] + "xyz")
        assert answer is not None and answer.status == 403
    assert "ask for a new one" in phone.inner_text("body")
    computer.locator("#phone-state", has_text="There is no code").wait_for()
    assert computer.is_hidden("#phone-picture")
    assert (answer := phone.goto(address)) is not None and answer.status == 403
    computer.click("#phone-new")
    computer.wait_for_selector("#phone-code:not([hidden])")
    answer = phone.goto(computer.inner_text("#phone-address"))
    assert answer is not None and answer.status == 200
