"""Films and examples, played through the live engine: the probabilities along each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from action_recognition.data.video import count_frames
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.deploy.stream_models import StreamModel
from action_recognition.errors import user_error
from action_recognition.live.engine import StepResult, StreamEngine
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.regions import Region
from action_recognition.live.sources.frame_sources import open_source

LONGEST_EXAMPLE_S: Final = 30.0
# As in composed streams, a clip rests in its own first and last frames, to and fro.
_REST_OF_CLIP_S: Final = 0.4
_REST_BOUNDS_S: Final = (0.5, 4.0)
_TELL_EVERY_S: Final = 30.0


@dataclass(frozen=True)
class Played:
    """A film with the network's probabilities along it.

    `times_s` is (R,), `chances` (R, C). `duration_s` is the time from its first frame to its last.
    `has_hands` tells if a hand was seen, and is True for models of pixels.
    """

    path: Path
    duration_s: float
    times_s: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]
    has_hands: bool


def play_film(
    model: StreamModel, region: Region, path: Path, tell: Callable[[float, float], None]
) -> Played:
    """Play a film of other things. `tell` gets the seconds that are done and all, now and then.

    Raises UserError: it cannot be read.
    """
    source = open_source(str(path), model.metadata.frame_rate_fps)

    total_s = count_frames(path) / source.frame_rate_fps

    def told() -> Iterator[TimedFrame]:
        due_s = _TELL_EVERY_S
        for frame in source.frames():
            if frame.time_s >= due_s:
                tell(frame.time_s, total_s)
                due_s = frame.time_s + _TELL_EVERY_S
            yield frame

    return _played(model, region, path, told())


def play_example(model: StreamModel, region: Region, path: Path) -> Played:
    """Play an example of a gesture, with rest before and after it.

    The rest is made of its first and last moments. So the network has seen enough before it, and
    its probability rises as it does in a stream.
    Raises UserError: it cannot be read, or lasts too long for one gesture.
    """
    source = open_source(str(path), model.metadata.frame_rate_fps)
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if frame.time_s - frames[0].time_s > LONGEST_EXAMPLE_S:
            found = f"lasts more than {LONGEST_EXAMPLE_S:g} s"
            fix = "cut out the gesture; films of other things go to --others"
            raise user_error(str(path), found, "one gesture from its begin to its end", fix)
    if not frames:
        raise user_error(str(path), "gave no frame", fix="record it again")
    rate = source.frame_rate_fps
    return _played(model, region, path, with_rest(frames, rate, _rest_s(model.metadata)))


def with_rest(
    frames: list[TimedFrame], frame_rate_fps: float, rest_s: float
) -> Iterator[TimedFrame]:
    """Yield the frames of a clip, one at least, with `rest_s` of rest before and after them.

    The rest is the first (last) 0.4 s, to and fro, and goes over into the clip without a jump.
    """
    # Some frames, and the way back: 0, 1, 2, 1, 0, 1, ...
    reach = min(len(frames) - 1, max(1, round(_REST_OF_CLIP_S * frame_rate_fps)))
    num_rest = math.ceil(rest_s * frame_rate_fps)
    swing = [*range(reach), *range(reach, 0, -1)] or [0]
    away = list(itertools.islice(itertools.cycle(swing), 1, num_rest + 1))

    before, after = [frames[i] for i in reversed(away)], [frames[-1 - i] for i in away]
    step_s, start_s = 1 / frame_rate_fps, frames[0].time_s
    for number, frame in enumerate(before):
        yield TimedFrame(number * step_s, frame.picture)
    begin_s = num_rest * step_s
    for frame in frames:
        yield TimedFrame(begin_s + frame.time_s - start_s, frame.picture)
    end_s = begin_s + frames[-1].time_s - start_s
    for number, frame in enumerate(after, start=1):
        yield TimedFrame(end_s + number * step_s, frame.picture)


def _rest_s(metadata: DeployMetadata) -> float:
    """Return a rest as long as what the network sees at once."""
    shortest_s, longest_s = _REST_BOUNDS_S
    return min(longest_s, max(shortest_s, metadata.clip_len / metadata.frame_rate_fps))


def _played(model: StreamModel, region: Region, path: Path, frames: Iterator[TimedFrame]) -> Played:
    # The region may remember hands of the film before.
    region.reset()
    engine = StreamEngine(model, region, name=str(path))
    rows: list[StepResult] = []
    first_s, last_s, has_hands = math.nan, math.nan, model.metadata.landmarks is None
    for frame in frames:
        first_s = frame.time_s if math.isnan(first_s) else first_s
        last_s = frame.time_s
        rows += engine.push(frame)
        has_hands = has_hands or bool(engine.hands)
    rows += engine.finish()
    if math.isnan(first_s):
        raise user_error(str(path), "gave no frame", fix="record it again")

    # As in the engine, the decision skips what the network says before it has seen enough.
    rows = [row for row in rows if row.is_warm] or rows
    times_s = np.array([row.scores.time_s for row in rows])
    chances = np.array([row.chances for row in rows]).reshape(len(rows), len(model.metadata.labels))
    return Played(path, last_s - first_s, times_s, chances, has_hands)
