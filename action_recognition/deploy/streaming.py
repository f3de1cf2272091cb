"""From a stream of frames to predictions: frames picked at the model's rate, a sliding window, one inference every few frames.

source frame (time, picture) -> FrameRateResampler -> 0, 1 or more model frames -> window of clip_len -> scores
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from action_recognition.data.transforms import centre_crop_clip
from action_recognition.deploy.backends import Backend, Scores
from action_recognition.deploy.metadata import DeployMetadata

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

_TOLERANCE = 0.1  # of a model frame: above the rounding of time stamps to 1 ms, below one frame of a 120 fps source
_RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A picture of the source and when it is shown, in seconds from the first."""

    time_s: float
    picture: Picture


@dataclass(frozen=True, slots=True)
class WindowScores:
    """Scores of the window that ends at `time_s`: the cosine of each label, (C,)."""

    time_s: float
    scores: Scores
    inference_ms: float

    def top(self, count: int) -> list[int]:
        """The labels with the highest scores, best first, as indices."""
        return [int(index) for index in np.argsort(-self.scores, kind="stable")[:count]]


def probabilities(scores: Scores, metadata: DeployMetadata) -> npt.NDArray[np.float64]:
    """Softmax of the scores (C,) as training saw them: cosines are flat without their scale.

    >>> from action_recognition.deploy.metadata import example
    >>> probabilities(np.array([0.5, 0.5], np.float32), example()).tolist()
    [0.5, 0.5]
    """
    scale = metadata.score_scale if metadata.output_kind == "cosine" else 1.0
    logits = scores.astype(np.float64) * scale / metadata.temperature
    exponents = np.exp(logits - logits.max())
    return np.asarray(exponents / exponents.sum())


class FrameRateResampler:
    """How often each source frame stands in a stream of `frame_rate_fps`, from time stamps alone.

    The model's frame k is the first source frame at or after k / rate (to within a small tolerance). So a faster source is thinned
    out, a slower one has frames repeated, and uneven time stamps are followed.

    >>> every_second = FrameRateResampler(15.0)
    >>> [every_second.repeats(i / 30) for i in range(6)]
    [1, 0, 1, 0, 1, 0]
    >>> doubled = FrameRateResampler(15.0)
    >>> [doubled.repeats(i / 7.5) for i in range(4)]
    [1, 2, 2, 2]
    """

    def __init__(self, frame_rate_fps: float) -> None:
        self.frame_rate_fps = frame_rate_fps
        self._start_s: float | None = None
        self._last_s = 0.0
        self._num_given = 0

    def repeats(self, time_s: float) -> int:
        """How many model frames the source frame at `time_s` gives; time that jumps back by a second or more starts anew."""
        if self._start_s is None or time_s < self._last_s - _RESTART_S:
            self._start_s, self._num_given = time_s, 0
        self._last_s = time_s
        num_due = int((time_s - self._start_s) * self.frame_rate_fps + _TOLERANCE) + 1
        repeats = max(0, num_due - self._num_given)
        self._num_given += repeats
        return repeats


class WindowRecogniser:
    """Keeps the last `clip_len` model frames and scores them once every `stride` of these."""

    def __init__(self, backend: Backend, stride: int) -> None:
        self.backend = backend
        self.stride = stride
        self._resampler = FrameRateResampler(backend.metadata.frame_rate_fps)
        self._window: deque[Picture] = deque(maxlen=backend.metadata.clip_len)
        self._num_since_inference = 0
        self._last_time_s = 0.0
        self._has_scored = False

    def push(self, frame: TimedFrame) -> WindowScores | None:
        """Take the next frame of the source; a prediction when one is due."""
        # More repeats than the window is long (a camera that stood still) would not change it.
        repeats = min(self._resampler.repeats(frame.time_s), self.backend.metadata.clip_len)
        if not repeats:
            return None
        self._window.extend([self._crop(frame.picture)] * repeats)
        self._last_time_s = frame.time_s
        self._num_since_inference += repeats
        full = len(self._window) == self._window.maxlen
        if not full or (self._has_scored and self._num_since_inference < self.stride):
            return None
        return self._score(list(self._window))

    def finish(self) -> WindowScores | None:
        """At the end of a source that was shorter than the window: the padded window of evaluation, if there was any frame."""
        if self._has_scored or not self._window:
            return None
        frames = list(self._window)
        num_missing = self.backend.metadata.clip_len - len(frames)
        num_before = num_missing // 2
        return self._score([frames[0]] * num_before + frames + [frames[-1]] * (num_missing - num_before))

    def _crop(self, picture: Picture) -> Picture:
        resize = self.backend.metadata.resize
        return np.asarray(centre_crop_clip(picture[None], resize.short_side, resize.crop_size)[0])

    def _score(self, frames: list[Picture]) -> WindowScores:
        start = time.perf_counter()
        scores = self.backend.scores(np.stack(frames).transpose(3, 0, 1, 2)[None])[0]
        self._num_since_inference = 0
        self._has_scored = True
        return WindowScores(self._last_time_s, scores, (time.perf_counter() - start) * 1e3)


def recognise(frames: Iterable[TimedFrame], recogniser: WindowRecogniser) -> Iterator[tuple[TimedFrame, WindowScores | None]]:
    """Every source frame with the prediction that it completed, if any; a source shorter than the window ends with its only one."""
    last: TimedFrame | None = None
    for frame in frames:
        if last is not None:
            yield last, recogniser.push(last)
        last = frame
    if last is not None:
        yield last, recogniser.push(last) or recogniser.finish()
