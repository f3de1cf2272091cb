"""Predictions for photos: the models that take them, and the square that a model sees."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recognition.data.photo import Photo
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.predictor import Prediction, Predictor
from action_recognition.errors import Problem, UserError, user_error


@dataclass(frozen=True)
class Square:
    """A square part of a photo, in pixels."""

    left: int
    top: int
    side: int

    def cut(self, photo: Photo) -> Photo:
        """Return that part (side, side, 3). Raises UserError: it is not inside the photo."""
        height, width = photo.shape[:2]
        right, bottom = self.left + self.side, self.top + self.side
        begins_inside = min(self.left, self.top) >= 0 and self.side >= 1
        if not begins_inside or right > width or bottom > height:
            place = f"{self.left},{self.top},{self.side}"
            raise user_error("square", f"{place} is outside a photo of {width}x{height}")
        return photo[self.top : bottom, self.left : right]


def centre_square(photo: Photo, share: float) -> Square:
    """Return the square in the middle whose side is `share` (0..1] of the photo's short side.

    >>> centre_square(np.zeros((100, 200, 3), np.uint8), 0.8)
    Square(left=60, top=10, side=80)
    """
    height, width = photo.shape[:2]
    side = max(1, round(min(height, width) * share))
    return Square((width - side) // 2, (height - side) // 2, side)


def check_takes_photos(metadata: DeployMetadata, where: str) -> None:
    """Raise a UserError for a model that takes several frames at once."""
    if metadata.clip_len != 1:
        found = f"takes clips of {metadata.clip_len} frames"
        raise user_error(where, found, "a model of single photos", "use demo.py for clips")


def check_takes_pixels(metadata: DeployMetadata, where: str) -> None:
    """Raise a UserError for a model over hand landmarks, where something needs its pixels."""
    if metadata.landmarks is not None:
        found = "needs a model that sees pixels, and this one takes landmarks of hands"
        raise user_error(where, found, fix="take a model of a template under image_gesture")


def predict_photo(
    predictor: Predictor, photo: Photo, square: Square | None = None, mirror: bool = False
) -> Prediction:
    """Classify a photo (H, W, 3) uint8 RGB, or a square of it. `mirror` flips it first."""
    chosen = photo if square is None else square.cut(photo)
    chosen = chosen[:, ::-1] if mirror else chosen
    return predictor.predict(
        np.ascontiguousarray(chosen)[None], predictor.backend.metadata.frame_rate_fps
    )


def predict_clip(predictor: Predictor, data: bytes, suffix: str) -> Prediction:
    """Classify the data of a video file whose name ends with `suffix`, such as `.mp4`.

    Raises UserError: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="clip_") as folder:
        path = Path(folder) / f"clip{suffix}"
        path.write_bytes(data)
        try:
            return predictor.predict_file(path)
        # Its place on the disk means nothing to whoever sent it.
        except UserError as error:
            raise UserError(
                Problem("the clip", *(text.replace(str(path), "it") for text in _texts(problem)))
                for problem in error.problems
            ) from None


def _texts(problem: Problem) -> tuple[str, str, str]:
    return problem.found, problem.allowed, problem.fix
