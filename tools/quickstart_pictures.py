"""Pictures of a quickstart: held-out clips, the gestures of the stream, its first seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image

from action_recognition.data.video import probe, read_frames
from action_recognition.dataset_tools.drawn_hands import MOTIONS
from action_recognition.files import write_atomically

SHEET_FRAMES = 8
SHEET_CLIPS_A_MOTION = 2
CELL_HEIGHT, TITLE_WIDTH = 72, 172
STREAM_COLUMNS, STREAM_CELL_WIDTH, CAPTION_HEIGHT = 5, 232, 50
ANIMATION_S, ANIMATION_FPS, ANIMATION_WIDTH, ANIMATION_COLOURS = 8, 5, 240, 48
DARK, WHITE, GOOD, BAD = (40, 40, 40), (255, 255, 255), (20, 120, 40), (190, 30, 30)

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Answer:
    """A held-out clip and the label it was taken for. The gesture is in frames [start, end)."""

    path: Path
    start: int
    end: int
    label: str
    predicted: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A gesture of the stream, the time in seconds at which it is shown, and its event, if any."""

    made: str
    shown_s: float
    recognised: str | None


def write_contact_sheet(path: Path, answers: Sequence[Answer]) -> None:
    """Draw some clips of each motion, one a row: label, prediction, frames in order."""
    rows = []
    for motion in MOTIONS:
        of_motion = [answer for answer in answers if answer.label == motion]
        rows += [_sheet_row(answer) for answer in of_motion[:SHEET_CLIPS_A_MOTION]]

    # White lines between the rows, which may differ in width.
    width = max(row.shape[1] for row in rows)
    padding = [((0, 3), (0, width - row.shape[1]), (0, 0)) for row in rows]
    padded = [np.pad(row, pad, constant_values=255) for row, pad in zip(rows, padding, strict=True)]
    _write_jpeg(path, np.vstack(padded))


def _sheet_row(answer: Answer) -> Image:
    """Draw one clip: its label and what it was taken for, then frames cut to squares."""
    places = np.linspace(answer.start, answer.end - 1, SHEET_FRAMES).round().astype(int)
    frames = read_frames(answer.path, [int(place) for place in places])
    side = min(frames.shape[1:3])
    top, left = (frames.shape[1] - side) // 2, (frames.shape[2] - side) // 2

    title = np.full((CELL_HEIGHT, TITLE_WIDTH, 3), 255, np.uint8)
    _write_text(title, answer.label, 30, DARK)
    right = answer.label == answer.predicted
    _write_text(title, f"-> {answer.predicted}", 56, GOOD if right else BAD)

    cells = [title]
    for frame in frames:
        square = frame[top : top + side, left : left + side]
        cell = cv2.resize(square, (CELL_HEIGHT, CELL_HEIGHT), interpolation=cv2.INTER_AREA)
        cells.append(np.pad(cell, ((0, 0), (0, 3), (0, 0)), constant_values=255))
    return np.hstack(cells)


def write_stream_sheet(path: Path, video: Path, panels: Sequence[Panel]) -> None:
    """Draw the gestures of the stream: a frame of each, what was made, and its event below."""
    info = probe(video)
    assert info.frame_rate_fps is not None  # a video file states its rate
    last = info.num_frames - 1
    places = [min(round(panel.shown_s * info.frame_rate_fps), last) for panel in panels]
    frames = read_frames(video, places)
    cells = [_stream_cell(frame, panel) for frame, panel in zip(frames, panels, strict=True)]

    # Rows of as many cells, the last one filled with white.
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % STREAM_COLUMNS)
    starts = range(0, len(cells), STREAM_COLUMNS)
    _write_jpeg(path, np.vstack([np.hstack(cells[i : i + STREAM_COLUMNS]) for i in starts]))


def _stream_cell(frame: Image, panel: Panel) -> Image:
    height = round(STREAM_CELL_WIDTH * frame.shape[0] / frame.shape[1])
    small = cv2.resize(frame, (STREAM_CELL_WIDTH, height), interpolation=cv2.INTER_AREA)
    cell = cv2.copyMakeBorder(small, 3, CAPTION_HEIGHT, 3, 3, cv2.BORDER_CONSTANT, value=WHITE)
    below = height + 3
    _write_text(cell, f"made: {panel.made}", below + 19, DARK)
    right = panel.recognised == panel.made
    answer = panel.recognised or "not recognised"
    _write_text(cell, f"-> {answer}", below + 41, GOOD if right else BAD)
    return np.asarray(cell, np.uint8)


def write_animation(path: Path, video: Path) -> None:
    """Write the first seconds of the annotated stream as a GIF, small enough for a page."""
    info = probe(video)
    assert info.frame_rate_fps is not None  # a video file states its rate
    num_frames = min(info.num_frames, round(ANIMATION_S * info.frame_rate_fps))
    step = max(1, round(info.frame_rate_fps / ANIMATION_FPS))
    frames = read_frames(video, range(0, num_frames, step))

    # One palette for all frames: single ones would flicker. It is that of frames side by side,
    # since the colour of an event is not in every frame.
    size = ANIMATION_WIDTH, round(ANIMATION_WIDTH * info.height / info.width)
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    pictures = [PIL.Image.fromarray(frame) for frame in small]
    several = np.hstack(small[:: max(1, len(small) // 8)])
    palette = PIL.Image.fromarray(several).quantize(
        ANIMATION_COLOURS, PIL.Image.Quantize.FASTOCTREE
    )
    plain = PIL.Image.Dither.NONE
    first, *others = [picture.quantize(palette=palette, dither=plain) for picture in pictures]
    delay_ms = round(1000 / ANIMATION_FPS)
    with write_atomically(path, keep_suffix=True) as partial:
        first.save(
            partial, save_all=True, append_images=others, duration=delay_ms, loop=0, optimize=True
        )


def _write_text(image: Image, text: str, baseline: int, colour: tuple[int, int, int]) -> None:
    place, font = (8, baseline), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, text, place, font, 0.55, colour, 1, cv2.LINE_AA)


def _write_jpeg(path: Path, image: Image) -> None:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    with write_atomically(path, keep_suffix=True) as partial:
        cv2.imwrite(str(partial), bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
