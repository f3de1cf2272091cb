"""A picture of clips: a row of frames for each clip, under its caption."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from action_recognition.lettering import fitted, write_text

_FRAMES_SHOWN = 8
_FRAME_HEIGHT = 112  # pixels
_GAP, _LINE = 4, 20
_LETTERS = _LINE * 3 // 4
# A photo is narrower than its caption.
_LEAST_WIDTH = 240
# Clips lie side by side as long as the sheet is not wider.
_SHEET_WIDTH = 1200
_BACK, _TEXT = 255, (0, 0, 0)


def contact_sheet(
    clips: torch.Tensor, captions: Sequence[str], columns: int | None = None, title: str = ""
) -> NDArray[np.uint8]:
    """Draw clips (N, 3, T, H, W) uint8 RGB as one picture (height, width, 3) uint8 RGB.

    At most 8 frames of each clip are shown. A caption may have several lines. What is too long for
    a line is shortened. `columns` clips lie side by side, by default as many as fit on a screen.

    Errors: ValueError without clips, or if there are not as many captions as clips.

    >>> clips = torch.zeros(3, 3, 4, 56, 56, dtype=torch.uint8)
    >>> contact_sheet(clips, ["a", "b", "c"], columns=1).shape
    (412, 468, 3)
    """
    num_lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    cells = [
        _captioned(clip.permute(1, 2, 3, 0).cpu().numpy(), caption.split("\n"), num_lines)
        for clip, caption in zip(clips, captions, strict=True)
    ]
    if not cells:
        raise ValueError("no clips to show")

    # Blank cells complete the last row.
    if columns is None:
        columns = min(len(cells), max(1, _SHEET_WIDTH // cells[0].shape[1]))
    cells += [np.full_like(cells[0], _BACK)] * (-len(cells) % columns)
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    sheet = np.concatenate([*_heading(title, rows[0].shape[1]), *rows], axis=0)
    return np.pad(sheet, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=_BACK)


def _heading(title: str, width: int) -> list[NDArray[np.uint8]]:
    """Return the strip with the title, none without one."""
    if not title:
        return []
    strip = np.full((_LINE + 2 * _GAP, width, 3), _BACK, np.uint8)
    write_text(strip, fitted(title, width, _LETTERS), (_GAP, _LINE), _LETTERS, _TEXT)
    return [strip]


def _captioned(
    clip_thwc: NDArray[np.uint8], lines: Sequence[str], num_lines: int
) -> NDArray[np.uint8]:
    """Draw evenly spaced frames, first and last included, each with a gap on its left."""
    number = min(_FRAMES_SHOWN, len(clip_thwc))
    places = np.linspace(0, len(clip_thwc) - 1, number).round().astype(int)
    gap_left = ((0, 0), (_GAP, 0), (0, 0))
    frames = [np.pad(_readable(clip_thwc[i]), gap_left, constant_values=_BACK) for i in places]

    # The caption has its place above the frames.
    row = np.concatenate(frames, axis=1)
    room = max(0, _LEAST_WIDTH - row.shape[1])
    above = ((_GAP + num_lines * _LINE, 0), (0, room), (0, 0))
    cell = np.pad(row, above, constant_values=_BACK)
    for number, line in enumerate(lines, start=1):
        shown = fitted(line, cell.shape[1] - _GAP, _LETTERS)
        write_text(cell, shown, (_GAP, number * _LINE), _LETTERS, _TEXT)
    return cell


def _readable(frame_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge or reduce a frame to a height of 112 pixels."""
    height, width = frame_hwc.shape[:2]
    size = (max(1, round(width * _FRAME_HEIGHT / height)), _FRAME_HEIGHT)
    method = cv2.INTER_AREA if height > _FRAME_HEIGHT else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(frame_hwc, size, interpolation=method), dtype=np.uint8)
