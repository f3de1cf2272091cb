"""Compare lines with each other: clips and people in two splits, and classes without clips."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.dataset_tools.checking.all_lines import Labels
from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.single_line import Row

IMBALANCE = 10
"""The largest class has this many times as many training clips as the smallest to earn a note."""
TRAIN = "train"
# Words of file names that tell a split.
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}


class People(NamedTuple):
    """The people in the clips.

    `person_of` maps a path, as its line has it, to a person, or to None when nobody is known.
    With `all_known`, None is a fault.
    """

    person_of: Callable[[str], str | None]
    all_known: bool


class _Clip(NamedTuple):
    """The first line that has a clip, and its label there."""

    place: Place
    label: int | None


def split_name(ann_file: Path) -> str:
    """Return `train`, `val` or `test` when a part of the file's name says so, else the name.

    A file with a name of another kind is a split by itself.

    >>> [split_name(Path(name)) for name in ("jester_train_v1.txt", "dev.txt", "clips.txt")]
    ['train', 'val', 'clips']
    """
    words = re.split(r"[^a-z]+", ann_file.stem.lower())
    found = [_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS]
    return found[0] if found else ann_file.stem


class SetChecker:
    """Take every row once, and remember a few dozen bytes of each."""

    def __init__(
        self, ann_files: Sequence[Path], labels: Labels, people: People | None, findings: Findings
    ) -> None:
        self.splits = [split_name(file) for file in ann_files]
        self.labels, self._are_given = labels.names, labels.are_given
        self.people, self.findings = people, findings
        self.num_clips: Counter[tuple[str, int]] = Counter()
        self._first_of_class: dict[tuple[str, int], Place] = {}
        # The keys are hashes of clips and of videos, which take less memory than their texts.
        # The values are file, line and label.
        self._clips: dict[int, tuple[int, int, int | None]] = {}
        self._videos: dict[int, Place] = {}
        self._people: dict[str, dict[str, Place]] = {}

    def add(self, row: Row) -> None:
        """Compare a row with those before."""
        split = self.splits[row.place.file]
        if row.label is not None:
            self.num_clips[split, row.label] += 1
            self._first_of_class.setdefault((split, row.label), row.place)
        if self.people is not None:
            self._add_person(split, row, self.people)

        video = _video_of(row)
        clip = hash((video, row.raw.numbers and row.raw.numbers[:4]))
        first = self._first_line_of(clip, row)
        # A line that repeats a clip is not reported for its video again.
        if first is None:
            self._add_video(split, row, video)
        else:
            self._note_repeated(split, row, first)

    def finish(self) -> None:
        """Compare classes and people of the splits."""
        # The findings name the first split that has the person.
        for person, places in self._people.items():
            (first, place), *others = places.items()
            where = f"{self.findings.name(place)} ({first})"
            for split, other in others:
                message = f"{person!r} is in {split} here, and at {where}"
                repair = "put all clips of a person into one split"
                self.findings.add(other, "person-in-two-splits", message, repair)

        if TRAIN in self.splits:
            self._check_classes()

    def _add_person(self, split: str, row: Row, people: People) -> None:
        person = people.person_of(row.raw.path)
        if person is not None:
            self._people.setdefault(person, {}).setdefault(split, row.place)
        elif people.all_known:
            message = f"no person for {row.raw.path!r}"
            repair = "widen --person-regex, or add it to the table"
            self.findings.add(row.place, "person-unknown", message, repair)

    def _first_line_of(self, clip: int, row: Row) -> _Clip | None:
        """Return the line that had the clip before, or None if this row is the first."""
        this = (*row.place, row.label)
        first = self._clips.setdefault(clip, this)
        return None if first == this else _Clip(Place(first[0], first[1]), first[2])

    def _note_repeated(self, split: str, row: Row, first: _Clip) -> None:
        """Note that an earlier line has the clip of a row."""
        where, first_split = self.findings.name(first.place), self.splits[first.place.file]
        if first.label != row.label:
            names = " and ".join(self._label(number) for number in (first.label, row.label))
            message = f"the clip of {where}, with another label: {names}"
            self.findings.add(row.place, "same-clip-two-labels", message, "keep the right line")
        elif first_split != split:
            message = f"the clip is at {where} too"
            repair = f"keep it in one of {first_split} and {split}"
            self.findings.add(row.place, "clip-in-two-splits", message, repair)
        else:
            message = f"the clip of {where} again"
            self.findings.add(row.place, "duplicate-line", message, "leave this line out")
            self.findings.repair(row.place, None)

    def _add_video(self, split: str, row: Row, video: int) -> None:
        first = self._videos.setdefault(video, row.place)
        first_split = self.splits[first.file]
        if first_split != split:
            where = f"{first_split}, at {self.findings.name(first)}"
            message = f"another clip of {row.raw.path!r} is in {where}"
            repair = "put all clips of a video into one split"
            self.findings.add(row.place, "video-in-two-splits", message, repair)

    def _check_classes(self) -> None:
        in_train = [self.num_clips[TRAIN, number] for number in range(len(self.labels))]
        for number, count in enumerate(in_train):
            if not count:
                self._note_missing(number)
        self._check_imbalance(in_train)

    def _note_missing(self, number: int) -> None:
        """Note a class without a training clip where other splits have it, or at the train file."""
        name = self._label(number)
        others = [split for split in dict.fromkeys(self.splits) if split != TRAIN]

        # The first line of the class in each split is where it is noted.
        found_in = [split for split in others if self.num_clips[split, number]]
        for split in found_in:
            place, num_clips = self._first_of_class[split, number], self.num_clips[split, number]
            message = f"class {name} has no training clip, but {num_clips} in {split}"
            repair = "move clips of some people into train, or leave the class out"
            self.findings.add(place, "class-missing-in-train", message, repair)

        # Labels that only the lines tell cannot be without a clip.
        if not found_in and self._are_given:
            message = f"class {name} has no clip"
            repair = "add clips, or take it out of the classes"
            kind = "class-without-training-clips"
            self.findings.add(self._train_file(), kind, message, repair)

    def _check_imbalance(self, in_train: Sequence[int]) -> None:
        present = [(count, number) for number, count in enumerate(in_train) if count]
        if not present:
            return

        # Counts are compared first, then label numbers.
        (least, rare), (most, frequent) = min(present), max(present)
        if most >= IMBALANCE * least:
            frequent_name, rare_name = self._label(frequent), self._label(rare)
            message = f"{most} training clips of {frequent_name}, {least} of {rare_name}"
            repair = "more clips of rare classes, or sampling: class_balanced"
            self.findings.add(self._train_file(), "note-class-imbalance", message, repair)

    def _train_file(self) -> Place:
        return Place(self.splits.index(TRAIN), 0)

    def _label(self, number: int | None) -> str:
        return repr(self.labels[number]) if number is not None else "unknown"


def _video_of(row: Row) -> int:
    """Return a hash of the video of a row. Two ways to write one path are one video."""
    path = row.raw.path
    if "./" in path or "//" in path:
        path = posixpath.normpath(path)
    return hash((row.root, path))
