"""The page in real Chromium: what it says of photos is what Python says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from action_recognition.data.photo import read_photo
from action_recognition.deploy import Predictor
from action_recognition.deploy.page.server import PhotoServer
from action_recognition.deploy.photos import predict_photo
from tests.photos import LABELS, drawn_hands, write_photos

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY_MS = 3000


@pytest.fixture
def page(browser: Browser, page_server: PhotoServer) -> Iterator[Page]:
    context = browser.new_context()
    opened = open_page(context.new_page(), page_server.address)
    yield opened
    context.close()


def open_page(page: Page, address: str) -> Page:
    """The page when it is ready; whatever it writes to its console as an error fails the test."""
    page.on("console", lambda message: pytest.fail(message.text) if message.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("body[data-ready], body[data-failed]")
    return page


def upload(page: Page, files: list[Path]) -> list[dict[str, str]]:
    """The rows of the CSV that the page makes of the photos."""
    page.set_input_files("#files", [str(file) for file in files])
    page.wait_for_function("count => document.querySelectorAll('#rows tr').length === count", arg=len(files), timeout=120_000)
    with page.expect_download() as download:
        page.click("#csv")
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))


def test_two_hundred_photos_are_what_python_says(page: Page, photo_export: Path, tmp_path: Path) -> None:
    pictures = drawn_hands(200)
    files = write_photos(tmp_path, pictures[:150]) + write_photos(tmp_path / "png", pictures[150:], ".png")
    rows = upload(page, files)
    predictor = Predictor.from_path(photo_export / "model.xml")
    expected = [predict_photo(predictor, read_photo(file)) for file in files]
    theirs = np.array([[float(row[label]) for label in LABELS] for row in rows])
    ours = np.array([[prediction.probability_of(label) for label in LABELS] for prediction in expected])
    assert [row["photo"] for row in rows] == [file.name for file in files]
    assert np.abs(theirs - ours).max() <= 1e-2
    assert (theirs.argmax(1) == ours.argmax(1)).mean() >= 0.99
    assert [row["label"] for row in rows] == [prediction.label or "" for prediction in expected]
    assert len({row["label"] for row in rows}) > 1  # it says different things of different photos
    print("largest difference of a probability", np.abs(theirs - ours).max())
