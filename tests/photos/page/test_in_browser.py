"""The page in real Chromium: what it says of photos is what Python says."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from action_recognition.data.photo import read_photo
from action_recognition.data.transforms import centre_crop_clip, fitted_clip
from action_recognition.deploy import Prediction, Predictor
from action_recognition.deploy.metadata import Resize
from action_recognition.photos.page.site import open_site
from action_recognition.photos.photo_models import Square, predict_photo
from tests.made_photos import LABELS, drawn_hands, write_photos
from tests.photos.page.conftest import open_page, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY_MS = 3000
BARS = "[...document.querySelectorAll('#bars .share')].map((bar) => bar.textContent)"


def upload(page: Page, files: list[Path]) -> list[dict[str, str]]:
    """The rows of the CSV that the page makes of the photos."""
    page.set_input_files("#files", [str(file) for file in files])
    page.wait_for_function(
        "count => document.querySelectorAll('#rows tr').length === count",
        arg=len(files),
        timeout=120_000,
    )
    with page.expect_download() as download:
        page.click("#csv")
    return list(
        csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8")))
    )


def test_two_hundred_photos_are_what_python_says(
    page: Page, photo_export: Path, tmp_path: Path
) -> None:
    pictures = drawn_hands(200)
    files = write_photos(tmp_path, pictures[:150]) + write_photos(
        tmp_path / "png", pictures[150:], ".png"
    )
    rows = upload(page, files)
    predictor = Predictor.from_path(photo_export / "model.xml")
    expected = [predict_photo(predictor, read_photo(file)) for file in files]
    theirs = np.array([[float(row[label]) for label in LABELS] for row in rows])
    ours = np.array(
        [[prediction.probability_of(label) for label in LABELS] for prediction in expected]
    )
    assert [row["photo"] for row in rows] == [file.name for file in files]
    assert np.abs(theirs - ours).max() <= 1e-2
    assert (theirs.argmax(1) == ours.argmax(1)).mean() >= 0.99
    assert [row["label"] for row in rows] == [prediction.label or "" for prediction in expected]
    assert len({row["label"] for row in rows}) > 1  # it says different things of different photos
    print("largest difference of a probability", np.abs(theirs - ours).max())


PREPARE = """
async ([data, width, height, resize, meanColour]) => {
  const { prepare } = await import("/pixels.js");
  const bytes = Uint8ClampedArray.from(atob(data), (letter) => letter.charCodeAt(0));
  const out = prepare({ width, height, channels: 3, data: bytes }, resize, meanColour).data;
  return Array.from(out);
}
"""


@pytest.mark.parametrize(
    ("size", "resize"),
    [
        ((90, 120), Resize(72, 64)),
        ((96, 61), Resize(256, 224)),
        ((37, 53), Resize(64, 64)),
        ((128, 96), Resize(48, 64)),
        ((128, 256), Resize(64, 64)),
        ((7, 5), Resize(32, 33)),
        ((1, 1), Resize(8, 5)),
    ],
)
def test_a_short_side_is_resized_to_the_bit(
    steady_page: Page, size: tuple[int, int], resize: Resize
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert np.array_equal(
        prepared(steady_page, picture, resize),
        centre_crop_clip(picture[None], resize.short_side, resize.crop_size)[0],
    )


@pytest.mark.parametrize(
    ("size", "side"),
    [
        ((48, 64), 32),
        ((90, 121), 64),
        ((100, 77), 64),
        ((31, 200), 48),
        ((200, 2), 50),
        ((20, 33), 64),
        ((64, 64), 64),
    ],
)
def test_a_whole_picture_is_fitted_to_the_bit(
    steady_page: Page, size: tuple[int, int], side: int
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = prepared(
        steady_page, picture, {"short_side": None, "crop_size": side}, (10, 20, 30)
    ).astype(int)
    expected = fitted_clip(picture[None], None, side, (10, 20, 30))[0]
    difference = np.abs(found - expected)
    assert (
        difference.max() <= 1 and (difference > 0).mean() < 2e-3
    )  # OpenCV's sums of 32 bits round a few otherwise


def prepared(
    page: Page,
    picture: np.ndarray,
    resize: Resize | dict[str, int | None],
    mean: tuple[int, ...] = (0, 0, 0),
) -> np.ndarray:
    """What the page's own code makes of a picture (H, W, 3), (S, S, 3)."""
    height, width = picture.shape[:2]
    sizes = resize if isinstance(resize, dict) else vars(resize)
    out = page.evaluate(
        PREPARE, [base64.b64encode(picture.tobytes()).decode(), width, height, sizes, list(mean)]
    )
    return np.array(out, np.uint8).reshape(sizes["crop_size"], sizes["crop_size"], 3)


