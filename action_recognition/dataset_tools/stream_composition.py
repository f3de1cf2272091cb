"""Streams with known events, composed of clips.

A stream shows one person, with rest between the gestures and cuts where two clips meet. A gap
is made of the clips around it: the last frames of the one to and fro, a cut, then the first
frames of the other to and fro. So the person rests as people do in that clip, and nothing jumps
except at the cut, which is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.console import say
from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.stream_files import AnnotatedStream, MarkedEvent
from action_recognition.data.transforms import fit_into
from action_recognition.data.video import read_frames
from action_recognition.files import write_atomically

Picture = NDArray[np.uint8]
_LONGEST_SIDE = 480


@dataclass(frozen=True)
class CompositionOptions:
    """Options of composing streams.

    A gap takes `gap_min_s` plus an exponential time of mean `gap_more_s`, at most `gap_max_s`.
    In a rest, the first or last `rest_s` of a clip are played to and fro.
    """

    rate_fps: int = 30
    gap_min_s: float = 2.0
    gap_more_s: float = 1.5
    gap_max_s: float = 8.0
    rest_s: float = 0.4
    max_clips: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """A clip in a stream with `lead` frames of rest before it and `trail` behind it.

    All numbers of frames are at the stream's rate.
    """

    clip: ListedClip
    lead: int
    length: int
    trail: int


def plan_streams(
    clips: Sequence[ListedClip], people: dict[str, str], options: CompositionOptions
) -> list[tuple[str, list[Part]]]:
    """Return name and parts of every stream. The same seed gives the same streams.

    The clips of each person come in random order, at most `max_clips` in a stream.
    """
    by_person: dict[str, list[ListedClip]] = {}
    for clip in clips:
        by_person.setdefault(people[clip.path], []).append(clip)

    planned = []
    for number, (person, own) in enumerate(sorted(by_person.items())):
        rng = np.random.default_rng([options.seed, number])
        order = [own[i] for i in rng.permutation(len(own))]

        # A person with few clips has a single stream, named for the person.
        is_one = len(order) <= options.max_clips
        for count, start in enumerate(range(0, len(order), options.max_clips), start=1):
            parts = _parts(order[start : start + options.max_clips], rng, options)
            planned.append((person if is_one else f"{person}_{count}", parts))
    return planned


def plan_single(
    clips: Sequence[ListedClip], options: CompositionOptions
) -> list[tuple[str, list[Part]]]:
    """Return a stream without cuts for every clip, for people who do other things."""
    rest = round(options.gap_min_s * options.rate_fps)
    return [
        (f"other_{number:03d}", [Part(clip, rest, _length(clip, options), rest)])
        for number, clip in enumerate(clips, start=1)
    ]


def compose(
    name: str, parts: Sequence[Part], folder: Path, with_events: bool, options: CompositionOptions
) -> AnnotatedStream:
    """Write `NAME.mp4` atomically. Return its path with its gestures and cuts."""
    path = folder / f"{name}.mp4"
    pictures = (picture for part in parts for picture in _pictures(part, options))
    with write_atomically(path, keep_suffix=True) as partial:
        _write(partial, pictures, options.rate_fps)
    return _annotated(path, parts, with_events, options.rate_fps)


def _annotated(
    path: Path, parts: Sequence[Part], with_events: bool, rate_fps: int
) -> AnnotatedStream:
    """Return a stream with the times of its gestures, and of the cut between every two parts."""
    events, cuts, position = [], [], 0
    # `position` is the number of frames before a part.
    for part in parts:
        start = position + part.lead
        end = start + part.length
        position = end + part.trail
        if with_events:
            events.append(MarkedEvent(part.clip.label, start / rate_fps, end / rate_fps))
        cuts.append(position / rate_fps)

    # No cut follows the last part.
    return AnnotatedStream(path, position / rate_fps, tuple(events), tuple(cuts[:-1]))


def compose_all(
    planned: Sequence[tuple[str, list[Part]]],
    folder: Path,
    with_events: bool,
    options: CompositionOptions,
) -> list[AnnotatedStream]:
    """Compose all streams, and print a line after each."""
    streams = []
    for number, (name, parts) in enumerate(planned, start=1):
        stream = compose(name, parts, folder, with_events, options)
        facts = f"{stream.duration_s:.0f} s, {len(stream.events)} gestures"
        say(f"{number} of {len(planned)}: {name}.mp4, {facts}")
        streams.append(stream)
    return streams


def to_and_fro(position: int, length: int, rest: int) -> int:
    """Return the frame of a clip of `length` that is shown at `position`, where 0 is its start.

    Positions outside of the clip go to and fro over its first or last `rest` frames.

    >>> [to_and_fro(i, 5, 3) for i in range(-4, 9)]
    [0, 1, 2, 1, 0, 1, 2, 3, 4, 3, 2, 3, 4]
    """
    rest = max(1, min(rest, length))
    if 0 <= position < length:
        return position

    # A way of `turn` frames leads away from the end of the clip and back to it.
    beyond = -position if position < 0 else position - (length - 1)
    turn = 2 * (rest - 1)
    away = 0 if turn == 0 else min(beyond % turn, turn - beyond % turn)
    return away if position < 0 else length - 1 - away


def _parts(
    clips: Sequence[ListedClip], rng: np.random.Generator, options: CompositionOptions
) -> list[Part]:
    """Draw the rests around clips.

    Half of a gap belongs to the clip before it, and half to the clip after it.
    """
    more_s = rng.exponential(options.gap_more_s, len(clips) + 1)
    gaps_s = np.minimum(options.gap_min_s + more_s, options.gap_max_s)
    halves = [round(float(half)) for half in gaps_s * options.rate_fps / 2]
    return [
        Part(clip, halves[i], _length(clip, options), halves[i + 1]) for i, clip in enumerate(clips)
    ]


def _length(clip: ListedClip, options: CompositionOptions) -> int:
    """Return the length of a clip in frames of the stream, at least 1."""
    record = clip.record
    seconds = (record.clip_end - record.clip_start) / record.frame_rate_fps
    return max(1, round(seconds * options.rate_fps))


def _pictures(part: Part, options: CompositionOptions) -> Iterator[Picture]:
    """Yield the frames of a part, rests included, at the rate of the stream."""
    record = part.clip.record
    frames = read_frames(record.path, range(record.clip_start, record.clip_end))
    rest = round(options.rest_s * options.rate_fps)
    for position in range(-part.lead, part.length + part.trail):
        place = to_and_fro(position, part.length, rest)
        # The small term keeps a product just below a whole number from losing a frame.
        index = int(place * record.frame_rate_fps / options.rate_fps + 1e-6)
        yield frames[min(index, len(frames) - 1)]


def _write(path: Path, pictures: Iterator[Picture], rate_fps: int) -> None:
    """Write H.264. All pictures are fitted into the size of the first, with black beside them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(rate_fps), options={"crf": "20", "preset": "veryfast"}
        )
        stream.pix_fmt = "yuv420p"
        # The size is known with the first picture.
        stream.width, stream.height = 0, 0
        for picture in pictures:
            if not stream.width:
                stream.width, stream.height = _stream_size(picture)
            fitted = np.ascontiguousarray(fit_into(picture, stream.height, stream.width))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(fitted, format="rgb24")))
        # The encoder keeps some frames back until it is flushed.
        container.mux(stream.encode())


def _stream_size(picture: Picture) -> tuple[int, int]:
    """Return width and height of a stream whose first picture this is, both even for H.264."""
    scale = min(1.0, _LONGEST_SIDE / max(picture.shape[:2]))
    height, width = (max(2, round(side * scale) // 2 * 2) for side in picture.shape[:2])
    return width, height
