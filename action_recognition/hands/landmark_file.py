"""The landmarks of a video as a file: one row for every hand that was seen in a tracked frame."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.errors import user_error
from action_recognition.files import write_atomically
from action_recognition.hands.geometry import Square
from action_recognition.hands.networks import Picture, SeenHand
from action_recognition.hands.tracker import HandTracker, TrackedHand

TRACKER_VERSION: Final = "3"
"""Raise it where the same pictures would give other landmarks: stored ones are then made again."""


@dataclass(frozen=True, eq=False)
class HandLandmarks:
    """The hands of a video. `tracked_frames` are the frames that were looked at, with hands or not.

    The other arrays but `frame_size_hw` have a row for each hand, in the order of the frames. A
    hand that was not seen has no row.

    Attributes:
        tracked_frames: (F,) int64, frame numbers, 0-based and ascending.
        frame_size_hw: (2,) int64, height and width in pixels.
        frame_index: (n,) int64, a number of `tracked_frames`.
        time_ms: (n,) float64, from the first frame of the video.
        hand_id: (n,) int64, the same for as long as a hand is followed.
        handedness: (n,) `left` or `right`, the person's own, in a picture that is not mirrored.
        handedness_score: (n,) float32, the probability 0.5..1 of that.
        landmarks_px: (n, 21, 3) float32, pixels of the frame, z negative towards the camera.
        world_m: (n, 21, 3) float32, metres.
        presence: (n,) float32, the probability 0..1 of a hand.

    """

    tracked_frames: NDArray[np.int64]
    frame_size_hw: NDArray[np.int64]
    frame_index: NDArray[np.int64]
    time_ms: NDArray[np.float64]
    hand_id: NDArray[np.int64]
    handedness: NDArray[np.str_]
    handedness_score: NDArray[np.float32]
    landmarks_px: NDArray[np.float32]
    world_m: NDArray[np.float32]
    presence: NDArray[np.float32]

    @property
    def right(self) -> NDArray[np.float32]:
        """The probability of a right hand, 0..1, of each row."""
        score = self.handedness_score
        return np.where(self.handedness == "right", score, 1.0 - score).astype(np.float32)

    @property
    def seen_share(self) -> float:
        """The share of the tracked frames with a hand, 0..1."""
        return len(np.unique(self.frame_index)) / max(1, len(self.tracked_frames))


def track_pictures(
    tracker: HandTracker, pictures: Iterable[tuple[int, float, Picture]]
) -> HandLandmarks:
    """Track hands through (frame number, time in seconds, picture (H, W, 3) uint8 RGB) in order."""
    frames: list[int] = []
    rows: list[tuple[int, float, TrackedHand]] = []
    size_hw: tuple[int, ...] = (0, 0)
    for index, time_s, picture in pictures:
        frames.append(index)
        size_hw = picture.shape[:2]
        rows += [(index, 1000.0 * time_s, hand) for hand in tracker.track(picture, time_s)]

    return landmarks_of(rows, np.array(frames, np.int64), size_hw)


def landmarks_of(
    rows: Sequence[tuple[int, float, TrackedHand]],
    tracked_frames: NDArray[np.int64],
    size_hw: tuple[int, ...],
) -> HandLandmarks:
    """Return rows of (frame number, time in milliseconds, hand) as arrays."""
    hands = [hand for _, _, hand in rows]
    return HandLandmarks(
        tracked_frames=tracked_frames,
        frame_size_hw=np.array(size_hw, np.int64),
        frame_index=np.array([index for index, _, _ in rows], np.int64),
        time_ms=np.array([time_ms for _, time_ms, _ in rows], np.float64),
        hand_id=np.array([hand.hand_id for hand in hands], np.int64),
        handedness=np.array([hand.handedness for hand in hands], "<U5"),
        handedness_score=np.array([hand.handedness_score for hand in hands], np.float32),
        landmarks_px=_points([hand.seen.landmarks_px for hand in hands]),
        world_m=_points([hand.seen.world_m for hand in hands]),
        presence=np.array([hand.seen.presence for hand in hands], np.float32),
    )


def tracked_hands(landmarks: HandLandmarks) -> Iterator[tuple[int, list[TrackedHand]]]:
    """Yield the number of every tracked frame with its hands, as a tracker found them.

    The squares in which they were found are not stored.
    """
    first = np.searchsorted(landmarks.frame_index, landmarks.tracked_frames, side="left")
    end = np.searchsorted(landmarks.frame_index, landmarks.tracked_frames, side="right")
    right = landmarks.right
    for frame, start, stop in zip(landmarks.tracked_frames.tolist(), first, end, strict=True):
        yield frame, [_hand(landmarks, row, float(right[row])) for row in range(start, stop)]


def _hand(landmarks: HandLandmarks, row: int, right: float) -> TrackedHand:
    points, square = landmarks.landmarks_px[row], Square(0.0, 0.0, 0.0)
    presence = float(landmarks.presence[row])
    seen = SeenHand(points, landmarks.world_m[row], presence, right, square)
    return TrackedHand(int(landmarks.hand_id[row]), seen)


def save_landmarks(path: Path, landmarks: HandLandmarks, **facts: str) -> None:
    """Write the arrays, and texts beside them, as a compressed `.npz`. The file is whole or absent.

    Several processes may write the same path.
    """
    arrays: dict[str, Any] = {
        item.name: getattr(landmarks, item.name) for item in fields(HandLandmarks)
    }
    arrays |= {name: np.array(text) for name, text in facts.items()}
    with write_atomically(path, per_process=True) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_landmarks(path: Path) -> HandLandmarks:
    """Read what `save_landmarks` wrote. Raises UserError: a file that is missing or another one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {item.name: stored[item.name] for item in fields(HandLandmarks)}
    except FileNotFoundError:
        raise user_error(str(path), "there is no such file of landmarks") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        found = f"is no whole file of landmarks ({error})"
        fix = "delete it: it is made again"
        raise user_error(str(path), found, fix=fix) from None
    return HandLandmarks(**arrays)


def _points(hands: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.stack(hands) if hands else np.zeros((0, 21, 3), np.float32)
