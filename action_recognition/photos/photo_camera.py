"""Classification of a camera's picture: of a green square in it, on a key or in every frame."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from action_recognition.console import say
from action_recognition.data.photo import Photo
from action_recognition.deploy.predictor import Prediction, Predictor
from action_recognition.deploy.scores import WindowScores
from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.outputs.drawing import draw_prediction
from action_recognition.live.outputs.window import PictureWindow, draw_square, write_line
from action_recognition.live.sources.frame_sources import FrameSource
from action_recognition.photos.photo_models import centre_square, predict_photo
from action_recognition.photos.photo_report import PhotoResult

WINDOW_TITLE: Final = "photo gestures (y: classify, l: live, m: mirror, + -: square, q: quit)"
# The keys + and - change the square by this factor, down to the least share.
_STEP: Final = 1.1
_LEAST_SHARE: Final = 0.2


@dataclass
class CameraView:
    """Settings that the keys change.

    `share` is the side of the square as a fraction of the short side. With `mirror` the square is
    mirrored, with `live` every frame is classified.
    """

    share: float = 0.8
    mirror: bool = False
    live: bool = False
    show: bool = True


def classify_camera(
    predictor: Predictor, source: FrameSource, view: CameraView
) -> list[PhotoResult]:
    """Run until `q`, Ctrl-C or the end of the source. Return the results.

    Frames in a row with the same label give one result. Raises UserError: no display to show on,
    or a source without a frame.
    """
    window = PictureWindow(WINDOW_TITLE, "add --no-show with --live") if view.show else None
    session = _Session(predictor, view)

    try:
        for frame in source.frames():
            session.take(frame)
            if window and not session.press(window.show(session.drawn(frame)), frame):
                break
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        source.stop()
        if window:
            window.close()

    if not session.num_frames:
        raise user_error(source.name, "gave no frame")
    return session.results


class _Session:
    """State of a run: the latest prediction and the results so far."""

    def __init__(self, predictor: Predictor, view: CameraView) -> None:
        self.results: list[PhotoResult] = []
        self.num_frames = 0
        self._predictor, self._view = predictor, view
        self._latest: Prediction | None = None
        self._inference_ms = 0.0

    def take(self, frame: TimedFrame) -> None:
        """Count a frame. Classify it if every frame is to be classified."""
        self.num_frames += 1
        if self._view.live:
            self._classify(frame)

    def press(self, key: str, frame: TimedFrame) -> bool:
        """Do what a key asks for. Return False for `q`."""
        view = self._view
        if key == "y":
            self._classify(frame, always=True)
        elif key == "l":
            view.live = not view.live
        elif key == "m":
            view.mirror = not view.mirror
        elif key in ("+", "="):
            view.share = min(1.0, view.share * _STEP)
        elif key == "-":
            view.share = max(_LEAST_SHARE, view.share / _STEP)
        return key != "q"

    def drawn(self, frame: TimedFrame) -> Photo:
        """Return the frame with the square, the first three labels, and the reason of a rejection.

        It is mirrored if that is switched on.
        """
        picture, time_s = frame.picture, frame.time_s
        square = centre_square(picture, self._view.share)
        drawn = np.ascontiguousarray(picture[:, ::-1] if self._view.mirror else picture).copy()
        draw_square(drawn, square.left, square.top, square.side)

        metadata, found = self._predictor.backend.metadata, self._latest
        if found is None:
            return draw_prediction(drawn, None, metadata, time_s)
        if found.is_rejected:
            write_line(drawn, f"no gesture: {found.reason}", 0)
        # A prediction is ordered by probability, and the panel takes scores in the model's order.
        order = [found.labels.index(label) for label in metadata.labels]
        scores = WindowScores(time_s, found.cosine[order], self._inference_ms)
        return draw_prediction(drawn, scores, metadata, time_s)

    def _classify(self, frame: TimedFrame, always: bool = False) -> None:
        """Classify the square of a frame. Report the result if the label changed, or `always`."""
        square = centre_square(frame.picture, self._view.share)
        start_s = time.perf_counter()
        found = predict_photo(self._predictor, frame.picture, square, self._view.mirror)
        self._inference_ms = (time.perf_counter() - start_s) * 1e3

        if always or self._latest is None or found.label != self._latest.label:
            self.results.append(PhotoResult(f"{frame.time_s:.2f} s", found))
            said = found.label or f"no gesture ({found.reason})"
            say(
                f"{frame.time_s:8.2f} s  {said}  {found.labels[0]} {found.probability:.3f}, "
                f"{self._inference_ms:.0f} ms"
            )
        self._latest = found
