"""From frames or a video file to a label: what an application calls. IR and ONNX files need no PyTorch.

predictor = Predictor.from_path("export/model.xml")
prediction = predictor.predict_file("clip.mp4")
print(prediction.label or f"nothing: {prediction.reason}")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from action_recognition.data.sampling import FrameRange, centre_frame_indices
from action_recognition.data.transforms import Frames, fitted_clip
from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.deploy.backends import (
    Backend,
    Hint,
    Pixels,
    Precision,
    Scores,
    load_backend,
)
from action_recognition.deploy.calibration.rejection import spread
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.scores import probabilities
from action_recognition.errors import user_error

AnyFrames = Frames | Sequence[npt.NDArray[np.uint8]]
"""(T, H, W, 3) uint8 RGB, or T pictures (H, W, 3) of one size."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model says about one clip; `labels`, `probabilities` and `cosine` stand in one order, the most probable label first.

    `cosine` (C,) float32, about -1..1, are the network's scores; `probabilities` (C,) float64 sum to 1, with the temperature that the
    model was calibrated with. `label` is `labels[0]`, or None when that was rejected; `reason` then says why, and is empty otherwise.
    """

    label: str | None
    reason: str
    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    cosine: Scores

    @property
    def is_rejected(self) -> bool:
        """Whether the application should take this clip for no gesture."""
        return self.label is None

    @property
    def probability(self) -> float:
        """That of `labels[0]`, 0..1."""
        return float(self.probabilities[0])

    def probability_of(self, label: str) -> float:
        """That of any label, 0..1; KeyError for one that the model does not know."""
        if label not in self.labels:
            raise KeyError(label)
        return float(self.probabilities[self.labels.index(label)])


def to_prediction(scores: Scores, metadata: DeployMetadata) -> Prediction:
    """Cosines (C,), in the order of `metadata.labels`, as probabilities, and what the thresholds and the negative label make of them.

    >>> from dataclasses import replace
    >>> from action_recognition.deploy.metadata import example
    >>> sure = to_prediction(np.array([0.9, 0.1], np.float32), example())
    >>> sure.label, round(sure.probability, 3), sure.labels
    ('Thumb up', 0.982, ('Thumb up', 'No gesture'))
    >>> to_prediction(np.array([0.9, 0.1], np.float32), replace(example(), thresholds={"Thumb up": 0.99})).reason
    "'Thumb up' has probability 0.982, below its threshold 0.99"
    >>> to_prediction(np.array([0.1, 0.9], np.float32), example()).reason
    "'No gesture' is the class that means no gesture"
    >>> to_prediction(np.array([0.9, 0.7], np.float32), replace(example(), spread_threshold=0.2)).is_rejected
    True
    """
    shares = probabilities(scores, metadata)
    order = np.argsort(-shares, kind="stable")
    labels = tuple(metadata.labels[i] for i in order)
    reason = _reason_to_reject(labels[0], float(shares[order[0]]), metadata) or _reason_of_spread(
        scores, metadata
    )
    return Prediction(None if reason else labels[0], reason, labels, shares[order], scores[order])


class Predictor:
    """A trained model in any of its forms, with everything that its metadata say done for the caller.

    Frames are sampled, resized and cropped by the functions that evaluation uses, so `eval.py` measured what is given here.
    One thread at a time may call a predictor; `submit` is what lets the caller go on.

    >>> from action_recognition.deploy.metadata import example
    >>> class Constant:  # stands for `Predictor.from_path("export/model.xml")`
    ...     metadata, runs_as = example(), "an example"
    ...     def scores(self, clips): return np.array([[0.9, 0.1]] * len(clips), np.float32)
    >>> frames = np.zeros((90, 480, 640, 3), np.uint8)  # 3 seconds of a 30 fps camera
    >>> Predictor(Constant()).predict(frames, frame_rate_fps=30.0).label
    'Thumb up'
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        device: str = "CPU",
        num_threads: int | None = None,
        precision: Precision = "f32",
        hint: Hint = "latency",
        metadata: DeployMetadata | None = None,
    ) -> Predictor:
        """Open `.xml` (its `.bin` beside it), `.onnx`, or (with PyTorch installed) `.pth`.

        `device` is OpenVINO's name (`CPU`, `GPU`, `NPU`, `AUTO`); `num_threads` None leaves the choice to the engine.
        `precision`: `f32` is what `eval.py` measures in; `default` lets OpenVINO take bf16 or f16 where that is faster.
        `hint`: `latency` for one clip at a time, `throughput` for `predict_batch` and `submit`. `metadata` are for a file without.
        Errors: `UserError` for a file that is missing, damaged or no recogniser of clips, and for a device that is not there.
        """
        return cls(load_backend(Path(path), num_threads, precision, device, hint, metadata))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the model can tell apart, in its own order."""
        return self.backend.metadata.labels

    def predict(self, frames: AnyFrames, frame_rate_fps: float) -> Prediction:
        """The centre window of the frames, taken at `frame_rate_fps`: (T, H, W, 3) uint8 RGB, T >= 1, any H and W.

        Fewer frames than the window needs are padded by repeating the ends. ValueError: another shape, type or rate.
        """
        return to_prediction(
            self.backend.scores(self.prepare(frames, frame_rate_fps)[None])[0],
            self.backend.metadata,
        )

    def predict_file(
        self,
        path: str | Path,
        start: int = 0,
        end: int | None = None,
        frame_rate_fps: float | None = None,
    ) -> Prediction:
        """The centre window of frames `start` up to, not including, `end` (0-based, as in annotation files) of a video or frame folder.

        A window longer than that takes frames around it, as evaluation does. `frame_rate_fps` replaces what the file says; a folder
        says nothing, and has the model's rate. Only the frames of the window are decoded.
        Errors: `UserError` for a file that cannot be read, or `start` and `end` outside of it.
        """
        path, spec = Path(path), self.backend.metadata
        num_frames = count_frames(path)
        end = num_frames if end is None else end
        if not 0 <= start < end <= num_frames:
            raise user_error(
                str(path),
                f"start {start} and end {end} are no part of it",
                f"0 <= start < end <= {num_frames}",
            )
        rate = _checked_rate(frame_rate_fps or container_frame_rate(path) or spec.frame_rate_fps)
        clip = FrameRange(
            clip_start=start, clip_end=end, video_start=0, video_end=num_frames, frame_rate_fps=rate
        )
        pictures = read_frames(path, centre_frame_indices(clip, spec.clip_len, spec.frame_rate_fps))
        return to_prediction(self.backend.scores(self._to_clip(pictures)[None])[0], spec)

    def predict_batch(self, clips: Sequence[AnyFrames], frame_rate_fps: float) -> list[Prediction]:
        """One prediction a clip, in order. While one is computed the next is prepared; with `hint="throughput"` several are computed."""
        futures = [self.submit(frames, frame_rate_fps) for frames in clips]
        return [future.result() for future in futures]

    def submit(self, frames: AnyFrames, frame_rate_fps: float) -> Future[Prediction]:
        """As `predict`, without waiting for the result: `submit(...).result()`. Waits only while the engine has enough to do."""
        scores = self.backend.submit(self.prepare(frames, frame_rate_fps))
        return _then(scores, lambda row: to_prediction(row, self.backend.metadata))

    def prepare(self, frames: AnyFrames, frame_rate_fps: float) -> Pixels:
        """The clip (3, T, H, W) uint8 RGB that the backend takes, out of frames as `predict` takes them."""
        spec, num_frames = self.backend.metadata, len(frames)
        if not num_frames:
            raise ValueError("no frames")
        rate = _checked_rate(frame_rate_fps)
        clip = FrameRange(
            clip_start=0,
            clip_end=num_frames,
            video_start=0,
            video_end=num_frames,
            frame_rate_fps=rate,
        )
        return self._to_clip(
            _take(frames, centre_frame_indices(clip, spec.clip_len, spec.frame_rate_fps))
        )

    def _to_clip(self, pictures: Frames) -> Pixels:
        spec = self.backend.metadata
        clip = fitted_clip(pictures, spec.resize.short_side, spec.resize.crop_size, spec.mean_rgb)
        return np.ascontiguousarray(clip.transpose(3, 0, 1, 2))


def _reason_to_reject(label: str, probability: float, metadata: DeployMetadata) -> str:
    if label == metadata.negative_label:
        return f"{label!r} is the class that means no gesture"
    threshold = metadata.thresholds.get(label, 0.0)
    if probability < threshold:
        return f"{label!r} has probability {probability:.3f}, below its threshold {threshold:.3g}"
    return ""


def _reason_of_spread(scores: Scores, metadata: DeployMetadata) -> str:
    found = float(spread(scores))
    if found < metadata.spread_threshold:
        return f"the scores are too much alike for a gesture of the model: their spread is {found:.3f}, below {metadata.spread_threshold:.3g}"
    return ""


def _take(frames: AnyFrames, indices: Sequence[int]) -> Frames:
    """Those frames as one array; a mistake in their form is the calling code's."""
    pictures = [np.asarray(frames[i]) for i in indices]
    forms = {(picture.shape, str(picture.dtype)) for picture in pictures}
    shape, dtype = next(iter(forms))
    if len(forms) > 1 or len(shape) != 3 or shape[2] != 3 or min(shape) < 1 or dtype != "uint8":
        found = " and ".join(f"{size} {kind}" for size, kind in sorted(forms))
        raise ValueError(f"frames of {found}, expected (T, H, W, 3) uint8 RGB of one size")
    return np.stack(pictures)


def _checked_rate(frame_rate_fps: float) -> float:
    if not 0.0 < frame_rate_fps < float("inf"):
        raise ValueError(f"frame_rate_fps {frame_rate_fps}, expected a number above 0")
    return frame_rate_fps


def _then(scores: Future[Scores], change: Callable[[Scores], Prediction]) -> Future[Prediction]:
    """A future of the changed result."""
    changed: Future[Prediction] = Future()

    def finish(done: Future[Scores]) -> None:
        try:
            changed.set_result(change(done.result()))
        except BaseException as error:
            changed.set_exception(error)

    scores.add_done_callback(finish)
    return changed
