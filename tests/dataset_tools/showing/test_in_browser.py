"""The page of a data set in real Chromium, opened as a file: filters and thumbnails do what they
say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from action_recognition.commands.data.show import main
from action_recognition.dataset_tools.showing.strips import NUM_FRAMES
from tests.browser import chromium, started_playwright
from tests.synthetic import numbered_frames, write_lines, write_video
from tests.tiny import moving_bar

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, two splits, a clip that cannot be opened, names that would be HTML."""
    folder = tmp_path_factory.mktemp("clips & <b>")
    for i in range(3):
        write_video(folder / f"wave {i}.mp4", numbered_frames(20 + 10 * i, 96, 128), 25)
        write_video(folder / f"stop_{i}.mp4", moving_bar(0, i, 20), 25)
    (folder / "broken.mp4").write_bytes(b"no video at all")
    write_lines(
        folder / "train.txt",
        ["stop_0.mp4 stop", "stop_1.mp4 stop", "stop_2.mp4 stop", "broken.mp4 stop"],
    )
    write_lines(folder / "val.txt", [f"wave {i}.mp4 wave<i>" for i in range(3)])
    flags = [
        "--ann-files",
        f"{folder / 'train.txt'},{folder / 'val.txt'}",
        "--data-roots",
        str(folder),
        "--jobs",
        "1",
    ]
    assert main([*flags, "--output", str(folder / "page.html")]) == 0
    return folder / "page.html"


@pytest.fixture(scope="module")
def page(page_file: Path) -> Iterator[Page]:
    with started_playwright() as playwright, chromium(playwright) as browser:
        opened = browser.new_page()
        problems: list[str] = []
        opened.on(
            "console",
            lambda message: (
                problems.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        opened.on(
            "request",
            lambda request: (
                problems.append(request.url)
                if not request.url.startswith(("file:", "data:"))
                else None
            ),
        )
        opened.goto(page_file.as_uri())
        opened.wait_for_selector(".clip")
        yield opened
        assert not problems, problems


def choose(page: Page, **values: str) -> None:
    """Set these filters, and all others to `all`."""
    for name in ("class", "person", "split", "finding"):
        page.select_option(f"#{name}", value=f"={values[name]}" if name in values else "")


def test_each_filter_shows_what_it_says(page: Page) -> None:
    assert page.inner_text("#count") == "7 of 7 clips" and page.locator(".clip").count() == 7
    for values, number in (
        ({"class": "wave<i>"}, 3),
        ({"split": "train"}, 4),
        ({"class": "stop", "split": "val"}, 0),
    ):
        choose(page, **values)
        assert (
            page.inner_text("#count") == f"{number} of 7 clips"
            and page.locator(".clip").count() == number
        ), values
    choose(page, finding="any finding")
    with_findings = page.locator(".clip").count()
    assert page.locator(".clip.problem, .clip.note").count() == with_findings > 0
    assert any("broken.mp4" in text for text in page.locator(".clip.problem").all_inner_texts())
    choose(page, finding="no findings")
    assert (
        page.locator(".clip").count() == 7 - with_findings
        and page.locator(".clip .finding").count() == 0
    )
    choose(page)
    assert page.locator(".clip").count() == 7


def test_thumbnails_are_pictures_of_the_clips(page: Page) -> None:
    choose(page)
    pictures = page.locator(".clip img")
    assert (
        pictures.count() == 6 and page.locator(".clip .none").count() == 1
    )  # of the broken one there is none
    for i in range(6):
        pictures.nth(i).scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.clip img')].every((picture) => picture.complete)"
    )
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('.clip img')].map((p) => [p.naturalWidth, "
        "p.naturalHeight, p.alt])"
    )
    assert all(width > 100 and height > 50 for width, height, _ in sizes)
    assert {name for _, _, name in sizes} == {
        "wave 0.mp4",
        "wave 1.mp4",
        "wave 2.mp4",
        "stop_0.mp4",
        "stop_1.mp4",
        "stop_2.mp4",
    }


# The place of the strip in the middle of each frame's time, in percent from left to right.
PLACES = """([picture, frames]) => {
  const [film] = picture.getAnimations(), places = [];
  film.pause();
  for (let frame = 0; frame < frames; frame++) {
    film.currentTime = film.effect.getTiming().duration * (frame + 0.5) / frames;
    places.push(parseFloat(getComputedStyle(picture).objectPosition));
  }
  film.play();
  return places;
}"""


def test_a_thumbnail_plays_each_frame_of_its_strip(page: Page) -> None:
    choose(page)
    picture = page.locator(".clip img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function(
        "(picture) => picture.style.animationDuration", arg=picture.element_handle()
    )
    places = page.evaluate(PLACES, [picture.element_handle(), NUM_FRAMES])
    assert places == pytest.approx([100 * i / (NUM_FRAMES - 1) for i in range(NUM_FRAMES)], abs=0.1)

    # One click stops it.
    picture.click()
    assert picture.evaluate("(picture) => picture.getAnimations().length") == 0
    picture.click()
    assert picture.evaluate("(picture) => picture.getAnimations().length") == 1


def test_names_stay_text_and_histograms_follow_the_filter(page: Page) -> None:
    choose(page, **{"class": "wave<i>"})
    assert (
        page.locator(".clip i, .clip b:not(.finding b)").count() == 0
        and "wave<i>" in page.locator(".clip").first.inner_text()
    )
    assert page.locator("#histograms svg").count() == 2
    assert "length, s: 3 clips" in page.locator("#histograms svg text").first.text_content()
    choose(page)
    assert "length, s: 6 clips" in page.locator("#histograms svg text").first.text_content()
