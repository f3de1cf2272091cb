"""Landmarks on disk: each video is tracked once. They are kept by its content.

A video that moves keeps its landmarks. One that changes, another rate or another version of the
tracker gets new ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from action_recognition.data.clip_table import ClipRecord
from action_recognition.data.frame_cache.entry import media_hash
from action_recognition.data.frame_source import completed
from action_recognition.data.landmarks.tracked_video import TrackedVideo, tracked_pictures
from action_recognition.data.media import READING_VERSION
from action_recognition.data.sampling import time_step
from action_recognition.data.video import container_frame_rate, count_frames, is_photo, read_frames
from action_recognition.download import cache_folder
from action_recognition.errors import user_error
from action_recognition.hands.landmark_file import (
    TRACKER_VERSION,
    HandLandmarks,
    load_landmarks,
    track_pictures,
)
from action_recognition.hands.network_names import SOURCE
from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.photo_hands import photo_landmarks
from action_recognition.hands.tracker import HandTracker

_MAX_KNOWN = 20_000  # clips


def default_store_folder() -> Path:
    """Return the folder of landmarks inside the cache."""
    return cache_folder() / "landmarks"


@dataclass(frozen=True)
class LandmarkStore:
    """Landmarks of videos in a folder, tracked at about `tracking_rate_fps`."""

    folder: Path
    tracking_rate_fps: float
    # Reading a video's frame count and content takes milliseconds, and is needed twice.
    _known: dict[ClipRecord, tuple[ClipRecord, TrackedVideo, Path]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def look_up(self, listed: ClipRecord) -> tuple[ClipRecord, TrackedVideo, Path]:
        """Return the completed record, its video, and the file of its landmarks.

        Raises UserError: the video cannot be read, or is shorter than its line says.
        """
        found = self._known.get(listed)
        if found is None:
            record = self.complete(listed)
            video = self.video_of(record)
            found = record, video, self.file_of(video)
            if len(self._known) < _MAX_KNOWN:
                self._known[listed] = found
        return found

    def complete(self, record: ClipRecord) -> ClipRecord:
        """Return the record with the ends and rate of a two-column line filled in.

        A source that states no rate gets that of the tracking, so that every frame is used.
        Raises UserError: the video cannot be read, or is shorter than its line says.
        """
        rate = container_frame_rate(record.path) if record.is_whole_video else None
        return completed(record, count_frames(record.path), rate, self.tracking_rate_fps)

    def video_of(self, record: ClipRecord) -> TrackedVideo:
        """Return what is tracked for a completed record: the whole video of its clip."""
        num_frames = count_frames(record.path)
        step = time_step(record.frame_rate_fps, self.tracking_rate_fps)
        return TrackedVideo(record.path, num_frames, record.frame_rate_fps, step)

    def file_of(self, video: TrackedVideo) -> Path:
        """Return where the landmarks of a video are, or will be."""
        rate = round(video.frame_rate_fps, 3)
        parts = (READING_VERSION, TRACKER_VERSION, SOURCE, media_hash(video.path), rate, video.step)
        key = hashlib.sha256(repr(parts).encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.npz"

    def load(self, listed: ClipRecord) -> tuple[HandLandmarks, ClipRecord]:
        """Return the landmarks of a clip's video, and the completed record.

        Raises UserError: the video cannot be read, or was not tracked.
        """
        record, video, file = self.look_up(listed)
        if not file.is_file():
            raise user_error(str(video.path), "its hands were not tracked")
        return load_landmarks(file), record


def track_video(video: TrackedVideo, networks: HandNetworks) -> HandLandmarks:
    """Return the hands of every `step`-th frame of a video, from the first frame on, or a photo."""
    if is_photo(video.path):
        return photo_landmarks(networks, read_frames(video.path, [0])[0])
    return track_pictures(HandTracker(networks), tracked_pictures(video))
