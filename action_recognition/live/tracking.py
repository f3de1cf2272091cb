"""Tracking: a box for every hand or person that a detector finds.

ByteTrack tells them apart over time, and smoothing keeps the cut-out picture from shaking.

Source: Zhang et al., ByteTrack (ECCV 2022), in the library `trackers`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.stream_models import Picture
from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.regions import Box, Person, square_around

DETECT_EVERY_S = 0.2
# Time constant of the smoothing of boxes.
_SMOOTHING_S = 0.4
# A track without a detection for so long ends.
_LOST_S = 1.5
# A hand moves out of its own box, and so do the arms of a person.
MARGIN = 1.6
_MIN_CONFIDENCE = 0.5


class Detector(Protocol):
    """A detector of hands or persons, such as `detection.person_boxes.PersonDetector`."""

    def boxes(self, picture_rgb: Picture) -> npt.NDArray[np.float64]:
        """Return (N, 5): the corners of each box in pixels and its confidence."""
        ...


class TrackedRegion:
    """Hands or persons that are followed with a detector, which runs every `DETECT_EVERY_S`.

    A track starts with the second detection, and it ends after `_LOST_S` without one. A number is
    never used twice, so that the past of one person cannot reach another.
    """

    def __init__(self, detector: Detector, max_persons: int = 4, margin: float = MARGIN) -> None:
        self._detector, self._max_persons, self._margin = detector, max_persons, margin
        # Not part of `reset`: numbers are never used twice.
        self._first_number = 1
        self.reset()

    def reset(self) -> None:
        """End all tracks. Everybody who is found next is new."""
        self._tracker = _new_tracker()
        self._boxes: dict[int, Box] = {}
        self._seen_s: dict[int, float] = {}
        self._detected_s = -math.inf
        self._numbers: dict[int, int] = {}

    def persons(self, frame: TimedFrame) -> list[Person]:
        """Return everybody who is followed, with the box of the last detection."""
        # The small margin is for rounding errors of time stamps.
        if not 0 <= frame.time_s - self._detected_s < DETECT_EVERY_S - 1e-6:
            self._detect(frame)
        return [
            Person(number, self._boxes[number])
            for number in sorted(self._boxes)[: self._max_persons]
        ]

    def _detect(self, frame: TimedFrame) -> None:
        """Detect in a frame and move the boxes of the tracks towards what was found."""
        height, width = frame.picture.shape[:2]
        step_s, self._detected_s = frame.time_s - self._detected_s, frame.time_s
        # Smoothing by time, so that it does not depend on the rate of the detector.
        share = 1.0 - math.exp(-step_s / _SMOOTHING_S) if 0 < step_s < math.inf else 1.0
        for number, corners in self._tracked(frame):
            found = Box(*(corners / (width, height, width, height)).tolist())
            seen = square_around(found, self._margin, height, width)
            self._boxes[number] = _between(self._boxes.get(number, seen), seen, share)
            self._seen_s[number] = frame.time_s

        self._forget_lost(frame.time_s)

    def _forget_lost(self, time_s: float) -> None:
        """Drop everybody who has not been seen for `_LOST_S`."""
        lost = [number for number, seen_s in self._seen_s.items() if time_s - seen_s > _LOST_S]
        for number in lost:
            del self._boxes[number], self._seen_s[number]

        self._numbers = {
            of_tracker: number
            for of_tracker, number in self._numbers.items()
            if number in self._boxes
        }

    def _tracked(self, frame: TimedFrame) -> list[tuple[int, npt.NDArray[np.float64]]]:
        """Return number and corners (4,) in pixels of every track that was found in the frame."""
        import supervision

        found = self._detector.boxes(frame.picture)
        found = found[found[:, 4] >= _MIN_CONFIDENCE]
        detections = supervision.Detections(
            xyxy=found[:, :4], confidence=found[:, 4], class_id=np.zeros(len(found), int)
        )
        tracked = self._tracker.update(detections, timestamp=frame.time_s)
        if tracked.tracker_id is None:
            return []

        # The tracker gives -1 to a box that has no track yet.
        pairs = zip(tracked.tracker_id.tolist(), tracked.xyxy, strict=True)
        return [(self._number(int(number)), corners) for number, corners in pairs if number >= 0]

    def _number(self, of_tracker: int) -> int:
        """Return the number of a track that the tracker numbers in its own way."""
        if of_tracker not in self._numbers:
            self._numbers[of_tracker] = self._first_number
            self._first_number += 1
        return self._numbers[of_tracker]


def _between(old: Box, new: Box, share: float) -> Box:
    """Return the box that lies by `share` (0..1) on the way from the old box to the new one."""
    return Box(*(before + share * (now - before) for before, now in zip(old, new, strict=True)))


def _new_tracker() -> Any:
    """Return a ByteTrack tracker for the rate of the detector."""
    return _tracker_class()(
        lost_track_buffer=round(30 * _LOST_S),
        frame_rate=1.0 / DETECT_EVERY_S,
        track_activation_threshold=_MIN_CONFIDENCE,
        minimum_consecutive_frames=1,
        minimum_iou_threshold=0.05,
        high_conf_det_threshold=_MIN_CONFIDENCE,
    )


def _tracker_class() -> Any:
    """Import ByteTrack. Raises UserError: its packages are not installed."""
    try:
        # Its imports print warnings.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from trackers import ByteTrackTracker
    except ImportError:
        found = "needs the packages `trackers` and `supervision`, which are not installed here"
        fix = "install the live packages: pip install -e .[live], or leave --detector out"
        raise user_error("--detector", found, fix=fix) from None
    return ByteTrackTracker
