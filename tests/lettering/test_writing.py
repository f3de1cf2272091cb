"""Text of any script in pictures and plots, with a font of the system or a stand-in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.lettering import fonts, names, shown_names, write_text, writing
from action_recognition.plots import draw_confusion_matrix
from action_recognition.plots.texts import axis_texts

BLACK = (0, 0, 0)
ARABIC, HINDI, CHINESE, EMOJI = "سلام", "नमस्ते", "你好", "👋"
# Beside the package matplotlib lies a font with Arabic and Hebrew.
DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture(autouse=True)
def fonts_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that takes the place of the system's fonts. It begins empty."""
    monkeypatch.setattr(fonts, "font_folders", lambda: [tmp_path / "fonts"])
    (tmp_path / "fonts").mkdir()
    _forget()
    yield tmp_path / "fonts"
    _forget()


def _forget() -> None:
    for cached in (fonts.system_font, fonts._font_files, names.names_that, writing._font):
        cached.cache_clear()


def drawn(text: str, size: int = 24) -> NDArray[np.uint8]:
    picture = np.full((60, 400, 3), 255, np.uint8)
    write_text(picture, text, (10, 40), size, BLACK)
    return picture


def by_opencv(text: str) -> NDArray[np.uint8]:
    picture = np.full((60, 400, 3), 255, np.uint8)
    cv2.putText(picture, text, (10, 40), BLACK, cv2.FontFace("sans"), 24)
    return picture


@pytest.mark.parametrize(
    "text", ["Wave", "Größe Привет", f"{CHINESE} こんにちは 안녕", "a$b$ 50 %"]
)
def test_what_opencv_has_is_drawn_by_it(text: str) -> None:
    assert shown_names([text]) == {text: text}
    np.testing.assert_array_equal(drawn(text), by_opencv(text))


@pytest.mark.parametrize("text", [HINDI, EMOJI, "ქართული"])
def test_a_name_that_no_font_has_becomes_its_number_and_is_said_once(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert shown_names(["Wave", text]) == {"Wave": "Wave", text: "class 1"}
    said = capsys.readouterr()
    assert said.err.count("class 1 is ") == 1 and said.out == ""


@pytest.mark.skipif(not fonts.features.check("raqm"), reason="this Pillow joins no letters")
def test_arabic_is_joined_from_right_to_left_with_a_font_of_the_system(fonts_found: Path) -> None:
    assert shown_names([ARABIC]) == {ARABIC: "class 0"}
    _forget()
    (fonts_found / "deep").mkdir()
    (fonts_found / "broken.ttf").write_bytes(b"no font")
    (fonts_found / "deep" / "DejaVuSans.ttf").symlink_to(DEJAVU / "DejaVuSans.ttf")

    assert shown_names([ARABIC]) == {ARABIC: ARABIC}
    picture = drawn(ARABIC)
    # Joined letters are narrower than single ones, and the last one is on the left.
    alone = sum(_width(drawn(letter)) for letter in ARABIC)
    assert 20 < _width(picture) < alone
    assert not np.array_equal(picture, by_opencv(ARABIC))

    # What comes before and after keeps its place.
    mixed = drawn(f"ab {ARABIC} cd")
    np.testing.assert_array_equal(mixed[:, :30], by_opencv("ab")[:, :30])
    assert _width(mixed) > _width(picture) + _width(by_opencv("ab cd"))


def _width(picture: NDArray[np.uint8]) -> int:
    columns = np.flatnonzero((picture < 128).any(axis=(0, 2)))
    return int(columns[-1] - columns[0])


@pytest.mark.parametrize("place", [(-20, 5), (390, 62), (900, 900), (10, -50)])
def test_text_is_cut_at_the_edges_of_the_picture(place: tuple[int, int], fonts_found: Path) -> None:
    (fonts_found / "DejaVuSans.ttf").symlink_to(DEJAVU / "DejaVuSans.ttf")
    write_text(np.zeros((60, 400, 3), np.uint8), f"a {ARABIC} b", place, 24, (255, 255, 255))


def test_long_names_are_shortened_in_pictures() -> None:
    assert shown_names(["x" * 200])["x" * 200] == "x" * 37 + "..."


def test_a_plot_prints_dollars_and_says_numbers_for_letters_without_a_font(tmp_path: Path) -> None:
    labels = ["a$b$", r"\$x_1$", "$", ARABIC, HINDI, "x" * 200]
    texts, _ = axis_texts(labels)
    assert texts[0] == r"a\$b\$" and texts[3:5] == [ARABIC, "class 4"] and len(texts[5]) == 40

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = np.eye(len(labels), dtype=np.int64)
        draw_confusion_matrix(tmp_path / "matrix.png", counts, labels, "$x_1$: 100 %")
    assert (tmp_path / "matrix.png").stat().st_size > 5000


def test_a_plot_takes_a_font_of_the_system(fonts_found: Path) -> None:
    (fonts_found / "DejaVuSansMono.ttf").symlink_to(DEJAVU / "DejaVuSansMono.ttf")
    from action_recognition.plots import texts

    texts._added.cache_clear()
    assert texts._added(fonts_found / "DejaVuSansMono.ttf") == "DejaVu Sans Mono"
    (fonts_found / "broken.ttf").write_bytes(b"no font")
    assert texts._added(fonts_found / "broken.ttf") is None
