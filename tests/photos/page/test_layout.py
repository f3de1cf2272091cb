"""The page at three widths, as a file, with errors, and with a model of clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from action_recognition.dataset_tools.drawn_hands import TEST_STYLE, draw_clip, write_video
from action_recognition.photos.page.server import PhotoServer
from action_recognition.photos.page.site import WEB_DIR, open_site
from tests.accessibility import faults
from tests.made_photos import drawn_hands, write_photos
from tests.photos.page.conftest import open_page, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def box(page: Page, name: str) -> dict[str, float]:
    found = page.locator(name).bounding_box()
    assert found is not None, name
    return {**found, "right": found["x"] + found["width"], "bottom": found["y"] + found["height"]}


def test_the_table_of_photos_stays_below_the_result(
    browser: Browser, page_server: PhotoServer, tmp_path: Path
) -> None:
    files = write_photos(tmp_path, drawn_hands(30)[:2])
    context = browser.new_context(color_scheme="dark")
    page = open_page(context.new_page(), page_server.address)
    before = box(page, "#result")["y"]
    page.set_input_files("#files", files)
    page.wait_for_selector("#rows tr:nth-child(2)")
    assert page.locator("#rows canvas").count() == 2, "each photo has a small picture"
    for width in (1366, 1000, 390):
        page.set_viewport_size({"width": width, "height": 768})
        table = box(page, "#many")
        assert table["y"] >= max(box(page, name)["bottom"] for name in ("#result", "#drop"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 768})
    assert box(page, "#result")["y"] == pytest.approx(before, abs=1), "it does not jump"
    context.close()


def test_an_error_looks_like_one(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo" * 10)
    (good,) = write_photos(tmp_path, drawn_hands(30)[:1])
    page.set_input_files("#files", bad)
    page.wait_for_selector("#status.failed")
    assert faults(page) == []
    assert "bad.jpg" in page.inner_text("#status") and page.locator("#bars li").count() == 0
    page.set_input_files("#files", good)
    page.wait_for_selector("#bars li")
    assert page.locator("#status.failed").count() == 0


def test_opened_as_a_file_it_says_what_to_do(browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto((WEB_DIR / "index.html").as_uri())
    page.wait_for_selector("body[data-failed]")
    assert "python -m http.server" in page.inner_text("#status.failed")
    assert page.inner_text("#about") == ""
    context.close()


def test_a_model_of_clips_takes_video_files(
    browser: Browser, exported: Path, tmp_path: Path
) -> None:
    site = open_site(exported)
    clip = draw_clip("swipe_left", 2, TEST_STYLE)
    write_video(tmp_path / "clip.mp4", clip.frames_thwc, clip.frame_rate_fps)
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 100)
    expected = site.predictor.predict_file(tmp_path / "clip.mp4")
    with served(site) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.address)
        page.wait_for_selector("body[data-ready]")
        assert "does not decode clips" in page.inner_text("#notice")
        assert "clips of 4 frames" in page.inner_text("#about") and page.is_hidden("#camera")
        page.set_input_files("#files", [tmp_path / "clip.mp4", tmp_path / "bad.mp4"])
        page.wait_for_selector("#rows tr:nth-child(2)")
        rows = page.locator("#rows tr").all_inner_texts()
        shown = f"{100 * expected.probabilities.max():.1f} %"
        assert shown in rows[0] and page.locator("#rows canvas").count() == 1
        assert "bad.mp4" in rows[1] and "the clip: " in rows[1] and "/tmp" not in rows[1]
        context.close()
