"""A camera's picture with a green square: what is in it is classified on a key, or all the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from action_recognition.data.photo import Photo
from action_recognition.deploy.demo import check_display
from action_recognition.deploy.drawing import draw_prediction
from action_recognition.deploy.photo_report import PhotoResult
from action_recognition.deploy.photos import Square, centre_square, predict_photo
from action_recognition.deploy.predictor import Prediction, Predictor
from action_recognition.deploy.sources import FrameSource
from action_recognition.deploy.streaming import WindowScores

WINDOW_TITLE: Final = "photo gestures (y: classify, l: live, m: mirror, + -: square, q: quit)"
GREEN: Final = (46, 204, 64)
_STEP: Final = 1.1
_LEAST_SHARE: Final = 0.2


@dataclass
class CameraView:
    """What is looked at: the square's share of the short side, whether it is mirrored, whether every frame is classified."""

    share: float = 0.8
    mirror: bool = False
    live: bool = False
    show: bool = True


def classify_camera(predictor: Predictor, source: FrameSource, view: CameraView, say: Callable[[str], None] = print) -> list[PhotoResult]:
    """Run until `q`, Ctrl-C or the source's end; gives what was classified, without frames in a row that say the same.

    Errors: no display to show on, a source that gives no frame.
    """
    if view.show:
        check_display()
    session = _Session(predictor, view, say)
    try:
        for frame in source.frames():
            if not session.take(frame.picture, frame.time_s):
                break
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        with suppress(cv2.error):  # an OpenCV without windows
            cv2.destroyAllWindows()
    return session.results


class _Session:
    """The last prediction, and what was said so far."""

    def __init__(self, predictor: Predictor, view: CameraView, say: Callable[[str], None]) -> None:
        self.results: list[PhotoResult] = []
        self._predictor, self._view, self._say = predictor, view, say
        self._latest: Prediction | None = None
        self._inference_ms = 0.0

    def take(self, picture: Photo, time_s: float) -> bool:
        """One frame; False when the user pressed `q`."""
        square = centre_square(picture, self._view.share)
        if self._view.live:
            self._classify(picture, square, time_s)
        if not self._view.show:
            return True
        cv2.imshow(WINDOW_TITLE, self._drawn(picture, square, time_s)[:, :, ::-1])
        key = chr(cv2.waitKey(1) & 0xFF)
        if key == "y":
            self._classify(picture, square, time_s, always=True)
        self._set(key)
        return key != "q"

    def _set(self, key: str) -> None:
        view = self._view
        if key == "l":
            view.live = not view.live
        elif key == "m":
            view.mirror = not view.mirror
        elif key in "+=":
            view.share = min(1.0, view.share * _STEP)
        elif key == "-":
            view.share = max(_LEAST_SHARE, view.share / _STEP)

    def _classify(self, picture: Photo, square: Square, time_s: float, always: bool = False) -> None:
        start = time.perf_counter()
        found = predict_photo(self._predictor, picture, square, self._view.mirror)
        self._inference_ms = (time.perf_counter() - start) * 1e3
        if always or self._latest is None or found.label != self._latest.label:
            self.results.append(PhotoResult(f"{time_s:.2f} s", found))
            said = found.label or f"no gesture ({found.reason})"
            self._say(f"{time_s:8.2f} s  {said}  {found.labels[0]} {found.probability:.3f}, {self._inference_ms:.0f} ms")
        self._latest = found

    def _drawn(self, picture: Photo, square: Square, time_s: float) -> Photo:
        """The frame as in a mirror where that is on, with the square and the first three labels."""
        drawn = np.ascontiguousarray(picture[:, ::-1] if self._view.mirror else picture).copy()
        corner = (square.left + square.side, square.top + square.side)
        cv2.rectangle(drawn, (square.left, square.top), corner, GREEN, max(2, drawn.shape[0] // 160))
        metadata, found = self._predictor.backend.metadata, self._latest
        if found is None:
            return draw_prediction(drawn, None, metadata, time_s)
        order = [found.labels.index(label) for label in metadata.labels]
        scores = WindowScores(time_s, found.cosine[order], self._inference_ms)
        return draw_prediction(drawn, scores, metadata, time_s, title=found.label or "no gesture")
