"""What is drawn over a frame: the best label, a bar for each of the first three, the time."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.streaming import Picture, WindowScores, probabilities

NUM_BARS: Final = 3
_TEXT: Final = (255, 255, 255)
_BAR: Final = (255, 176, 0)
_BAR_BACK: Final = (80, 80, 80)
_MIN_HEIGHT: Final = 240
_SHADE: Final = 0.4  # brightness left of the picture behind the panel


def draw_prediction(picture: Picture, prediction: WindowScores | None, metadata: DeployMetadata, time_s: float) -> Picture:
    """A copy of the RGB picture (H, W, 3) with the panel along its lower edge; without a prediction yet the label is `...`.

    Pictures lower than 240 pixels are enlarged by a whole number, so that text can be read.
    The number beside a label is its score (a cosine, -1..1); the bar's length is its probability, see `streaming.probabilities`.
    """
    drawn = _enlarged(picture)
    height, width = drawn.shape[:2]
    line = max(10, height // 16)
    num_lines = min(1 + NUM_BARS, len(metadata.labels) + 1)
    panel_top = max(0, height - line * num_lines - line // 2)
    drawn[panel_top:] = (drawn[panel_top:] * _SHADE).astype(np.uint8)
    title = "..." if prediction is None else metadata.labels[prediction.top(1)[0]]
    baseline = panel_top + line
    _write(drawn, title, (line // 2, baseline), line)
    clock = f"{time_s:.1f} s"
    _write(drawn, clock, (max(0, width - line // 2 - len(clock) * line // 2), baseline), line)
    if prediction is not None:
        _draw_bars(drawn, prediction, metadata, (baseline, line))
    return drawn


def _draw_bars(drawn: Picture, prediction: WindowScores, metadata: DeployMetadata, place: tuple[int, int]) -> None:
    baseline, line = place
    margin, width = line // 2, drawn.shape[1]
    chances = probabilities(prediction.scores, metadata)
    for row, index in enumerate(prediction.top(NUM_BARS), start=1):
        bottom = baseline + row * line
        top = bottom - line * 3 // 4
        left, right = margin, width // 3
        cv2.rectangle(drawn, (left, top), (right, bottom), _BAR_BACK, cv2.FILLED)
        length = round((right - left) * float(chances[index]))
        cv2.rectangle(drawn, (left, top), (left + length, bottom), _BAR, cv2.FILLED)
        _write(drawn, f"{prediction.scores[index]:+.2f} {metadata.labels[index]}", (right + margin, bottom - line // 8), line * 3 // 4)


def _enlarged(picture: Picture) -> Picture:
    factor = -(-_MIN_HEIGHT // picture.shape[0])
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1)).copy()


def _write(drawn: Picture, text: str, left_baseline: tuple[int, int], height: int) -> None:
    """Any script: OpenCV 5 draws text of TrueType fonts; its Hershey fonts of before knew ASCII only."""
    cv2.putText(drawn, text, left_baseline, _TEXT, cv2.FontFace("sans"), max(8, height * 3 // 4))