def test_the_square_and_the_mirror_are_those_of_python(
    page: Page, photo_export: Path, tmp_path: Path
) -> None:
    (file,) = write_photos(tmp_path, drawn_hands(30)[20:21])
    predictor, photo = Predictor.from_path(photo_export / "model.xml"), read_photo(file)
    page.check("#mirror")
    shown_after(
        page,
        lambda: page.set_input_files("#files", file),
        predict_photo(predictor, photo, mirror=True),
    )
    shown_after(
        page,
        lambda: page.check("#square-on"),
        predict_photo(predictor, photo, Square(64, 24, 192), mirror=True),
    )
    shown_after(
        page, lambda: page.uncheck("#mirror"), predict_photo(predictor, photo, Square(64, 24, 192))
    )
    # The sliders, by the keyboard: as far left and up as it goes.
    for slider in ("#square-x", "#square-y"):
        page.focus(slider)
        page.keyboard.press("Home")
    shown_after(page, lambda: None, predict_photo(predictor, photo, Square(0, 0, 192)))
    # And with the mouse: half a picture to the right.
    box = page.locator("#frame").bounding_box()
    width = page.locator("#view").bounding_box()["width"]
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 20 + width, box["y"] + 20, steps=5)
    page.mouse.up()
    shown_after(page, lambda: None, predict_photo(predictor, photo, Square(128, 0, 192)))


def shown_after(page: Page, action: Callable[[], object], expected: Prediction) -> None:
    """After the action the bars are those of the prediction."""
    action()
    wanted = [f"{share * 100:.1f} %" for share in expected.probabilities[:3]]
    bars = (
        "wanted => JSON.stringify([...document.querySelectorAll('#bars .share')].map((bar) "
        "=> bar.textContent)) === JSON.stringify(wanted)"
    )
    page.wait_for_function(bars, arg=wanted, timeout=10_000)
    assert page.inner_text("#bars li:first-child span:first-child") == expected.labels[0]
    assert page.inner_text("#status") == (
        expected.label or f"no gesture: “{expected.labels[0]}” is the class that means no gesture"
    )
    assert "ms inference" in page.inner_text("#latency") and "WASM" in page.inner_text("#latency")


def test_the_int8_network_is_taken_and_the_other_one_on_demand(
    browser: Browser, browser_runtime: Path, int8_export: Path, tmp_path: Path
) -> None:
    int8, full = (
        Predictor.from_path(int8_export / name) for name in ("model_int8.onnx", "model.onnx")
    )
    files = write_photos(tmp_path, drawn_hands(30)[::5])
    with served(open_site(int8_export)) as server:
        context = browser.new_context()
        page = open_page(context.new_page(), server.address)
        assert page.is_visible("#network") and page.locator("#network option").all_inner_texts()[
            0
        ].startswith("INT8, 0.1 MB")
        for predictor, name in ((int8, "INT8 of"), (full, "FP32 of"), (int8, "INT8 of")):
            if name[:4] not in page.inner_text("#about"):
                page.select_option("#network", name[:4])
                page.wait_for_function(
                    "name => document.getElementById('about').textContent.includes(name)", arg=name
                )
            if page.is_visible("#clear"):
                page.click("#clear")
            rows = upload(page, files)
            theirs = np.array([[float(row[label]) for label in LABELS] for row in rows])
            found = [predict_photo(predictor, read_photo(file)) for file in files]
            ours = np.array(
                [[prediction.probability_of(label) for label in LABELS] for prediction in found]
            )
            assert name in page.inner_text("#latency") and np.abs(theirs - ours).max() <= 2e-2
        context.close()
    one, other = (
        predict_photo(predictor, read_photo(files[0])).probabilities for predictor in (int8, full)
    )
    assert np.abs(one - other).max() > 1e-4  # the two can be told apart


def test_the_page_is_ready_in_three_seconds(steady_page: Page) -> None:
    """The fastest of three: other work of the machine is not the page's."""
    times_ms = []
    for _ in range(3):
        steady_page.reload()
        steady_page.wait_for_selector("body[data-ready]")
        times_ms.append(float(steady_page.get_attribute("body", "data-ready") or "inf"))
        if times_ms[-1] < READY_MS:
            break
    assert min(times_ms) < READY_MS, times_ms
