"""A picture of clips: a row of frames for each clip, under its caption."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from action_recognition.lettering import write_text

_FRAMES_SHOWN = 8
_FRAME_HEIGHT = 112  # pixels
_GAP, _LINE = 4, 20
_BACK, _TEXT = 255, (0, 0, 0)


def contact_sheet(
    clips: torch.Tensor, captions: Sequence[str], columns: int = 1
) -> NDArray[np.uint8]:
    """Draw clips (N, 3, T, H, W) uint8 RGB as one picture (height, width, 3) uint8 RGB.

    `columns` clips lie side by side. At most 8 frames of each clip are shown.

    Errors: ValueError without clips, or if there are not as many captions as clips.

    >>> contact_sheet(torch.zeros(3, 3, 4, 56, 56, dtype=torch.uint8), ["a", "b", "c"]).shape
    (412, 468, 3)
    """
    # One row of frames per clip.
    rows = [
        _captioned_row(clip.permute(1, 2, 3, 0).cpu().numpy(), caption)
        for clip, caption in zip(clips, captions, strict=True)
    ]
    if not rows:
        raise ValueError("no clips to show")

    # Blank cells complete the last line.
    rows += [np.full_like(rows[0], _BACK)] * (-len(rows) % columns)
    lines = [np.concatenate(rows[i : i + columns], axis=1) for i in range(0, len(rows), columns)]
    sheet = np.concatenate(lines, axis=0)
    return np.pad(sheet, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=_BACK)


def _captioned_row(clip_thwc: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
    """Draw evenly spaced frames, first and last included, each with a gap on its left."""
    number = min(_FRAMES_SHOWN, len(clip_thwc))
    places = np.linspace(0, len(clip_thwc) - 1, number).round().astype(int)
    gap_left = ((0, 0), (_GAP, 0), (0, 0))
    frames = [np.pad(_readable(clip_thwc[i]), gap_left, constant_values=_BACK) for i in places]

    # The caption has its place above the frames.
    above = ((_GAP + _LINE, 0), (0, 0), (0, 0))
    row = np.pad(np.concatenate(frames, axis=1), above, constant_values=_BACK)
    write_text(row, caption, (_GAP, _LINE), _LINE * 3 // 4, _TEXT)
    return row


def _readable(frame_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge or reduce a frame to a height of 112 pixels."""
    height, width = frame_hwc.shape[:2]
    size = (max(1, round(width * _FRAME_HEIGHT / height)), _FRAME_HEIGHT)
    method = cv2.INTER_AREA if height > _FRAME_HEIGHT else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(frame_hwc, size, interpolation=method), dtype=np.uint8)
