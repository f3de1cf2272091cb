"""The hand's square: its place, the cut, and pictures without a hand or a detector."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.hand_crops import HandCrops, find_hands, hand_frames
from action_recognition.detection.hand_finder import (
    HAND_MARGIN,
    HandFinder,
    square_around,
    square_around_hands,
)
from action_recognition.errors import UserError
from tests.detection.detectors import write_boxes_detector

# 4:3, so that the canvas is 135 x 180 around it.
BLUE = np.full((90, 120, 3), (0, 0, 255), np.uint8)


def record(path: Path) -> ClipRecord:
    """Return the record of a photo."""
    return ClipRecord(
        clip_start=0,
        clip_end=1,
        video_start=0,
        video_end=1,
        frame_rate_fps=1.0,
        path=path,
        label=0,
        line="a:1",
    )


def test_the_square_lies_around_the_surest_hand_in_the_pictures_own_pixels(tmp_path: Path) -> None:
    """The boxes are parts of the canvas.

    0.4 .. 0.6 of 180 less its margin of 30 is 42 .. 78, and 0.4 .. 0.6 of 135 less 22 is 32 .. 59.
    """
    boxes = [(0.0, 0.0, 0.1, 0.1, 1.6), (0.4, 0.4, 0.6, 0.6, 2.0)]
    finder = HandFinder(write_boxes_detector(tmp_path / "hands.xml", boxes))
    found = finder.square(BLUE)
    assert found == square_around((42, 32, 78, 59), HAND_MARGIN, 90, 120)
    assert finder.cut(BLUE).shape == (found.bottom - found.top, found.right - found.left, 3)


def test_without_a_hand_the_picture_stays_whole(tmp_path: Path) -> None:
    """No square is found, and nothing is cut."""
    finder = HandFinder(write_boxes_detector(tmp_path / "hands.xml", [(0.4, 0.4, 0.6, 0.6, 2.0)]))
    red = BLUE[..., ::-1].copy()  # which this detector sees nothing in
    assert finder.square(red) is None
    np.testing.assert_array_equal(finder.cut(red), red)


def test_a_source_cuts_what_was_found_before(tmp_path: Path) -> None:
    """A photo without a hand stays whole, a broken one is named when it is read."""
    finder = HandFinder(write_boxes_detector(tmp_path / "hands.xml", [(0.4, 0.4, 0.6, 0.6, 2.0)]))
    Image.fromarray(BLUE).save(tmp_path / "hand.png")
    Image.fromarray(BLUE[..., ::-1].copy()).save(tmp_path / "none.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    squares = find_hands(
        finder, [record(tmp_path / name) for name in ("hand.png", "none.png", "broken.png")]
    )

    assert [path for path, *_ in squares] == [tmp_path / "hand.png"]
    # Squares are looked up by path and clip.
    source = HandCrops(squares)
    assert source.read(record(tmp_path / "hand.png"), [0]).shape[1:3] != (90, 120)
    assert source.read(record(tmp_path / "none.png"), [0]).shape[1:3] == (90, 120)
    with pytest.raises(UserError, match=r"broken\.png"):
        source.read(record(tmp_path / "broken.png"), [0])


def test_a_clip_gets_one_square_around_the_hands_of_all_its_frames(tmp_path: Path) -> None:
    """One of two clips of a video has some blue frames, in which the detector sees a hand."""
    finder = HandFinder(write_boxes_detector(tmp_path / "hands.xml", [(0.4, 0.4, 0.6, 0.6, 2.0)]))
    folder = tmp_path / "clip"
    folder.mkdir()
    for i in range(12):
        picture = BLUE if i >= 5 else BLUE[..., ::-1].copy()
        Image.fromarray(picture).save(folder / f"{i + 1:05d}.png")
    first = dataclasses.replace(record(folder), clip_end=4, video_end=12, frame_rate_fps=10.0)
    second = dataclasses.replace(first, clip_start=2, clip_end=12)

    source = HandCrops(find_hands(finder, [first, second]))
    # No frame of the first clip shows a hand: it stays whole.
    assert source.read(first, [3, 2]).shape == (2, 90, 120, 3)

    # A fifth of 240, the widest of three canvases, by the margin of 1.6.
    cut = source.read(second, [2, 11])
    assert cut.shape[1:3] == pytest.approx((77, 77), abs=1)
    np.testing.assert_array_equal(cut[0, 0, 0], [255, 0, 0])


def test_the_square_of_a_clip_holds_every_hand() -> None:
    """Two hands give one square with their margins."""
    boxes = np.array([[10, 40, 20, 50, 0.9], [70, 44, 80, 54, 0.8]], float)
    square = square_around_hands(boxes, 200, 200)

    assert square is not None
    assert square.left <= 8
    assert square.right >= 82
    assert square.right - square.left == square.bottom - square.top
    assert square_around_hands(np.empty((0, 5)), 200, 200) is None


def test_a_missing_detector_is_asked_for(tmp_path: Path) -> None:
    """Without a flag or a file the message names the flag or the file."""
    with pytest.raises(UserError, match="--hand-detector"):
        hand_frames(None, [])
    with pytest.raises(UserError, match="no such file"):
        hand_frames(tmp_path / "no.onnx", [])


def test_the_real_detector_finds_most_hands(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At least 11 of 16 HaGRID photos show one. HaGRID's own preprocessing finds 66 % of all."""
    photos = sorted((real_data / "hand_images" / "hagrid_380").glob("*/*_00000.jpg"))[:16]
    source = hand_frames(
        real_data / "models" / "hand_detector.onnx", [record(photo) for photo in photos]
    )
    sides = [source.read(record(photo), [0]).shape[1:3] for photo in photos]

    assert sum(min(side) < 300 for side in sides) >= 11
    assert "hands: found in" in capsys.readouterr().out
