"""The region of a clip model that was trained on cut-out hands: one square around all hands of the last window."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.detection.hand_finder import HAND_MARGIN, HandFinder, square_around_hands
from action_recognition.detection.person_boxes import loaded_detector
from action_recognition.errors import user_error
from action_recognition.live.frame_times import Picture, TimedFrame
from action_recognition.live.regions import WHOLE, Box, FixedRegion, Person, Region
from action_recognition.live.tracking import DETECT_EVERY_S, TrackedRegion


class Finder(Protocol):
    """`detection.hand_finder.HandFinder`."""

    def boxes(self, picture_rgb: Picture) -> npt.NDArray[np.float64]:
        """(N, 5) corners in pixels and confidence."""
        ...


class HandsRegion:
    """The square that training cut out of a clip, of the hands seen in the last `window_s` seconds; the whole picture while there are none.

    Both hands and all people are seen as one, since a gesture of two hands needs both; a fixed `--box` tells people apart.
    """

    def __init__(self, finder: Finder, window_s: float) -> None:
        self._finder, self._window_s = finder, window_s
        self._found: deque[tuple[float, npt.NDArray[np.float64]]] = deque()

    def reset(self) -> None:
        """No hand was seen yet."""
        self._found.clear()

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Always one; the detector runs every `DETECT_EVERY_S`."""
        if not self._found or not 0 <= frame.time_s - self._found[-1][0] < DETECT_EVERY_S - 1e-6:
            self._found.append((frame.time_s, self._finder.boxes(frame.picture)))
        while frame.time_s - self._found[0][0] > self._window_s:
            self._found.popleft()

        height, width = frame.picture.shape[:2]
        all_hands = np.concatenate([boxes for _, boxes in self._found])
        square = square_around_hands(all_hands, height, width)
        if square is None:
            return [Person(WHOLE, None)]
        left, right = square.left / width, square.right / width
        top, bottom = square.top / height, square.bottom / height
        return [Person(WHOLE, Box(left, top, right, bottom))]


def trained_region(
    metadata: DeployMetadata,
    detector_file: Path | None,
    flag: str,
    max_persons: int = 1,
    num_threads: int | None = None,
) -> Region:
    """Where a model looks that has no box of its own: as in its training. Errors: a model of hands without a detector, named by `flag`."""
    if metadata.crop != "hand":
        return FixedRegion()
    if detector_file is None:
        raise user_error(
            flag,
            "is missing: the model was trained on hands that were cut out",
            "a detector of hands, or of demo.py a fixed --box",
        )

    if metadata.clip_len > 1:
        window_s = metadata.clip_len / metadata.frame_rate_fps
        return HandsRegion(HandFinder(detector_file, num_threads), window_s)
    detector = loaded_detector(detector_file, "CPU", num_threads)
    return TrackedRegion(detector, max_persons, HAND_MARGIN)
