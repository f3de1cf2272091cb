"""Facts of a clip of a project: its hands, what is wrong with it, and a moving thumbnail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.landmarks.sampling import spread_places
from action_recognition.data.landmarks.store import (
    LandmarkStore,
    default_store_folder,
    track_video,
)
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.data.sampling import time_step
from action_recognition.data.video import container_frame_rate, count_frames, is_photo, read_frames
from action_recognition.errors import UserError
from action_recognition.files import write_bytes, write_json
from action_recognition.hands.drawing import draw_hand
from action_recognition.hands.landmark_file import (
    TRACKER_VERSION,
    HandLandmarks,
    load_landmarks,
    save_landmarks,
)
from action_recognition.hands.network_names import SOURCE
from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.slots import HandArray, hand_array, while_seen
from action_recognition.json_files import parse_json
from action_recognition.photos.quality import (
    LEAST_BRIGHTNESS,
    LEAST_SHARPNESS,
    brightness,
    sharpness,
)

TRACKING_RATE_FPS: Final = 10.0
"""Frames a second in which the hands of clips are tracked: that of the landmark templates."""
THUMBNAIL_FRAMES: Final = 12
THUMBNAIL_WIDTH: Final = 160
# Raised whenever badges or thumbnails are made in another way.
_FACTS_VERSION: Final = 1
_LEAST_SEEN: Final = 0.3  # of the frames
_LEAST_INSIDE: Final = 0.9  # of the points of seen hands


@dataclass(frozen=True, eq=False)
class ClipFacts:
    """The facts of a clip.

    Attributes:
        hands: (T, 2, 21, 4), see `hands.slots`. Nothing in it is seen where the clip shows no hand.
        badges: what is wrong with it, the most important first.
        seconds: its length, 0 of a photo.
        thumbnail: a JPEG of its frames side by side, with their hands drawn.

    """

    hands: HandArray
    badges: tuple[str, ...]
    seconds: float
    thumbnail: Path

    @property
    def teaches(self) -> bool:
        """True where a hand is seen, so that a model can learn from the clip."""
        return bool(self.hands[..., -1].any())


class ClipReader:
    """Looks at clips. What it found is kept: landmarks in the cache, thumbnails in `folder`."""

    def __init__(self, networks: HandNetworks, folder: Path) -> None:
        self.networks, self.folder = networks, folder
        self.store = LandmarkStore(default_store_folder(), TRACKING_RATE_FPS)
        self._facts: dict[tuple[Any, ...], ClipFacts] = {}

    def facts(self, path: Path) -> ClipFacts:
        """Return the facts of a video file or photo. Raises UserError: it cannot be read."""
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._facts:
            self._facts[key] = self._look(path)
        return self._facts[key]

    def _look(self, path: Path) -> ClipFacts:
        num_frames = count_frames(path)
        rate = container_frame_rate(path) or TRACKING_RATE_FPS
        video = TrackedVideo(path, num_frames, rate, time_step(rate, TRACKING_RATE_FPS))
        file = self.store.file_of(video)
        landmarks = _stored(file)
        if landmarks is None:
            landmarks = track_video(video, self.networks)
            save_landmarks(file, landmarks, networks=SOURCE, tracker=TRACKER_VERSION)

        hands = while_seen(hand_array(landmarks, landmarks.tracked_frames))
        name = hashlib.sha256(file.name.encode()).hexdigest()[:32]
        thumbnail = self.folder / f"{name}.jpg"
        badges = _known_badges(thumbnail)
        if badges is None:
            badges = self._picture(path, landmarks, thumbnail)
        seconds = 0.0 if is_photo(path) else num_frames / rate
        return ClipFacts(hands, badges, seconds, thumbnail)

    def _picture(self, path: Path, landmarks: HandLandmarks, thumbnail: Path) -> tuple[str, ...]:
        """Write the thumbnail of a clip, and return its badges, which are kept beside it."""
        places = spread_places(len(landmarks.tracked_frames), THUMBNAIL_FRAMES)
        numbers = landmarks.tracked_frames[places]
        pictures = list(read_frames(path, [int(number) for number in numbers]))
        badges = _badges(pictures, landmarks)
        write_bytes(thumbnail, _strip(pictures, landmarks, numbers))
        # The last file: where it is, both are whole.
        write_json(thumbnail.with_suffix(".json"), {"version": _FACTS_VERSION, "badges": badges})
        return badges


def _known_badges(thumbnail: Path) -> tuple[str, ...] | None:
    """Return what was found when the thumbnail was made, so that no frame is decoded again."""
    try:
        found = parse_json(thumbnail.with_suffix(".json").read_bytes())
        if found["version"] != _FACTS_VERSION or not thumbnail.is_file():
            return None
        return tuple(str(badge) for badge in found["badges"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stored(file: Path) -> HandLandmarks | None:
    """Return landmarks that are there and whole."""
    if not file.is_file():
        return None
    try:
        return load_landmarks(file)
    except UserError:
        return None


def _badges(pictures: list[NDArray[np.uint8]], landmarks: HandLandmarks) -> tuple[str, ...]:
    """Return what is wrong with a clip of which some pictures are given."""
    found = []
    if not len(landmarks.frame_index):
        found.append("no hand seen")
    elif landmarks.seen_share < _LEAST_SEEN:
        found.append("hand seldom seen")
    elif _inside_share(landmarks) < _LEAST_INSIDE:
        found.append("hand cut off")
    if float(np.median([brightness(picture) for picture in pictures])) < LEAST_BRIGHTNESS:
        found.append("too dark")
    # A dark picture has no edges either: it is not called blurred too.
    elif float(np.median([sharpness(picture) for picture in pictures])) < LEAST_SHARPNESS:
        found.append("blurred")
    return tuple(found)


def _inside_share(landmarks: HandLandmarks) -> float:
    """Return the share of the points that are inside the picture."""
    height, width = landmarks.frame_size_hw
    x, y = landmarks.landmarks_px[..., 0], landmarks.landmarks_px[..., 1]
    return float(((x >= 0) & (x < width) & (y >= 0) & (y < height)).mean())


def _strip(
    pictures: list[NDArray[np.uint8]], landmarks: HandLandmarks, numbers: NDArray[np.int64]
) -> bytes:
    """Return pictures side by side as a JPEG, small, with the hands of their frames."""
    small = []
    for picture, number in zip(pictures, numbers, strict=True):
        factor = THUMBNAIL_WIDTH / picture.shape[1]
        size = (THUMBNAIL_WIDTH, THUMBNAIL_WIDTH * 3 // 4)
        shrunk = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        for row in np.flatnonzero(landmarks.frame_index == number):
            points = landmarks.landmarks_px[row] * factor
            draw_hand(shrunk, points, str(landmarks.handedness[row]))
        small.append(_fitted(np.asarray(shrunk, np.uint8), size))
    quality = [cv2.IMWRITE_JPEG_QUALITY, 80]
    written, data = cv2.imencode(".jpg", np.hstack(small)[:, :, ::-1], quality)
    assert written
    return bytes(data.tobytes())


def _fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut a picture of the right width to a height, or put it on black."""
    width, height = size
    top = max(0, (picture.shape[0] - height) // 2)
    cut = picture[top : top + height, :width]
    canvas = np.zeros((height, width, 3), np.uint8)
    first = (height - cut.shape[0]) // 2
    canvas[first : first + cut.shape[0], : cut.shape[1]] = cut
    return canvas
