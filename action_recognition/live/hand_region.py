"""The region around detected hands, for models that were trained on cut-out hands.

A clip model sees one square around all hands of the last window.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stream_models import Picture
from action_recognition.detection.hand_finder import HAND_MARGIN, HandFinder, square_around_hands
from action_recognition.detection.person_boxes import loaded_detector
from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.regions import WHOLE, Box, FixedRegion, Person, Region
from action_recognition.live.tracking import DETECT_EVERY_S, TrackedRegion


class Finder(Protocol):
    """A finder of hands, such as `detection.hand_finder.HandFinder`."""

    def boxes(self, picture_rgb: Picture) -> npt.NDArray[np.float64]:
        """Return (N, 5): the corners of each hand in pixels and its confidence."""
        ...


class HandsRegion:
    """The square that training cuts out of a clip, around the hands of the last `window_s` seconds.

    It is the whole picture while no hand is seen. All hands of all people are in one square, since
    a gesture of two hands needs both. Use a fixed `--box` to tell people apart.
    """

    def __init__(self, finder: Finder, window_s: float) -> None:
        self._finder, self._window_s = finder, window_s
        self._found: deque[tuple[float, npt.NDArray[np.float64]]] = deque()

    def reset(self) -> None:
        """Forget all hands."""
        self._found.clear()

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Return one person with the square, or without a box if no hand was seen lately.

        The detector runs every `DETECT_EVERY_S`.
        """
        # The small margin is for rounding errors of time stamps.
        if not self._found or not 0 <= frame.time_s - self._found[-1][0] < DETECT_EVERY_S - 1e-6:
            self._found.append((frame.time_s, self._finder.boxes(frame.picture)))
        # Hands from before the window of the network do not count any more.
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
    """Return the region that a model was trained on: the whole picture or the detected hands.

    Raises UserError: a model of hands without a detector. `flag` is the flag that names one.
    """
    if metadata.crop != "hand":
        return FixedRegion()
    if detector_file is None:
        raise user_error(
            flag,
            "is missing: the model was trained on hands that were cut out",
            "a hand detector, or a fixed --box in demo.py",
        )

    # A clip needs all hands together, a photo each hand by itself.
    if metadata.clip_len > 1:
        window_s = metadata.clip_len / metadata.frame_rate_fps
        return HandsRegion(HandFinder(detector_file, num_threads), window_s)
    detector = loaded_detector(detector_file, "CPU", num_threads)
    return TrackedRegion(detector, max_persons, HAND_MARGIN)
