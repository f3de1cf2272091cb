"""Scores along a stream of stored landmarks: the demo's, without its pictures and its tracker."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from action_recognition.data.stream_files import AnnotatedStream
from action_recognition.deploy.landmark_streams import LandmarkStreams
from action_recognition.deploy.stateful_landmarks import StatefulLandmarkStreams
from action_recognition.deploy.stream_models import StreamModel
from action_recognition.errors import user_error
from action_recognition.hands.landmark_file import HandLandmarks, load_landmarks, tracked_hands
from action_recognition.live.decision import gesture_chances

LANDMARKS_SUFFIX: Final = ".npz"
# Of the rate, as a share: a stream's length is rounded.
_RATE_TOLERANCE: Final = 0.02

ScoredRows = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]
"""Times in seconds (R,), probabilities (R, C) and warmth (R,) of the rows of a stream."""


def landmark_rows(model: StreamModel, stream: AnnotatedStream) -> ScoredRows:
    """Run a model over the landmarks of a stream, frame by frame.

    Raises UserError: the model takes pictures, or the landmarks have another rate than it.
    """
    if not isinstance(model, LandmarkStreams | StatefulLandmarkStreams):
        fix = "compose the streams without --landmarks"
        raise user_error(str(stream.path), "holds landmarks, and the model takes pictures", fix=fix)
    landmarks = load_landmarks(stream.path)
    _check_rate(model, stream, landmarks)

    own, metadata = model.open_stream(), model.metadata
    steps = [step for _, hands in tracked_hands(landmarks) for step in own.feed_hands(hands)]
    steps += own.finish()

    times_s = np.array([step.frame / model.fed_rate_fps for step in steps])
    chances = np.array([gesture_chances(step.scores, metadata) for step in steps])
    is_warm = np.array([step.is_warm for step in steps], bool)
    return times_s, chances.reshape(len(steps), len(metadata.labels)), is_warm


def _check_rate(
    model: LandmarkStreams | StatefulLandmarkStreams,
    stream: AnnotatedStream,
    landmarks: HandLandmarks,
) -> None:
    """Raise UserError where a stream was tracked at another rate than the model tracks at."""
    rate, wanted = len(landmarks.tracked_frames) / stream.duration_s, model.fed_rate_fps
    if abs(rate / wanted - 1.0) > _RATE_TOLERANCE:
        found = f"has landmarks of {rate:.1f} frames a second, and the model tracks at {wanted:g}"
        fix = f"compose the streams with --landmarks {wanted:g}"
        raise user_error(str(stream.path), found, fix=fix)
