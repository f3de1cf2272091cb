"""Composed streams as landmarks of hands: nothing is tracked again, so hours take seconds.

A stream has the hands that the tracker found in the clips. At a cut every hand is a new one, as a
tracker would have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from action_recognition.console import say
from action_recognition.data.landmarks.store import LandmarkStore
from action_recognition.data.landmarks.tracking import tracked_store
from action_recognition.data.stream_files import AnnotatedStream
from action_recognition.dataset_tools.streams.plan import (
    CompositionOptions,
    Part,
    Planned,
    annotated,
)
from action_recognition.hands.landmark_file import HandLandmarks, save_landmarks


def compose_landmarks(
    planned: Planned, folder: Path, with_events: bool, options: CompositionOptions
) -> list[AnnotatedStream]:
    """Write `NAME.npz` of every stream. Hands of clips that were not tracked are tracked first.

    Raises UserError: a clip cannot be read, or the networks of hands are missing.
    """
    records = [part.clip.record for _, parts in planned for part in parts]
    store = tracked_store(options.rate_fps, records)
    streams = []
    for name, parts in planned:
        path = folder / f"{name}.npz"
        hands = _joined([_of_part(part, store, options) for part in parts], options.rate_fps)
        save_landmarks(path, hands)
        streams.append(annotated(path, parts, with_events, options.rate_fps))

    minutes = sum(stream.duration_s for stream in streams) / 60
    num_gestures = sum(len(stream.events) for stream in streams)
    if streams:
        say(f"{len(streams)} streams of landmarks, {minutes:.1f} minutes, {num_gestures} gestures")
    return streams


def _of_part(part: Part, store: LandmarkStore, options: CompositionOptions) -> HandLandmarks:
    """Return the hands of a part, with frames numbered from 0 at the rate of the stream."""
    landmarks, record = store.load(part.clip.record)
    wanted = record.clip_start + np.fromiter(part.source_frames(options), np.int64)

    # The tracked frame nearest before it, or the first one.
    tracked = landmarks.tracked_frames
    places = np.maximum(np.searchsorted(tracked, wanted, side="right") - 1, 0)
    return _at(landmarks, tracked[places])


def _at(landmarks: HandLandmarks, shown: NDArray[np.int64]) -> HandLandmarks:
    """Return the hands of the frames `shown`, one after another. A frame may come several times."""
    first = np.searchsorted(landmarks.frame_index, shown, side="left")
    count = np.searchsorted(landmarks.frame_index, shown, side="right") - first
    rows = np.concatenate([np.arange(a, a + n) for a, n in zip(first, count, strict=True)])
    rows = rows.astype(np.int64)

    taken = {name: getattr(landmarks, name)[rows] for name in _ROW_FIELDS}
    numbered = {"frame_index": np.repeat(np.arange(len(shown)), count)}
    size_hw, frames = landmarks.frame_size_hw, np.arange(len(shown))
    return HandLandmarks(tracked_frames=frames, frame_size_hw=size_hw, **taken | numbered)


_ROW_FIELDS = [
    item.name
    for item in fields(HandLandmarks)
    if item.name not in ("tracked_frames", "frame_size_hw")
]


def _joined(parts: Sequence[HandLandmarks], rate_fps: float) -> HandLandmarks:
    """Return parts as one stream. Hands of different parts have different numbers."""
    moved, num_frames, num_hands = [], 0, 0
    for part in parts:
        frame_index = part.frame_index + num_frames
        moved.append(
            replace(
                part,
                tracked_frames=part.tracked_frames + num_frames,
                frame_index=frame_index,
                time_ms=(1000.0 * frame_index / rate_fps).astype(np.float64),
                hand_id=part.hand_id + num_hands,
            )
        )
        num_frames += len(part.tracked_frames)
        num_hands += int(part.hand_id.max(initial=-1)) + 1

    joined = {
        name: np.concatenate([getattr(part, name) for part in moved])
        for name in [*_ROW_FIELDS, "tracked_frames"]
    }
    return HandLandmarks(frame_size_hw=parts[0].frame_size_hw, **joined)
