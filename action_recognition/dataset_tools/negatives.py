"""Stretches without gestures of long videos, as clips of a class that means no gesture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_recognition.data.annotation_lines import annotation_line
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.video import container_frame_rate, count_frames
from action_recognition.errors import UserError, user_error

MAX_OF_A_GAP = 1000  # stretches of one gap that are drawn from


@dataclass(frozen=True)
class NegativeOptions:
    """How stretches are chosen.

    `margin_s` keeps away from every gesture; `ratio` is the number of stretches for each clip of an average class;
    `length_s` is their length, None to draw it from those of the gestures, so that length tells nothing.
    """

    margin_s: float = 0.5
    ratio: float = 1.0
    length_s: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Stretch:
    """Frames `start` to `end` (exclusive) of a file without a gesture; `path` as in the annotation files of `split`."""

    split: str
    path: str
    file: MediaPath
    start: int
    end: int
    frame_rate_fps: float

    def line(self, label: int) -> str | None:
        """Its annotation line: nothing outside of it belongs to its video, so that no gesture comes into its window."""
        return annotation_line(
            self.path, str(label), (self.start, self.end, self.start, self.end, self.frame_rate_fps)
        )


def find_stretches(
    clips: Sequence[ListedClip], negative_label: str, options: NegativeOptions
) -> tuple[list[Stretch], list[str]]:
    """Stretches for every split, and what is to be said; the same for the same seed.

    A file's gestures are those of all annotation files together; clips of the negative class count as taken. A file of which a
    line has two columns is all gesture. A `UserError` says that there is no room at all.
    """
    taken: dict[str, list[tuple[int, int]]] = {}
    for clip in clips:
        end = clip.record.clip_end if clip.numbers is not None else np.iinfo(np.int64).max
        taken.setdefault(str(clip.record.path.resolve()), []).append(
            (clip.record.clip_start, int(end))
        )
    gestures = [clip for clip in clips if clip.label != negative_label and clip.numbers is not None]
    lengths_s = [
        (clip.record.clip_end - clip.record.clip_start) / clip.record.frame_rate_fps
        for clip in gestures
    ]
    if options.length_s is not None:
        lengths_s = [options.length_s]
    if not lengths_s:
        raise user_error(
            "annotation files",
            "no line says where a gesture lies in its video",
            "lines of seven columns",
        )
    found, said = [], []
    for number, split in enumerate(dict.fromkeys(clip.split for clip in clips)):
        rng = np.random.default_rng([options.seed, number])
        own = [clip for clip in clips if clip.split == split]
        candidates, problems = _candidates(own, taken, lengths_s, options.margin_s, rng)
        labels = [clip.label for clip in own if clip.label != negative_label]
        wanted = round(options.ratio * len(labels) / max(1, len(set(labels))))
        chosen = [
            candidates[place]
            for place in sorted(rng.permutation(len(candidates))[:wanted].tolist())
        ]
        for stretch in chosen:  # what one split has, the next does not get
            taken[str(stretch.file.resolve())].append((stretch.start, stretch.end))
        found += chosen
        said += [
            *problems,
            f"{split}: {len(chosen)} of {len(candidates)} stretches without a gesture ({wanted} wanted)",
        ]
    if not found:
        raise user_error(
            "annotation files",
            "no video has room without a gesture for a stretch",
            "long videos",
            "; ".join(said),
        )
    return found, said


def _candidates(
    clips: Sequence[ListedClip],
    taken: dict[str, list[tuple[int, int]]],
    lengths_s: Sequence[float],
    margin_s: float,
    rng: np.random.Generator,
) -> tuple[list[Stretch], list[str]]:
    """Stretches that follow each other in the gaps of every file that is named in `clips`, and files that cannot be read."""
    candidates, problems = [], []
    for path, clip in {clip.path: clip for clip in clips if clip.numbers is not None}.items():
        try:
            num_frames = count_frames(clip.record.path)
            rate = container_frame_rate(clip.record.path) or clip.record.frame_rate_fps
        except UserError as error:
            problems.append(f"{clip.record.line}: left out: {error.problems[0].found}")
            continue
        for first, last in gaps(
            taken[str(clip.record.path.resolve())], num_frames, round(margin_s * rate)
        ):
            start = first
            for _ in range(MAX_OF_A_GAP):
                end = start + max(1, round(float(rng.choice(lengths_s)) * rate))
                if end > last:
                    break
                candidates.append(Stretch(clip.split, path, clip.record.path, start, end, rate))
                start = end
    return candidates, problems


def gaps(taken: Sequence[tuple[int, int]], num_frames: int, margin: int) -> list[tuple[int, int]]:
    """Frame ranges (end exclusive) of a video at least `margin` frames away from all that is taken.

    >>> gaps([(40, 50), (10, 20), (15, 30)], num_frames=100, margin=5)
    [(0, 5), (55, 100)]
    """
    found, start = [], 0
    for first, end in sorted(taken):
        if first - margin > start:
            found.append((start, first - margin))
        start = max(start, min(end, num_frames) + margin)
    if start < num_frames:
        found.append((start, num_frames))
    return found
