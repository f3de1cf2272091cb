"""How many clips of which class and person, how long, at what rate and size: from annotation files and the files that they name."""

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
from action_recognition.dataset_tools.importing.import_dataset import probe_all
from action_recognition.errors import naming

QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


@dataclass(frozen=True)
class ClipFacts:
    """One clip: its gesture's frames, its rate (None where neither line nor file states it), and the size of its pictures."""

    split: str
    label: str
    person: str | None
    num_frames: int
    frame_rate_fps: float | None
    width: int
    height: int

    @property
    def seconds(self) -> float | None:
        return self.num_frames / self.frame_rate_fps if self.frame_rate_fps else None


def gather_facts(
    clips: Sequence[ListedClip],
    people: Mapping[str, str],
    jobs: int,
    progress: Callable[[int, int], None],
) -> tuple[list[ClipFacts], list[tuple[str, str]]]:
    """The facts of all clips, and (line, reason) of those whose file cannot be read; `people` gives the person of a path."""
    files = list(dict.fromkeys(str(clip.record.path) for clip in clips))
    infos = probe_all(Path(), files, jobs, progress)
    facts, unreadable = [], []
    for clip in clips:
        info, record = infos[str(clip.record.path)], clip.record
        if not isinstance(info, VideoInfo):
            unreadable.append((record.line, info))
            continue
        rate = info.frame_rate_fps if clip.numbers is None else record.frame_rate_fps
        num_frames = (
            info.num_frames if clip.numbers is None else record.clip_end - record.clip_start
        )
        facts.append(
            ClipFacts(
                clip.split,
                clip.label,
                people.get(clip.path),
                num_frames,
                rate,
                info.width,
                info.height,
            )
        )
    return facts, unreadable


def summarise(facts: Sequence[ClipFacts], classes: Sequence[str]) -> dict[str, Any]:
    """Counts and quantiles as JSON: by split, class and person, of lengths, rates and sizes.

    `seconds` leaves out clips whose rate is not known; `clips_without_rate` counts them.
    """
    splits = list(dict.fromkeys(fact.split for fact in facts))
    seconds = [fact.seconds for fact in facts if fact.seconds is not None]
    return {
        "clips": len(facts),
        "splits": {
            split: _group([fact for fact in facts if fact.split == split]) for split in splits
        },
        "classes": {
            name: _group(of_class)
            | {
                "by_split": {
                    split: sum(fact.split == split for fact in of_class) for split in splits
                }
            }
            for name in classes
            for of_class in [[fact for fact in facts if fact.label == name]]
        },
        "people": {
            person: {
                "clips": count,
                "splits": sorted({fact.split for fact in facts if fact.person == person}),
            }
            for person, count in sorted(
                Counter(fact.person for fact in facts if fact.person is not None).items()
            )
        },
        "frames": _quantiles([fact.num_frames for fact in facts]),
        "seconds": _quantiles(seconds),
        "clips_without_rate": len(facts) - len(seconds),
        "rates_fps": _counted(
            f"{fact.frame_rate_fps:.5g}" for fact in facts if fact.frame_rate_fps
        ),
        "sizes": _counted(f"{fact.width}x{fact.height}" for fact in facts),
    }


def draw_histograms(facts: Sequence[ClipFacts], file: Path) -> None:
    """Lengths in seconds, rates, and clips per class, as one PNG; `file` appears only when it is complete."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    lengths, rates, classes = figure.subplots(1, 3)
    lengths.hist([fact.seconds for fact in facts if fact.seconds is not None], bins=30)
    lengths.set(xlabel="length of the gesture, s", ylabel="clips")
    rates.hist([fact.frame_rate_fps for fact in facts if fact.frame_rate_fps], bins=30)
    rates.set(xlabel="frame rate, fps")
    counts = Counter(fact.label for fact in facts).most_common()
    classes.bar(range(len(counts)), [count for _, count in counts])
    classes.set(xlabel=f"classes ({len(counts)}), by number of clips", xticks=[])
    partial = file.with_name(f".{file.name}.part")
    make_folder(file.parent)
    try:
        with naming(file):
            figure.savefig(partial, format="png", dpi=100)
            partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _group(facts: Sequence[ClipFacts]) -> dict[str, Any]:
    people = {fact.person for fact in facts if fact.person is not None}
    seconds = [fact.seconds for fact in facts if fact.seconds is not None]
    return {"clips": len(facts), "people": len(people), "seconds": _quantiles(seconds)}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    found = np.quantile(np.asarray(values, dtype=float), list(QUANTILES.values()))
    return {name: round(float(value), 3) for name, value in zip(QUANTILES, found, strict=True)}


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
