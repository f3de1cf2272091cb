"""The plan of a stream: which clips it shows, when, with which rest between them.

A stream shows one person, with rest between the gestures and cuts where two clips meet. A gap
is made of the clips around it: the last frames of the one to and fro, a cut, then the first
frames of the other to and fro. So the person rests as people do in that clip, and nothing jumps
except at the cut, which is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.sampling import to_and_fro
from action_recognition.data.stream_files import AnnotatedStream, MarkedEvent

SLOWEST: Final = 0.8
"""Clips that are shown several times are played at 0.8 to 1.25 times their speed."""

Planned = list[tuple[str, list["Part"]]]
"""Name and parts of every stream."""


@dataclass(frozen=True)
class CompositionOptions:
    """Options of composing streams.

    A gap takes `gap_min_s` plus an exponential time of mean `gap_more_s`, at most `gap_max_s`.
    In a rest, the first or last `rest_s` of a clip are played to and fro.
    """

    rate_fps: float = 30
    gap_min_s: float = 2.0
    gap_more_s: float = 1.5
    gap_max_s: float = 8.0
    rest_s: float = 0.4
    max_clips: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """A clip in a stream with `lead` frames of rest before it and `trail` behind it.

    All numbers of frames are at the stream's rate. The clip is played `speed` times as fast as it
    was filmed.
    """

    clip: ListedClip
    lead: int
    length: int
    trail: int
    speed: float = 1.0

    @property
    def num_frames(self) -> int:
        """Return the number of frames, rests included."""
        return self.lead + self.length + self.trail

    def source_frames(self, options: CompositionOptions) -> Iterator[int]:
        """Yield the frame of the clip, from 0, that each frame of the part shows."""
        record = self.clip.record
        num_source = record.clip_end - record.clip_start
        step = record.frame_rate_fps * self.speed / options.rate_fps
        rest = round(options.rest_s * options.rate_fps)
        for position in range(-self.lead, self.length + self.trail):
            # The small term keeps a product just below a whole number from losing a frame.
            index = int(to_and_fro(position, self.length, rest) * step + 1e-6)
            yield min(index, num_source - 1)


def plan_streams(
    clips: Sequence[ListedClip], people: dict[str, str], options: CompositionOptions
) -> Planned:
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


def plan_single(clips: Sequence[ListedClip], options: CompositionOptions) -> Planned:
    """Return a stream without cuts for every clip, for people who do other things."""
    rest = round(options.gap_min_s * options.rate_fps)
    return [
        (f"other_{number:03d}", [Part(clip, rest, _length(clip, options), rest)])
        for number, clip in enumerate(clips, start=1)
    ]


def plan_hours(clips: Sequence[ListedClip], hours: float, options: CompositionOptions) -> Planned:
    """Return streams of people who do other things that last `hours` or little more.

    The clips are shown again and again. Each time they come in another order, with other rests,
    and each at another speed, so that no stretch of a stream is one of another.
    """
    rng = np.random.default_rng([options.seed, len(clips)])
    wanted = hours * 3600 * options.rate_fps
    planned: Planned = []
    num_frames = 0
    while num_frames < wanted:
        order = rng.permutation(len(clips))
        for start in range(0, len(order), options.max_clips):
            some = [clips[i] for i in order[start : start + options.max_clips]]
            speeds = SLOWEST ** rng.uniform(-1.0, 1.0, len(some))
            parts = _parts(some, rng, options, speeds.tolist())
            planned.append((f"other_{len(planned) + 1:03d}", parts))

            num_frames += sum(part.num_frames for part in parts)
            if num_frames >= wanted:
                break
    return planned


def annotated(
    path: Path, parts: Sequence[Part], with_events: bool, rate_fps: float
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


def _parts(
    clips: Sequence[ListedClip],
    rng: np.random.Generator,
    options: CompositionOptions,
    speeds: Sequence[float] | None = None,
) -> list[Part]:
    """Draw the rests around clips.

    Half of a gap belongs to the clip before it, and half to the clip after it.
    """
    more_s = rng.exponential(options.gap_more_s, len(clips) + 1)
    gaps_s = np.minimum(options.gap_min_s + more_s, options.gap_max_s)
    halves = [round(float(half)) for half in gaps_s * options.rate_fps / 2]
    return [
        Part(clip, halves[i], _length(clip, options, speed), halves[i + 1], speed)
        for i, (clip, speed) in enumerate(zip(clips, speeds or [1.0] * len(clips), strict=True))
    ]


def _length(clip: ListedClip, options: CompositionOptions, speed: float = 1.0) -> int:
    """Return the length of a clip in frames of the stream, at least 1."""
    record = clip.record
    seconds = (record.clip_end - record.clip_start) / record.frame_rate_fps / speed
    return max(1, round(seconds * options.rate_fps))
