"""Models for live streams, alike for a sliding window and a stateful network.

    model = open_stream_model(Path("export/model_stream4.xml"))  # or any clip model: see `mode`
    stream = model.open_stream()         # one per track, all over one compiled network
    for picture in pictures:             # at `fed_rate_fps(model)`, cropped as `model.metadata` say
        for step in stream.feed(picture):
            ...                          # StepScores: 0, 1 or more of them
    stream.reset()                       # the track was lost, or after a discontinuity

The caller does the rest, in the same way for both modes. It keeps the rate of `fed_rate_fps`, cuts
out the region, applies `metadata.resize`, and decides on scores.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from action_recognition.deploy.backends import (
    Backend,
    Hint,
    Precision,
    StatefulBackend,
    load_backend,
    model_in,
)
from action_recognition.deploy.stateful_streams import StatefulStreams
from action_recognition.deploy.stream_protocol import (
    Picture,
    StepScores,
    Stream,
    StreamMode,
    StreamModel,
)
from action_recognition.deploy.window_streams import WindowStreams

__all__ = [
    "DEFAULT_STRIDE",
    "PHOTOS_PER_S",
    "SCORES_PER_S",
    "Picture",
    "StepScores",
    "Stream",
    "StreamMode",
    "StreamModel",
    "as_stream_model",
    "fed_rate_fps",
    "open_stream_model",
]

DEFAULT_STRIDE: Final = 4
SCORES_PER_S: Final = 3.5
"""The least scores a second of a window with a low frame rate, if nobody asks for a stride."""
PHOTOS_PER_S: Final = 10.0
"""The rate at which a network of single photos looks at a stream.

Its own rate says nothing, and a hand takes longer to change.
"""


def open_stream_model(
    path: Path,
    num_threads: int | None = None,
    precision: Precision = "f32",
    device: str = "CPU",
    hint: Hint = "latency",
    stride: int | None = None,
) -> StreamModel:
    """Open a model for streams: a stateful one as it is, any other with a window.

    The window slides by `stride` frames, by default as `as_stream_model` chooses.
    Errors: those of `load_backend`.
    """
    path = model_in(path)
    backend = load_backend(path, num_threads, precision, device, hint)
    return as_stream_model(backend, stride, path.parent, num_threads)


def as_stream_model(
    backend: Backend,
    stride: int | None = None,
    folder: Path | None = None,
    num_threads: int | None = None,
) -> StreamModel:
    """Return streams with states for a stateful network, else a window over the network.

    A stateful network has a fixed step and ignores `stride`. Without a stride the window slides
    by 4 frames. At a low frame rate that would give a score only every few seconds. Such a model
    is fed several times as many frames, of which a window takes every `fold`-th. So it gives
    `SCORES_PER_S` scores a second. A model of photos is fed `PHOTOS_PER_S`, and scores each.
    The networks that find hands for a model of landmarks lie in `folder`, with `num_threads`.
    """
    if backend.metadata.landmarks is not None:
        # A model of frames starts faster without them.
        from action_recognition.deploy.landmark_clips import LandmarkClips
        from action_recognition.deploy.landmark_streams import LandmarkStreams
        from action_recognition.deploy.stateful_landmarks import StatefulLandmarkStreams

        clips = LandmarkClips(backend.metadata, folder, num_threads)
        if isinstance(backend, StatefulBackend):
            return StatefulLandmarkStreams(backend, clips)
        by_itself = max(1, int(clips.tracking_rate_fps / SCORES_PER_S))
        if backend.metadata.clip_len == 1:
            by_itself = 1
        return LandmarkStreams(backend, clips, by_itself if stride is None else stride)
    if isinstance(backend, StatefulBackend):
        return StatefulStreams(backend)

    rate = backend.metadata.frame_rate_fps
    if backend.metadata.clip_len == 1:
        return WindowStreams(backend, stride or 1, max(1, round(PHOTOS_PER_S / rate)))
    if stride is not None or rate / DEFAULT_STRIDE >= SCORES_PER_S:
        return WindowStreams(backend, DEFAULT_STRIDE if stride is None else stride)
    # The smallest fold that reaches SCORES_PER_S, and the stride that keeps to it.
    fold = math.ceil(SCORES_PER_S / rate)
    return WindowStreams(backend, max(1, int(rate * fold / SCORES_PER_S)), fold)


def fed_rate_fps(model: StreamModel) -> float:
    """Return how many frames a second `Stream.feed` has to get."""
    if model.metadata.landmarks is not None:
        return model.metadata.landmarks.tracking_rate_fps
    return model.metadata.frame_rate_fps * (model.fold if isinstance(model, WindowStreams) else 1)
