"""A guess at the person in each clip from the names of files and folders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

# A prefix of many files that is no name: what cameras, phones and programs write.
_NO_NAME = re.compile(
    r"(img|vid|video|mvi|dsc\w?|pxl|wp|gopr|gh\d+|clip|film|movie|record(ing)?|photo|picture|image"
    r"|frame|screen|webcam|cam(era)?|sample|take|train|val|test|\d{5,})",
    re.IGNORECASE,
)
# Each way to name people, with the expression that finds it. Earlier ones are preferred.
_WAYS = (
    ("the folder between gesture and file", r"^[^/]+/([^/]+)/[^/]+$"),
    ("the part of a file's name before the first _", r"/([^/_]+)_[^/]*$"),
    ("the part of a file's name before the first -", r"/([^/-]+)-[^/]*$"),
    ("a word and number", r"(?:^|[/_-])((?:person|signer|subject|user|p|s)[_-]?\d+)(?=[/_.-])"),
)  # fmt: skip
# Share of the clips whose person must be seen with several gestures.
_IN_SEVERAL_CLASSES = 0.8


@dataclass(frozen=True)
class PeopleGuess:
    """The people that a regular expression finds: its first group is the person in a path."""

    regex: str
    way: str
    people: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.people[:6]) + (", ..." if len(self.people) > 6 else "")
        return f"{len(self.people)} people, by {self.way} ({shown})"


def guess_people(clips: Sequence[tuple[str, str]]) -> PeopleGuess | None:
    """Return how the paths of (path, label) name people, or None where nothing suggests that.

    A name counts as a person's only if it comes with several gestures: `wave_1.mp4` in the folder
    `wave` names the gesture.

    >>> paths = ["wave/anna_1.mp4", "wave/ben_1.mp4", "stop/anna_1.mp4", "stop/ben_1.mp4"]
    >>> guess = guess_people([(path, path.split("/")[0]) for path in paths])
    >>> guess.regex, guess.people
    ('/([^/_]+)_[^/]*$', ('anna', 'ben'))
    >>> guess_people([("wave/wave_1.mp4", "wave"), ("stop/stop_1.mp4", "stop")])
    """
    for way, regex in _WAYS:
        people = _people(clips, re.compile(regex, re.IGNORECASE))
        if people is not None:
            return PeopleGuess(f"(?i){regex}" if "person|" in regex else regex, way, people)
    return None


def _people(clips: Sequence[tuple[str, str]], pattern: re.Pattern[str]) -> tuple[str, ...] | None:
    """Return the people that a pattern finds in every path, or None if they cannot be people."""
    labels_of: dict[str, list[str]] = defaultdict(list)
    for path, label in clips:
        match = pattern.search(path)
        if match is None or _NO_NAME.fullmatch(match[1]) or match[1].lower() == label.lower():
            return None
        labels_of[match[1]].append(label)

    # One name for all says nothing, and a name for each clip is a number of the clip.
    if not 2 <= len(labels_of) <= len(clips) // 2:
        return None
    in_several = sum(len(labels) for labels in labels_of.values() if len(set(labels)) > 1)
    return tuple(sorted(labels_of)) if in_several >= _IN_SEVERAL_CLASSES * len(clips) else None
