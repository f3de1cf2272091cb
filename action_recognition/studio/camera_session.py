"""The frames of one browser: hands are followed, recorded, and recognised."""

from __future__ import annotations

import io
import struct
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image

from action_recognition.data.photo import Photo
from action_recognition.deploy.backends.protocol import Backend
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.landmark_streams import LandmarkStreams
from action_recognition.errors import user_error
from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.tracker import HandTracker, TrackedHand
from action_recognition.live.decision_rules import DecisionRules
from action_recognition.live.engine import EngineOptions, StreamEngine
from action_recognition.live.frame_times import TimedFrame
from action_recognition.studio.learner import Learned
from action_recognition.studio.project import Clip, Project
from action_recognition.studio.recording import (
    LONGEST_S,
    Recording,
    Take,
    clip_of_frames,
    kept_frames,
)

MAX_FRAME_BYTES: Final = 2_000_000
_MIN_SIDE: Final = 32
_MAX_SIDE: Final = 1920
_HEAD: Final = struct.Struct("<d")
_REMEMBERED_S: Final = 3.0
_ENOUGH_FRAMES: Final = 8
_RULES: Final = DecisionRules(onset=0.6, release=0.35, smoothing_s=0.25, hold_s=0.1)


def split_message(data: bytes) -> tuple[float, bytes]:
    """Return the time in seconds and the JPEG of a message. Raises UserError: it has neither."""
    if len(data) <= _HEAD.size or len(data) > MAX_FRAME_BYTES:
        raise user_error("frame", f"{len(data)} bytes", f"up to {MAX_FRAME_BYTES} of a JPEG")
    (time_s,) = _HEAD.unpack_from(data)
    if not 0.0 <= time_s < 1e9:
        raise user_error("frame", "comes without a time")
    return time_s, data[_HEAD.size :]


