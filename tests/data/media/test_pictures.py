"""Colours, HDR and orientation: what the pixels of a file mean."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from action_recognition.data import video
from action_recognition.data.media.film import Film
from action_recognition.data.media.hdr import to_sdr
from action_recognition.data.media.orientation import orientation_of_matrix, shown
from action_recognition.dataset_tools.checking.media_reading import inspect_media
from tests.data.media import made
from tests.data.media.made import FRAMES, write_tagged, write_turned
from tests.synthetic import write_video

# Every way in which a rectangle lies on itself: a, b, c and d of the display matrix.
WAYS = [
    (first, 0, 0, second) if straight else (0, first, second, 0)
    for straight, first, second in itertools.product((True, False), (1, -1), (1, -1))
]
GREYS = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


def moved(picture: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Put each pixel (p, q) at (a p + c q, b p + d q), by the definition of the matrix."""
    height, width = picture.shape[:2]
    places = {
        (b * p + d * q, a * p + c * q): picture[q, p] for q in range(height) for p in range(width)
    }
    top, left = (min(place[axis] for place in places) for axis in range(2))
    size = (height, width) if a else (width, height)
    result = np.zeros((*size, 3), np.uint8)
    for (y, x), pixel in places.items():
        result[y - top, x - left] = pixel
    return result


