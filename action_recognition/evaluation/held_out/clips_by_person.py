"""The people in annotated clips, by a regular expression over the paths below their data roots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.people import people_by_regex
from action_recognition.data.shards.path import ShardPath


def people_of_clips(
    records: Sequence[ClipRecord], roots: Sequence[Path], person_regex: str | None
) -> list[str]:
    """Return the people in clips, sorted, none without an expression."""
    if person_regex is None:
        return []
    paths = {_below_root(record.path, roots) for record in records}
    return sorted(set(people_by_regex(sorted(paths), person_regex).values()))


def clip_groups(
    records: Sequence[ClipRecord], roots: Sequence[Path], person_regex: str | None
) -> dict[str, int]:
    """Return a number for the person in each clip, by the clip's annotation line.

    Without an expression every file is its own group.
    """
    people = {record.line: _below_root(record.path, roots) for record in records}
    if person_regex is not None:
        people = {
            line: people_by_regex([name], person_regex)[name] for line, name in people.items()
        }

    # Numbers in the order in which the people come.
    numbers = {person: number for number, person in enumerate(dict.fromkeys(people.values()))}
    return {line: numbers[person] for line, person in people.items()}


def _below_root(path: MediaPath, roots: Sequence[Path]) -> str:
    """Return a clip's path below its data root, or the path within its shard."""
    if isinstance(path, ShardPath):
        return path.inner

    # The first root that holds the clip, or the whole path.
    below = (str(path.relative_to(root)) for root in roots if path.is_relative_to(root))
    return next(below, str(path))
