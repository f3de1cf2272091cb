"""Statistics of annotation files and of the files that they name.

They count clips by class and person and describe lengths, frame rates and picture sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.data.dataset_files import make_folder
from action_recognition.data.listed_clips import ListedClip
from action_recognition.data.video import VideoInfo
from action_recognition.dataset_tools.importing.placing import probe_all
from action_recognition.errors import naming
from action_recognition.plots import draw_clip_statistics

# Lengths are summarised by these.
QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


@dataclass(frozen=True)
class ClipFacts:
    """Facts of one clip: length of the gesture in frames, frame rate, and size of its pictures.

    `frame_rate_fps` is None where neither the line nor the file states a rate.
    """

    split: str
    label: str
    person: str | None
    num_frames: int
    frame_rate_fps: float | None
    width: int
    height: int

    @property
    def seconds(self) -> float | None:
        """Length of the gesture in seconds, None without a known rate."""
        return self.num_frames / self.frame_rate_fps if self.frame_rate_fps else None


def gather_facts(
    clips: Sequence[ListedClip],
    people: Mapping[str, str],
    jobs: int,
    progress: Callable[[int, int], None],
) -> tuple[list[ClipFacts], list[tuple[str, str]]]:
    """Return the facts of all clips, and (line, reason) of the clips whose file cannot be read.

    Args:
        clips: the clips of all annotation files.
        people: the person of a path, for the paths where one is known.
        jobs: how many files are opened at a time.
        progress: called with (done, total) after each file.

    """
    # Each file is opened once, however many clips it has.
    files = list(dict.fromkeys(str(clip.record.path) for clip in clips))
    infos = probe_all(Path(), files, jobs, progress)

    facts, unreadable = [], []
    for clip in clips:
        info = infos[str(clip.record.path)]
        if isinstance(info, VideoInfo):
            facts.append(_facts_of(clip, info, people.get(clip.path)))
        else:
            unreadable.append((clip.record.line, info))
    return facts, unreadable


def _facts_of(clip: ListedClip, info: VideoInfo, person: str | None) -> ClipFacts:
    """Return the facts of one clip. A line of two columns takes the length and rate of its file."""
    record = clip.record
    if clip.numbers is None:
        num_frames, rate = info.num_frames, info.frame_rate_fps
    else:
        num_frames, rate = record.clip_end - record.clip_start, record.frame_rate_fps

    return ClipFacts(
        split=clip.split,
        label=clip.label,
        person=person,
        num_frames=num_frames,
        frame_rate_fps=rate,
        width=info.width,
        height=info.height,
    )


def summarise(facts: Sequence[ClipFacts], classes: Sequence[str]) -> dict[str, Any]:
    """Return counts and quantiles as JSON values, by split, class and person.

    Quantiles describe lengths. `seconds` leaves out clips whose rate is not known, and
    `clips_without_rate` counts those clips.
    """
    splits = list(dict.fromkeys(fact.split for fact in facts))
    by_split = {split: [fact for fact in facts if fact.split == split] for split in splits}
    seconds = _known_seconds(facts)
    rates = (f"{fact.frame_rate_fps:.5g}" for fact in facts if fact.frame_rate_fps)
    return {
        "clips": len(facts),
        "splits": {split: _group(own) for split, own in by_split.items()},
        "classes": {name: _class_summary(facts, name, splits) for name in classes},
        "people": _people_summary(facts),
        "frames": _quantiles([fact.num_frames for fact in facts]),
        "seconds": _quantiles(seconds),
        "clips_without_rate": len(facts) - len(seconds),
        "rates_fps": _counted(rates),
        "sizes": _counted(f"{fact.width}x{fact.height}" for fact in facts),
    }


def _class_summary(facts: Sequence[ClipFacts], name: str, splits: Sequence[str]) -> dict[str, Any]:
    """Summarise the clips of a class, with their number in each split."""
    own = [fact for fact in facts if fact.label == name]
    by_split = {split: sum(fact.split == split for fact in own) for split in splits}
    return _group(own) | {"by_split": by_split}


def _people_summary(facts: Sequence[ClipFacts]) -> dict[str, dict[str, Any]]:
    """Return the number of clips and the splits of every known person, ordered by name."""
    counts = Counter(fact.person for fact in facts if fact.person is not None)
    splits: dict[str, set[str]] = {person: set() for person in counts}
    for fact in facts:
        if fact.person is not None:
            splits[fact.person].add(fact.split)

    return {
        person: {"clips": count, "splits": sorted(splits[person])}
        for person, count in sorted(counts.items())
    }


def draw_histograms(facts: Sequence[ClipFacts], file: Path) -> None:
    """Draw lengths in seconds, rates, and clips of each class as one PNG, written atomically."""
    splits = dict.fromkeys(fact.split for fact in facts)
    clips = {
        split: Counter(fact.label for fact in facts if fact.split == split) for split in splits
    }
    rates_fps = [fact.frame_rate_fps for fact in facts if fact.frame_rate_fps]
    make_folder(file.parent)
    with naming(file):
        draw_clip_statistics(file, _known_seconds(facts), rates_fps, clips)


def _known_seconds(facts: Sequence[ClipFacts]) -> list[float]:
    """Return the lengths of the clips whose rate is known."""
    return [fact.seconds for fact in facts if fact.seconds is not None]


def _group(facts: Sequence[ClipFacts]) -> dict[str, Any]:
    """Summarise some of the clips."""
    people = {fact.person for fact in facts if fact.person is not None}
    seconds = _quantiles(_known_seconds(facts))
    return {"clips": len(facts), "people": len(people), "seconds": seconds}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    """Return the `QUANTILES` of values, rounded to 3 digits. No values have none."""
    if not values:
        return {}
    found = np.quantile(np.asarray(values, dtype=float), list(QUANTILES.values()))
    return {name: round(float(value), 3) for name, value in zip(QUANTILES, found, strict=True)}


def _counted(values: Iterable[str]) -> dict[str, int]:
    """Count values, the most frequent first."""
    return dict(Counter(values).most_common())