@pytest.mark.parametrize("way", WAYS)
def test_every_display_matrix_is_followed(way: tuple[int, int, int, int]) -> None:
    """All eight ways are exact."""
    picture = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    a, b, c, d = way
    orientation = orientation_of_matrix([a, b, 0, c, d, 0, 0, 0, 1])
    np.testing.assert_array_equal(shown(picture, orientation), moved(picture, *way))
    # The note tells the same in words.
    mirrored = picture[:, ::-1] if orientation.is_mirrored else picture
    turned = np.rot90(mirrored, k=orientation.turn_degrees // 90)
    np.testing.assert_array_equal(turned, moved(picture, *way))
    assert bool(orientation.note) == (way != (1, 0, 0, 1))


@pytest.mark.parametrize("way", WAYS[1::3])
def test_a_file_is_read_as_its_matrix_says(way: tuple[int, int, int, int], tmp_path: Path) -> None:
    """The picture of the file itself is turned and mirrored."""
    a, b, c, d = way
    plain = video.read_frames(write_video(tmp_path / "plain.mp4", FRAMES, options={}), [5])[0]
    path = write_turned(tmp_path / "turned.mp4", [a, b, 0, c, d, 0, 0, 0, 1])
    np.testing.assert_allclose(video.read_frames(path, [5])[0], moved(plain, *way), atol=12)


@pytest.mark.parametrize(("degrees", "quarter"), [(10, 0), (-30, 0), (80, 270), (200, 180)])
def test_another_turn_becomes_the_nearest_quarter(degrees: int, quarter: int) -> None:
    """The rest is said."""
    cos, sin = (round(65536 * f(math.radians(degrees))) for f in (math.cos, math.sin))
    orientation = orientation_of_matrix([cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 30])
    assert orientation.turn_degrees == quarter and not orientation.is_mirrored
    off = min(degrees % 90, -degrees % 90)
    assert f"{off} degrees off a quarter turn" in orientation.note


def test_a_matrix_of_zeros_says_nothing() -> None:
    """Some encoders write one."""
    assert orientation_of_matrix([0] * 9).note == ""


@pytest.mark.parametrize("matrix", [*range(3), *range(4, 15)])
@pytest.mark.parametrize("primaries", [1, 2])
def test_every_matrix_is_read_or_has_a_stand_in(
    matrix: int, primaries: int, tmp_path: Path
) -> None:
    """Red stays red. OpenCV agrees on what FFmpeg converts, and a note names the rest."""
    frames = np.zeros((2, 48, 64, 3), np.uint8)
    frames[:, :, :32] = (200, 40, 60)
    path = write_video(
        tmp_path / "a.mp4", frames, tags={"colorspace": matrix, "color_primaries": primaries}
    )
    picture = video.read_frames(path, [1])[0].astype(int)
    assert np.abs(picture[4:-4, 4:28].mean((0, 1)) - (200, 40, 60)).max() < 40

    notes = video.notes_on(path)
    assert bool(notes) == (matrix in (0, 8, 10, 11, 12, 13, 14))
    if not notes:
        capture = cv2.VideoCapture(str(path))
        opencv = [capture.read()[1] for _ in range(2)][1][..., ::-1]
        capture.release()
        assert np.abs(picture - opencv).max() <= 2


@pytest.mark.parametrize(("primaries", "name"), [(9, "BT.2020"), (1, "BT.709"), (5, "BT.601")])
def test_the_stand_in_is_that_of_the_primaries(primaries: int, name: str, tmp_path: Path) -> None:
    """It is read to the bit as the file would be with the other matrix."""
    refused = write_tagged(tmp_path / "a.mp4", colorspace=10, color_primaries=primaries)
    code = {"BT.2020": 9, "BT.709": 1, "BT.601": 5}[name]
    same = write_tagged(tmp_path / "b.mp4", colorspace=code, color_primaries=primaries)
    assert video.notes_on(refused)[0].endswith(f"read as {name}")
    np.testing.assert_array_equal(video.read_frames(refused, [3]), video.read_frames(same, [3]))


@pytest.mark.parametrize("hdr", ["HLG", "PQ"])
def test_hdr_keeps_black_white_and_order(hdr: str) -> None:
    """Greys stay grey, and brighter stays brighter."""
    mapped = to_sdr(GREYS, hdr)[0].astype(int)
    assert (mapped.max(axis=1) - mapped.min(axis=1)).max() <= 1
    assert mapped[0].max() == 0 and mapped[255].min() >= 254
    assert (np.diff(mapped[:, 0]) >= 0).all()


def test_the_reference_white_of_hdr_is_bright_and_not_clipped() -> None:
    """75 % of HLG, and 203 candela per square metre in PQ, which is 58 %."""
    for hdr, signal in (("HLG", 0.75), ("PQ", 0.58)):
        white = to_sdr(np.full((1, 1, 3), round(255 * signal), np.uint8), hdr)[0, 0, 0]
        assert 225 < white < 250


def test_hdr_with_the_primaries_of_sdr_is_none(tmp_path: Path) -> None:
    """The contradiction is said, and the pixels stay."""
    tagged = write_tagged(tmp_path / "a.mp4", color_primaries=1, color_trc=18, colorspace=1)
    plain = write_tagged(tmp_path / "b.mp4", color_primaries=1, color_trc=1, colorspace=1)
    assert "with the primaries of SDR; read as SDR" in video.notes_on(tagged)[0]
    np.testing.assert_array_equal(video.read_frames(tagged, [3]), video.read_frames(plain, [3]))


def test_pixels_that_are_not_square_stay_and_are_said(tmp_path: Path) -> None:
    """Training and live recognition see the stored pixels, and both say so. The check has a way."""
    square = write_video(tmp_path / "square.mp4", FRAMES)
    wide = write_video(tmp_path / "wide.mp4", FRAMES, pixel_aspect=(16, 15))
    np.testing.assert_array_equal(video.read_frames(wide, [3]), video.read_frames(square, [3]))

    note = "has pixels 1.067 times as wide as high; they are read as if they were square"
    said: list[str] = []
    Film(wide, said.append).close()
    assert video.notes_on(wide) == (note,) and said == [f"{wide}: {note}"]
    assert video.notes_on(square) == ()
    report = inspect_media(wide)
    assert [fault.kind for fault in report.faults] == ["pixel-aspect"] and not report.notes


def test_the_whole_picture_is_read_whatever_the_clean_aperture(tmp_path: Path) -> None:
    """A rim that some players hide is there in training and in live recognition."""
    plain = write_video(tmp_path / "plain.mp4", FRAMES)
    rimmed = made.write_clean_aperture(tmp_path / "rimmed.mp4", 48, 40)
    assert b"clap" in rimmed.read_bytes() and video.count_frames(rimmed) == len(FRAMES)
    pictures = video.read_frames(rimmed, [0, 5])
    np.testing.assert_array_equal(pictures, video.read_frames(plain, [0, 5]))
    played = [picture for _, picture in Film(rimmed).pictures()]
    np.testing.assert_array_equal(played[5], pictures[1])