class CameraSession:
    """Work of the server on frames, one at a time.

    `frame` is called by one thread, the other methods by any. `react` gets the gesture of an event.
    """

    def __init__(
        self,
        project: Project,
        networks: HandNetworks,
        react: Callable[[str], None] = lambda gesture: None,
    ) -> None:
        self.project, self.networks, self._react = project, networks, react
        self._lock = threading.RLock()
        self._tracker = HandTracker(networks)
        self._engine: StreamEngine | None = None
        self._learned: Learned | None = None
        self._recording: Recording | None = None
        self._seconds: float | None = 0.0
        self._recent: deque[tuple[float, bytes]] = deque()
        self.is_trying = False

    def follow(self, learned: Learned | None) -> None:
        """Go over to a model that has learned more, unless nothing is tried any more."""
        with self._lock:
            if self.is_trying:
                self.try_model(learned)

    def try_model(self, learned: Learned | None) -> None:
        """Recognise with this model from the next frame on, or only follow hands."""
        with self._lock:
            self.is_trying = learned is not None
            if learned is not self._learned:
                self._learned = learned
                self._engine = None if learned is None else self._new_engine(learned.backend())

    def _new_engine(self, backend: Backend) -> StreamEngine:
        clips = LandmarkClips(backend.metadata, None)
        # The networks are open already.
        clips.networks = self.networks
        streams = LandmarkStreams(backend, clips, stride=1)
        return StreamEngine(streams, options=EngineOptions(_RULES))

    @property
    def is_recording(self) -> bool:
        """True from `begin` on, until the last frame has come or the recording is given up."""
        return self._recording is not None

    def begin(self, take: Take, seconds: float | None) -> None:
        """Record from the next frame on, for so many seconds, or until `stop`.

        None means until the hands rest.
        """
        with self._lock:
            self._drop()
            self._recording = Recording.begin(self.project, take)
            self._seconds = None if seconds is None else min(max(seconds, 0.3), LONGEST_S)

    def hold(self) -> None:
        """Let the recording go on until `stop`, or as long as one may be."""
        with self._lock:
            self._seconds = LONGEST_S

    def stop(self) -> Clip | None:
        """End the recording, and return its clip. None where nothing is recorded.

        Raises UserError: too few frames came.
        """
        with self._lock:
            recording, self._recording = self._recording, None
        return recording.finish() if recording else None

    def cancel(self) -> None:
        """Forget the recording."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._recording is not None:
            self._recording.drop()
            self._recording = None

    def wrong(self, take: Take) -> Clip:
        """Make a clip of the last three seconds. Raises UserError: too few frames."""
        with self._lock:
            frames = list(self._recent)
        return clip_of_frames(self.project, take, frames)

    def frame(self, data: bytes) -> dict[str, Any]:
        """Process a message, and return the answer for the page. Raises UserError: no picture."""
        time_s, jpeg = split_message(data)
        picture = _decoded(jpeg)
        with self._lock:
            self._remember(time_s, jpeg)
            answer: dict[str, Any] = {"type": "hands", "time": time_s}
            if self.is_trying and self._engine is not None:
                answer |= self._recognised(self._engine, TimedFrame(time_s, picture))
                hands = self._engine.hands
            else:
                hands = self._tracker.track(picture, time_s)
            answer["hands"] = [_plain(hand, picture) for hand in hands]
            if self._recording is not None:
                answer["recorded"] = self._recorded(self._recording, jpeg, time_s, hands)
            return answer

    def _remember(self, time_s: float, jpeg: bytes) -> None:
        """Keep the frames of the last seconds."""
        if self._recent and time_s < self._recent[-1][0]:
            self._recent.clear()
            self._tracker = HandTracker(self.networks)
        self._recent.append((time_s, jpeg))
        while self._recent and time_s - self._recent[0][0] > _REMEMBERED_S:
            self._recent.popleft()

    def _recognised(self, engine: StreamEngine, frame: TimedFrame) -> dict[str, Any]:
        """Return the probabilities and events of a frame."""
        results = engine.push(frame)
        labels = engine.network.metadata.labels
        found: dict[str, Any] = {}
        if results:
            shares = results[-1].smoothed
            found["shares"] = {
                label: round(float(share), 3) for label, share in zip(labels, shares, strict=True)
            }
        # A frame completes one event at most, unless several frames were skipped before it.
        events = [result.event for result in results if result.event is not None]
        if events:
            self._react(events[-1].label)
            found["event"] = {
                "label": events[-1].label,
                "probability": round(float(events[-1].probability), 2),
                "time": round(events[-1].time_s, 2),
            }
        return found

    def _recorded(
        self, recording: Recording, jpeg: bytes, time_s: float, hands: list[TrackedHand]
    ) -> dict[str, Any]:
        """Keep a frame of the recording, and return how far it is.

        Raises UserError: the disk is full. That ends the recording.
        """
        try:
            goes_on = recording.add(jpeg, time_s, hands)
        except OSError as error:
            # What follows would fail, too. The frames that are there become a clip later.
            self._recording = None
            raise kept_frames(recording.folder, error) from error
        seconds = recording.times_s[-1] - recording.times_s[0] if recording.times_s else 0.0
        is_over = recording.rests if self._seconds is None else seconds >= self._seconds
        # A slow computer sees few frames: it goes on until they are enough for a gesture.
        is_enough = is_over and len(recording.times_s) >= _ENOUGH_FRAMES
        is_done = not goes_on or is_enough
        longest_s = LONGEST_S if self._seconds is None else self._seconds
        return {"seconds": round(seconds, 2), "of": longest_s, "done": is_done}


def _decoded(jpeg: bytes) -> Photo:
    """Return a picture (H, W, 3) uint8 RGB. Raises UserError: the data are none, or too large."""
    allowed = f"a JPEG of {_MIN_SIDE} to {_MAX_SIDE} pixels"
    try:
        # This reads the head of the file alone: nothing that is too large is unpacked.
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as head:
            size = head.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise user_error("frame", "is no JPEG", allowed) from None
    if max(size) > _MAX_SIDE or min(size) < _MIN_SIDE:
        raise user_error("frame", f"has {size[0]}x{size[1]} pixels", allowed)

    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise user_error("frame", "cannot be read", allowed)
    return np.ascontiguousarray(picture[:, :, ::-1])


def _plain(hand: TrackedHand, picture: Photo) -> dict[str, Any]:
    """Return a hand for the page: its side, and its points as shares of the picture."""
    height, width = picture.shape[:2]
    points = hand.landmarks_px[:, :2].astype(np.float64) / np.array([width, height])
    return {"side": hand.handedness, "points": np.round(points, 4).tolist()}
