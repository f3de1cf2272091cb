"""The window of OpenCV, with a stand-in for OpenCV: a click on its X is told and never undone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from action_recognition.errors import UserError
from action_recognition.live.outputs import window
from action_recognition.live.outputs.window import QUIT_KEY, PictureWindow
from action_recognition.live.regions import Box
from tests.commands.test_predict import FakeWindow

BLACK = np.zeros((100, 200, 3), np.uint8)


def test_keys_are_texts_and_x_is_the_key_that_quits(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWindow(monkeypatch, "a. X.")
    shown = PictureWindow("title", "do without")
    assert shown.key() == ""  # not open yet
    assert [shown.show(BLACK) for _ in range(6)] == ["a", "", " ", QUIT_KEY, QUIT_KEY, QUIT_KEY]
    assert len(fake.shown) == 4 and shown.key() == QUIT_KEY


def test_a_window_that_was_closed_while_another_was_asked_is_not_shown_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeWindow(monkeypatch, "")
    one, other = PictureWindow("one", ""), PictureWindow("other", "")
    assert [one.show(BLACK), other.show(BLACK)] == ["", ""]
    fake.close("one")
    assert [one.show(BLACK), other.show(BLACK)] == [QUIT_KEY, ""]
    assert fake.titles == ["one", "other", "other"]


def test_qt_has_no_window_left_to_ask_when_the_last_one_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FakeWindow(monkeypatch, "")
    shown = PictureWindow("title", "")
    assert shown.show(BLACK) == ""

    def nothing(*_: object) -> float:
        raise window.cv2.error("NULL guiReceiver (please create a window)")

    monkeypatch.setattr(window.cv2, "getWindowProperty", nothing)
    assert shown.show(BLACK) == QUIT_KEY


def test_a_library_that_never_knows_what_is_visible_closes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeWindow(monkeypatch, "..q")
    monkeypatch.setattr(window.cv2, "getWindowProperty", lambda *_: -1.0)
    shown = PictureWindow("title", "")
    assert [shown.show(BLACK) for _ in range(3)] == ["", "", "q"] and len(fake.shown) == 3


def test_a_box_is_drawn_in_parts_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeWindow(monkeypatch, "")
    drawn = iter([(20, 10, 100, 50), (0, 0, 0, 0)])
    monkeypatch.setattr(window.cv2, "selectROI", lambda *_, **__: next(drawn))
    shown = PictureWindow("title", "")
    assert shown.select_box(BLACK) == Box(0.1, 0.1, 0.6, 0.6)
    assert shown.select_box(BLACK) is None


def test_an_opencv_without_windows_names_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeWindow(monkeypatch, "")

    def unsupported(*_: object) -> None:
        raise window.cv2.error("The function is not implemented")

    monkeypatch.setattr(window.cv2, "imshow", unsupported)
    monkeypatch.setattr(window.cv2, "destroyAllWindows", unsupported)
    shown = PictureWindow("title", "add --flag")
    with pytest.raises(UserError, match=r"display: cannot be used.*add --flag"):
        shown.show(BLACK)
    shown.close()


@pytest.mark.parametrize(
    "module", ["live.demo", "live.sources.frame_sources", "deploy.predictor", "photos.collector"]
)
def test_opencv_is_loaded_before_pyav_whose_libxcb_makes_its_windows_hang(module: str) -> None:
    """In a process of its own, by the module that each program with a window imports first."""
    program = (
        f"import sys, action_recognition.{module}; names = list(sys.modules); "
        "print(names.index('cv2') < names.index('av'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
