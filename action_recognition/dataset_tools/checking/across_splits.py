"""What the lines say together: clips and people in two splits, and classes without clips."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.dataset_tools.checking.findings import Findings, Place
from action_recognition.dataset_tools.checking.labels import Labels
from action_recognition.dataset_tools.checking.single_line import Row

IMBALANCE = 10
"""The largest class has this many times as many training clips as the smallest, to be worth a note."""
TRAIN = "train"
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
    """`person_of` is from a path, as the line has it, to a person, or None when nobody is known; `all_known`: then that is a fault."""

    person_of: Callable[[str], str | None]
    all_known: bool


def split_name(ann_file: Path) -> str:
    """`train`, `val` or `test` when a part of the name says so, else the name: each such file is a split of its own.

    >>> split_name(Path("jester_train_v1.txt")), split_name(Path("dev.txt")), split_name(Path("clips.txt"))
    ('train', 'val', 'clips')
    """
    words = re.split(r"[^a-z]+", ann_file.stem.lower())
    found = [_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS]
    return found[0] if found else ann_file.stem


class SetChecker:
    """Takes every row once; remembers a few dozen bytes of each."""

    def __init__(
        self, ann_files: Sequence[Path], labels: Labels, people: People | None, findings: Findings
    ) -> None:
        self.splits = [split_name(file) for file in ann_files]
        self.labels, self._are_given = labels.names, labels.are_given
        self.people, self.findings = people, findings
        self.num_clips: Counter[tuple[str, int]] = Counter()
        self._first_of_class: dict[tuple[str, int], Place] = {}
        self._clips: dict[
            int, tuple[int, int, int | None]
        ] = {}  # hash of a clip -> file, line, label
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
        text = row.raw.path
        path = hash((row.root, posixpath.normpath(text) if "./" in text or "//" in text else text))
        if not self._is_repeated(split, row, hash((path, row.raw.numbers and row.raw.numbers[:4]))):
            self._add_video(split, row, path)

    def finish(self) -> None:
        """Compare classes and people of the splits."""
        for person, places in self._people.items():
            (first, place), *others = places.items()
            for split, other in others:
                where = f"{self._name(place)} ({first})"
                repair = "put all clips of a person into one split"
                self.findings.add(
                    other,
                    "person-in-two-splits",
                    f"{person!r} is in {split} here, and at {where}",
                    repair,
                )
        if TRAIN in self.splits:
            self._check_classes()

    def _add_person(self, split: str, row: Row, people: People) -> None:
        person = people.person_of(row.raw.path)
        if person is not None:
            self._people.setdefault(person, {}).setdefault(split, row.place)
        elif people.all_known:
            repair = "widen --person-regex, or add it to the table"
            self.findings.add(
                row.place, "person-unknown", f"no person for {row.raw.path!r}", repair
            )

    def _is_repeated(self, split: str, row: Row, clip: int) -> bool:
        first = self._clips.setdefault(clip, (*row.place, row.label))
        if first == (*row.place, row.label):
            return False
        place, label = Place(first[0], first[1]), first[2]
        where = self._name(place)
        if label != row.label:
            names = " and ".join(self._label(number) for number in (label, row.label))
            self.findings.add(
                row.place,
                "same-clip-two-labels",
                f"the clip of {where}, with another label: {names}",
                "keep the right line",
            )
        elif self.splits[place.file] != split:
            repair = f"keep it in one of {self.splits[place.file]} and {split}"
            self.findings.add(
                row.place, "clip-in-two-splits", f"the clip stands at {where} too", repair
            )
        else:
            self.findings.add(
                row.place, "duplicate-line", f"the clip of {where} again", "leave this line out"
            )
            self.findings.repair(row.place, None)
        return True

    def _add_video(self, split: str, row: Row, video: int) -> None:
        first = self._videos.setdefault(video, row.place)
        if self.splits[first.file] != split:
            message = f"another clip of {row.raw.path!r} is in {self.splits[first.file]}, at {self._name(first)}"
            self.findings.add(
                row.place, "video-in-two-splits", message, "put all clips of a video into one split"
            )

    def _check_classes(self) -> None:
        in_train = [self.num_clips[TRAIN, number] for number in range(len(self.labels))]
        others = [split for split in dict.fromkeys(self.splits) if split != TRAIN]
        for number, count in enumerate(in_train):
            missing = [split for split in others if not count and self.num_clips[split, number]]
            for split in missing:
                place = self._first_of_class[split, number]
                found = f"class {self._label(number)} has no training clip, but {self.num_clips[split, number]} in {split}"
                self.findings.add(
                    place,
                    "class-missing-in-train",
                    found,
                    "move clips of some people into train, or leave the class out",
                )
            if not count and not missing and self._are_given:
                found = f"class {self._label(number)} has no clip"
                self.findings.add(
                    self._train_file(),
                    "class-without-training-clips",
                    found,
                    "add clips, or take it out of the classes",
                )
        present = [(count, number) for number, count in enumerate(in_train) if count]
        if present and max(present)[0] >= IMBALANCE * min(present)[0]:
            (least, rare), (most, frequent) = min(present), max(present)
            found = (
                f"{most} training clips of {self._label(frequent)}, {least} of {self._label(rare)}"
            )
            self.findings.add(
                self._train_file(),
                "note-class-imbalance",
                found,
                "more clips of rare classes, or sampling: class_balanced",
            )

    def _train_file(self) -> Place:
        return Place(self.splits.index(TRAIN), 0)

    def _label(self, number: int | None) -> str:
        return repr(self.labels[number]) if number is not None else "unknown"

    def _name(self, place: Place) -> str:
        return f"{self.findings.files[place.file]}:{place.line}"
