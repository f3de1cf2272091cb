"""Labels for frames or a video file: the entry point of applications.

    predictor = Predictor.from_path("export/model.xml")
    prediction = predictor.predict_file("clip.mp4")
    print(prediction.label or f"nothing: {prediction.reason}")

IR and ONNX files need no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from action_recognition.data.sampling import FrameRange, centre_frame_indices
from action_recognition.data.transforms import Frames, fitted_clip
from action_recognition.data.video import container_frame_rate, count_frames, read_frames
from action_recognition.deploy.backends import (
    Backend,
    Clips,
    Hint,
    Precision,
    Scores,
    load_backend,
    model_in,
)
from action_recognition.deploy.calibration.personal import read_personal
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.prediction import Prediction, to_prediction
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.deploy.landmark_clips import LandmarkClips

__all__ = ["AnyFrames", "Prediction", "Predictor", "to_prediction"]

AnyFrames = Frames | Sequence[npt.NDArray[np.uint8]]
"""(T, H, W, 3) uint8 RGB, or T pictures (H, W, 3) of one size."""


class Predictor:
    """A trained model in any of its forms, used as its metadata say.

    The functions of evaluation sample, resize and crop the frames. So `eval.py` has measured
    what a predictor returns. Only one thread at a time may call a predictor: call `submit` to
    continue while it computes.

    >>> from action_recognition.deploy.metadata import example
    >>> class Constant:  # takes the place of `Predictor.from_path("export/model.xml")`
    ...     metadata, runs_as = example(), "an example"
    ...     def scores(self, clips): return np.array([[0.9, 0.1]] * len(clips), np.float32)
    >>> frames = np.zeros((90, 480, 640, 3), np.uint8)  # 3 seconds of a 30 fps camera
    >>> Predictor(Constant()).predict(frames, frame_rate_fps=30.0).label
    'Thumb up'
    """

    def __init__(
        self, backend: Backend, folder: Path | None = None, num_threads: int | None = None
    ) -> None:
        self.backend = backend
        self._landmarks: LandmarkClips | None = None
        if backend.metadata.landmarks is not None:
            # A model of frames starts faster without it.
            from action_recognition.deploy.landmark_clips import LandmarkClips

            self._landmarks = LandmarkClips(backend.metadata, folder, num_threads)

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        device: str = "CPU",
        num_threads: int | None = None,
        precision: Precision = "f32",
        hint: Hint = "latency",
        metadata: DeployMetadata | None = None,
        personal: str | Path | None = None,
    ) -> Predictor:
        """Open `.xml` (its `.bin` beside it), `.onnx`, or (with PyTorch installed) `.pth`.

        `path` may also be the folder that `export.py` wrote.

        Raises UserError: the file is missing, damaged or no recogniser of clips, there is no such
        device, or `personal` is of another model.

        Args:
            path: the model file, or an exported folder.
            device: OpenVINO's name: `CPU`, `GPU`, `NPU`, `AUTO`.
            num_threads: None leaves the choice to the engine.
            precision: `f32` is what `eval.py` measures in, `default` lets OpenVINO take bf16 or
                f16 where that is faster.
            hint: `latency` for one clip at a time, `throughput` for `predict_batch` and `submit`.
            metadata: those of a file that carries none.
            personal: `personal.json` of `calibrate.py --personal`, thresholds for one person.

        """
        file = model_in(Path(path))
        backend = load_backend(file, num_threads, precision, device, hint, metadata)
        if personal is not None:
            labels = backend.metadata.labels
            backend.metadata = read_personal(Path(personal), file, labels).applied(backend.metadata)
        return cls(backend, file.parent, num_threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels that the model can tell apart, in its own order."""
        return self.backend.metadata.labels

    def predict(self, frames: AnyFrames, frame_rate_fps: float) -> Prediction:
        """Predict the centre window of frames that were taken at `frame_rate_fps`.

        Frames are (T, H, W, 3) uint8 RGB, T >= 1, any H and W. Fewer frames than the window needs
        are padded by repeating the ends. A model of landmarks takes all frames.
        Raises ValueError: another shape, type or rate.
        """
        clip = self.prepare(frames, frame_rate_fps)
        return to_prediction(self.backend.scores(clip[None])[0], self.backend.metadata)

    def predict_file(
        self,
        path: str | Path,
        start: int = 0,
        end: int | None = None,
        frame_rate_fps: float | None = None,
    ) -> Prediction:
        """Predict the centre window of a video's or frame folder's frames `start` to `end`.

        `start` counts from 0 and `end` is excluded, as in annotation files. A window longer than
        that takes frames around it, as in evaluation. Only the frames of the window are decoded.
        `frame_rate_fps` replaces the rate of the file. A folder states none and has the model's.
        Raises UserError: a file that cannot be read, or `start` and `end` outside it.
        """
        path, spec = Path(path), self.backend.metadata
        num_frames = count_frames(path)
        end = num_frames if end is None else end
        if not 0 <= start < end <= num_frames:
            found = f"start {start} and end {end} are outside it"
            raise user_error(str(path), found, f"0 <= start < end <= {num_frames}")

        # The rate of the caller, else that of the file, else the model's own.
        rate = _checked_rate(frame_rate_fps or container_frame_rate(path) or spec.frame_rate_fps)
        if self._landmarks is not None:
            hands = self._landmarks.of_video(path, start, end, rate)
            return to_prediction(self.backend.scores(hands[None])[0], spec)

        # The window may reach beyond `start` and `end`, not beyond the video.
        span = FrameRange(
            clip_start=start, clip_end=end, video_start=0, video_end=num_frames, frame_rate_fps=rate
        )
        pictures = read_frames(path, self._window(span))
        return to_prediction(self.backend.scores(self._to_clip(pictures)[None])[0], spec)

    def predict_batch(self, clips: Sequence[AnyFrames], frame_rate_fps: float) -> list[Prediction]:
        """Return one prediction per clip, in order.

        While one clip is computed the next is prepared. With `hint="throughput"` several are
        computed at once.
        """
        futures = [self.submit(frames, frame_rate_fps) for frames in clips]
        return [future.result() for future in futures]

    def submit(self, frames: AnyFrames, frame_rate_fps: float) -> Future[Prediction]:
        """Predict as `predict` does, without waiting for the result: `submit(...).result()`.

        Waits only while the engine has enough to do.
        """
        scores = self.backend.submit(self.prepare(frames, frame_rate_fps))
        return _then(scores, lambda row: to_prediction(row, self.backend.metadata))

    def prepare(self, frames: AnyFrames, frame_rate_fps: float) -> Clips:
        """Make the clip of the backend from frames for `predict`.

        It is (3, T, H, W) uint8 RGB, or (4, T, 2, 21) float32 landmarks.
        """
        num_frames = len(frames)
        if not num_frames:
            raise ValueError("no frames")

        rate = _checked_rate(frame_rate_fps)
        if self._landmarks is not None:
            numbers = self._landmarks.frame_numbers(num_frames, rate)
            return self._landmarks.of_frames(_take(frames, numbers), numbers, rate)
        span = FrameRange(
            clip_start=0,
            clip_end=num_frames,
            video_start=0,
            video_end=num_frames,
            frame_rate_fps=rate,
        )
        return self._to_clip(_take(frames, self._window(span)))

    def _window(self, span: FrameRange) -> Sequence[int]:
        """Return the indices of the centre window's frames."""
        spec = self.backend.metadata
        return centre_frame_indices(span, spec.clip_len, spec.frame_rate_fps)

    def _to_clip(self, pictures: Frames) -> Clips:
        spec = self.backend.metadata
        clip = fitted_clip(pictures, spec.resize.short_side, spec.resize.crop_size, spec.mean_rgb)
        return np.ascontiguousarray(clip.transpose(3, 0, 1, 2))


def _take(frames: AnyFrames, indices: Sequence[int]) -> Frames:
    """Stack the frames at `indices`. Raises ValueError: a mistake of the calling code."""
    pictures = [np.asarray(frames[i]) for i in indices]
    # One form of all pictures, or the message lists those found.
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
    """Return a future of the changed result."""
    changed: Future[Prediction] = Future()

    def finish(done: Future[Scores]) -> None:
        """Pass on the changed result or the error."""
        try:
            changed.set_result(change(done.result()))
        # The caller that waits for the result gets every error.
        except BaseException as error:
            changed.set_exception(error)

    scores.add_done_callback(finish)
    return changed
