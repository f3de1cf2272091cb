"""From frames to the landmark clips of a model: hands are tracked, then frames spread over them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.landmarks.sampling import as_network_input, frames_of_clip, spread_clip
from action_recognition.data.landmarks.tracked_video import TrackedVideo, tracked_pictures
from action_recognition.data.sampling import time_step
from action_recognition.data.transforms import Frames
from action_recognition.data.video import is_photo, read_frames
from action_recognition.deploy.backends.model_files import check_against_record
from action_recognition.deploy.backends.protocol import Clips
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.hands.delivered_networks import delivered_networks
from action_recognition.hands.landmark_file import track_pictures
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
        files = delivered_networks(self.folder) if self.folder else None
        if files is None:
            return HandNetworks(None, self.num_threads)
        for file in files:
            check_against_record(file)
        return HandNetworks(self.folder, self.num_threads)

    def frame_numbers(self, num_frames: int, frame_rate_fps: float) -> range:
        """Return the numbers of the frames that are tracked."""
        return range(0, num_frames, time_step(frame_rate_fps, self.tracking_rate_fps))

    def of_frames(
        self, frames: Sequence[Picture] | Frames, numbers: Sequence[int], frame_rate_fps: float
    ) -> Clips:
        """Return the clip (4, T, 2, 21) of frames (H, W, 3) uint8 RGB with their numbers.

        A single frame is looked at as a photo.
        """
        if len(frames) == 1:
            return self._of_photo(frames[0])
        pictures = (
            (number, number / frame_rate_fps, picture)
            for number, picture in zip(numbers, frames, strict=True)
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
        frames = frames_of_clip(landmarks.tracked_frames, start, end)
        return self.of_array(hand_array(landmarks, frames))

    def _of_photo(self, picture: Picture) -> Clips:
        landmarks = photo_landmarks(self.networks, picture)
        return self.of_array(hand_array(landmarks, landmarks.tracked_frames))

    def of_array(self, hands: HandArray) -> Clips:
        """Return the clip (4, T, 2, 21) of hands (F, 2, 21, 4) in F tracked frames."""
        return as_network_input(spread_clip(while_seen(hands), self.metadata.clip_len))
