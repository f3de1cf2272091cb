"""Stretches of long videos without a gesture, as clips of the negative class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from action_recognition.data.annotation_lines import annotation_line
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.video import container_frame_rate, count_frames
from action_recognition.errors import UserError, user_error

MAX_OF_A_GAP = 1000  # stretches in one gap, at most


@dataclass(frozen=True)
class NegativeOptions:
    """Options of choosing stretches.

    `margin_s` is the distance that a stretch keeps from every gesture. `ratio` is the number of
    stretches for each clip of an average class. `length_s` is the length of a stretch. None draws
    it from the lengths of the gestures, so that the length does not give the class away.
    """

    margin_s: float = 0.5
    ratio: float = 1.0
    length_s: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Stretch:
    """Frames `start` to `end` (exclusive) of a file, without a gesture.

    `path` is written as in the annotation files of `split`.
    """

    split: str
    path: str
    file: MediaPath
    start: int
    end: int
    frame_rate_fps: float

    def line(self, label: int) -> str | None:
        """Return the annotation line of the stretch, None if it cannot hold the path.

        The video range ends where the stretch ends, so that no gesture comes into a window.
        """
        return annotation_line(
            self.path, str(label), (self.start, self.end, self.start, self.end, self.frame_rate_fps)
        )


def find_stretches(
    clips: Sequence[ListedClip], negative_label: str, options: NegativeOptions
) -> tuple[list[Stretch], list[str]]:
    """Find stretches for every split. The same seed gives the same stretches.

    A file's gestures are those of all annotation files together. Clips of the negative class count
    as taken. A file that has a line of two columns is all gesture.
    Raises UserError: no line says where a gesture is, or no video has room.

    Returns:
        The stretches, and messages for the user.

    """
    taken = _taken_frames(clips)
    lengths_s = _lengths(clips, negative_label, options)

    # A generator for each split, so that the number of draws for one does not change the next.
    found, said = [], []
    for number, split in enumerate(dict.fromkeys(clip.split for clip in clips)):
        rng = np.random.default_rng([options.seed, number])
        own = [clip for clip in clips if clip.split == split]
        candidates, problems = _candidates(own, taken, lengths_s, options.margin_s, rng)
        wanted = _num_wanted(own, negative_label, options.ratio)
        drawn = sorted(rng.permutation(len(candidates))[:wanted].tolist())
        chosen = [candidates[place] for place in drawn]

        # Frames of one split are not available to the next.
        for stretch in chosen:
            taken[str(stretch.file.resolve())].append((stretch.start, stretch.end))
        found += chosen
        count = f"{len(chosen)} of {len(candidates)} stretches without a gesture"
        said += [*problems, f"{split}: {count} ({wanted} wanted)"]

    if not found:
        raise _no_room(said)
    return found, said


def _no_room(said: Sequence[str]) -> UserError:
    """Return the error for videos without any stretch."""
    return user_error(
        "annotation files",
        "no video has room for a stretch without a gesture",
        "long videos",
        "; ".join(said),
    )


def _taken_frames(clips: Sequence[ListedClip]) -> dict[str, list[tuple[int, int]]]:
    """Return the frame ranges of all clips by their resolved file."""
    taken: dict[str, list[tuple[int, int]]] = {}
    for clip in clips:
        # A line of two columns takes the whole file, however long it is.
        end = clip.record.clip_end if clip.numbers is not None else int(np.iinfo(np.int64).max)
        ranges = taken.setdefault(str(clip.record.path.resolve()), [])
        ranges.append((clip.record.clip_start, end))
    return taken


def _lengths(
    clips: Sequence[ListedClip], negative_label: str, options: NegativeOptions
) -> list[float]:
    """Return the lengths in seconds that a stretch may have."""
    if options.length_s is not None:
        return [options.length_s]
    lengths_s = [
        (clip.record.clip_end - clip.record.clip_start) / clip.record.frame_rate_fps
        for clip in clips
        if clip.label != negative_label and clip.numbers is not None
    ]
    if not lengths_s:
        raise user_error(
            "annotation files",
            "no line says where a gesture is in its video",
            "lines of seven columns",
        )
    return lengths_s


def _num_wanted(clips: Sequence[ListedClip], negative_label: str, ratio: float) -> int:
    """Return how many stretches a split is to have: `ratio` of the clips of an average class."""
    labels = [clip.label for clip in clips if clip.label != negative_label]
    return round(ratio * len(labels) / max(1, len(set(labels))))


def _candidates(
    clips: Sequence[ListedClip],
    taken: dict[str, list[tuple[int, int]]],
    lengths_s: Sequence[float],
    margin_s: float,
    rng: np.random.Generator,
) -> tuple[list[Stretch], list[str]]:
    """Return stretches one after another in the gaps of every file that `clips` name.

    The second list has a message for every file that cannot be read.
    """
    # Lines of two columns leave no gap in their files.
    candidates, problems = [], []
    for path, clip in {clip.path: clip for clip in clips if clip.numbers is not None}.items():
        file = clip.record.path
        try:
            num_frames = count_frames(file)
            rate = container_frame_rate(file) or clip.record.frame_rate_fps
        except UserError as error:
            problems.append(f"{clip.record.line}: left out: {error.problems[0].found}")
            continue

        for gap in gaps(taken[str(file.resolve())], num_frames, round(margin_s * rate)):
            candidates += [
                Stretch(clip.split, path, file, start, end, rate)
                for start, end in _filled(gap, lengths_s, rate, rng)
            ]
    return candidates, problems


def _filled(
    gap: tuple[int, int], lengths_s: Sequence[float], rate_fps: float, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Fill a gap with frame ranges of drawn lengths, one behind the other, as long as they fit."""
    start, last = gap
    for _ in range(MAX_OF_A_GAP):
        end = start + max(1, round(float(rng.choice(lengths_s)) * rate_fps))
        if end > last:
            return
        yield start, end
        start = end


def gaps(taken: Sequence[tuple[int, int]], num_frames: int, margin: int) -> list[tuple[int, int]]:
    """Return the frame ranges of a video that keep `margin` frames from all that is taken.

    Ends are exclusive.

    >>> gaps([(40, 50), (10, 20), (15, 30)], num_frames=100, margin=5)
    [(0, 5), (55, 100)]
    """
    # `start` is the first frame behind all ranges so far.
    found, start = [], 0
    for first, end in sorted(taken):
        if first - margin > start:
            found.append((start, first - margin))
        start = max(start, min(end, num_frames) + margin)

    if start < num_frames:
        found.append((start, num_frames))
    return found
