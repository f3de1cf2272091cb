"""From frames to the landmark clips of a model: hands are tracked, then frames spread over them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.landmarks.sampling import spread_places
from action_recognition.data.landmarks.tracked_video import TrackedVideo, tracked_pictures
from action_recognition.data.sampling import time_step
from action_recognition.data.video import is_photo, read_frames
from action_recognition.deploy.backends.model_files import check_against_record
from action_recognition.deploy.backends.protocol import Clips
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.hands.landmark_file import track_pictures
from action_recognition.hands.network_names import HAND_IR, PALM_IR
from action_recognition.hands.networks import HandNetworks, Picture
from action_recognition.hands.photo_hands import photo_landmarks
from action_recognition.hands.slots import HandArray, hand_array, while_seen
from action_recognition.hands.tracker import HandTracker


class LandmarkClips:
    """Makes the clips of a model that takes landmarks. The networks are opened at the first clip.

    They are those beside the model, else those that `tools/fetch_hands.py` fetched.
    Raises UserError: there are none, or they are damaged.
    """

    def __init__(
        self, metadata: DeployMetadata, folder: Path | None, num_threads: int | None = None
    ) -> None:
        assert metadata.landmarks is not None
        self.metadata, self.folder, self.num_threads = metadata, folder, num_threads
        self.tracking_rate_fps = metadata.landmarks.tracking_rate_fps

    @functools.cached_property
    def networks(self) -> HandNetworks:
        """The networks that find hands."""
        files = [self.folder / name for name in (PALM_IR, HAND_IR)] if self.folder else []
        if not files or not all(file.is_file() for file in files):
            return HandNetworks(None, self.num_threads)
        for file in files:
            check_against_record(file)
        return HandNetworks(self.folder, self.num_threads)

    def of_frames(self, frames: Iterable[Picture], frame_rate_fps: float) -> Clips:
        """Return the clip (4, T, 2, 21) of frames (H, W, 3) uint8 RGB, all of them its own."""
        if self.metadata.clip_len == 1:
            pictures_seen = list(frames)
            middle = pictures_seen[(len(pictures_seen) - 1) // 2]
            return self._of_photo(middle)
        step = time_step(frame_rate_fps, self.tracking_rate_fps)
        pictures = (
            (number, number / frame_rate_fps, picture)
            for number, picture in enumerate(frames)
            if number % step == 0
        )
        landmarks = track_pictures(HandTracker(self.networks), pictures)
        return self.of_array(hand_array(landmarks, landmarks.tracked_frames))

    def of_video(self, path: MediaPath, start: int, end: int, frame_rate_fps: float) -> Clips:
        """Return the clip of frames `start` to `end` of a video, as evaluation makes it.

        Hands are followed from the video's first frame on. Raises UserError: it cannot be read.
        """
        if is_photo(path):
            return self._of_photo(read_frames(path, [0])[0])
        step = time_step(frame_rate_fps, self.tracking_rate_fps)
        video = TrackedVideo(path, end, frame_rate_fps, step)
        landmarks = track_pictures(HandTracker(self.networks), tracked_pictures(video))
        frames = landmarks.tracked_frames
        inside = frames[frames >= start]
        return self.of_array(hand_array(landmarks, inside if len(inside) else frames[-1:]))

    def _of_photo(self, picture: Picture) -> Clips:
        landmarks = photo_landmarks(self.networks, picture)
        return self.of_array(hand_array(landmarks, landmarks.tracked_frames))

    def of_array(self, hands: HandArray) -> Clips:
        """Return the clip (4, T, 2, 21) of hands (F, 2, 21, 4) in F tracked frames."""
        shown = while_seen(hands)
        spread = shown[spread_places(len(shown), self.metadata.clip_len)]
        return np.ascontiguousarray(spread.transpose(3, 0, 1, 2))
