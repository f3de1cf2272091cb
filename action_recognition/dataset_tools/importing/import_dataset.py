"""From what a reader found to a data set: people, opened files, splits."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from action_recognition.data.annotation_lines import Numbers, annotation_line
from action_recognition.data.dataset_files import SPLITS, Split
from action_recognition.data.path_check import PathChecker
from action_recognition.data.people import people_by_regex
from action_recognition.data.video import VideoInfo, probe, set_decode_threads
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Remark
from action_recognition.dataset_tools.importing.placing import CannotPlace, place_clip
from action_recognition.dataset_tools.splitting import missing_lines, person_groups, split_clips
from action_recognition.errors import UserError, nearest, user_error

_NEGATIVE_NAME = re.compile(
    r"(no|non)[ _-]?gestures?|nothing|none|background|negatives?", re.IGNORECASE
)

Progress = Callable[[int, int], None]
"""Called with (done, total) as files are opened."""


@dataclass(frozen=True)
class SplitOptions:
    """How clips are split: `resplit` ignores the split of the source; `fractions` of train, val and test sum to 1."""

    person_regex: str | None = None
    fractions: Sequence[float] = (0.7, 0.15, 0.15)
    seed: int = 0
    resplit: bool = False


@dataclass(frozen=True)
class ImportOptions:
    """What does not depend on the format: `frame_rate_fps` is that of frame folders."""

    split: SplitOptions = field(default_factory=SplitOptions)
    classes: Sequence[str] | None = None
    negative_label: str | None = None
    frame_rate_fps: float | None = None
    jobs: int = 2


@dataclass(frozen=True)
class DataSet:
    """What is written: lines and clips of each split, in the order of paths, and all that is to be said about them."""

    data_root: Path
    classes: list[str]
    clips: dict[Split, list[tuple[FoundClip, str]]]
    left_out: list[Remark]
    changed: list[Remark]
    warnings: list[str]
    split_by: str


def make_data_set(
    found: Found, options: ImportOptions, progress: Progress = lambda done, total: None
) -> DataSet:
    """Open every file that was found, place its clips and split them; a `UserError` says when no clip is left."""
    found = dataclasses.replace(
        found,
        left_out=list(found.left_out),
        changed=list(found.changed),
        warnings=list(found.warnings),
    )
    if options.split.person_regex is not None:
        people = people_by_regex((clip.path for clip in found.clips), options.split.person_regex)
        found.clips = [dataclasses.replace(clip, person=people[clip.path]) for clip in found.clips]
    placed = _placed(found, options, progress)
    classes = _classes([clip for clip, _ in placed], options.classes or found.classes, found)
    lined = _lines(placed, classes, found)
    if not lined:
        reasons = [f"{remark.where}: {remark.reason}" for remark in found.left_out[:5]]
        raise user_error(
            str(found.data_root), "no clip is left of those found; " + "; ".join(reasons)
        )
    _say_how_to_state_negatives(classes, options, found)
    if options.negative_label is not None and options.negative_label not in classes:
        also = nearest(options.negative_label, classes)
        raise user_error(
            "--negative-label",
            f"no class {options.negative_label!r}{also}",
            f"one of: {', '.join(classes)}",
        )
    splits, split_by = _splits([clip for clip, _ in lined], classes, options.split, found)
    clips = {
        name: [item for item, split in zip(lined, splits, strict=True) if split == name]
        for name in SPLITS
    }
    return DataSet(
        found.data_root, classes, clips, found.left_out, found.changed, found.warnings, split_by
    )


def _say_how_to_state_negatives(
    classes: Sequence[str], options: ImportOptions, found: Found
) -> None:
    """A warning where a class is named as negatives are and nobody said that it holds them."""
    named_so = [name for name in classes if _NEGATIVE_NAME.fullmatch(name)]
    if named_so and options.negative_label is None:
        found.warnings.append(
            f"class {named_so[0]!r} is taken for a gesture as the others; where it means no gesture, give --negative-label {named_so[0]!r}"
        )


def probe_all(
    root: Path, paths: Sequence[str], jobs: int, progress: Progress
) -> dict[str, VideoInfo | str]:
    """What each file or frame folder holds, or why it cannot be read; opened in `jobs` threads."""

    def look(path: str) -> VideoInfo | str:
        try:
            return probe(root / path)
        except UserError as error:
            return error.problems[0].found

    found: dict[str, VideoInfo | str] = {}
    set_decode_threads(1)  # the files are the parallel part
    pool = ThreadPoolExecutor(jobs)
    try:
        for done, (path, info) in enumerate(
            zip(paths, pool.map(look, paths), strict=True), start=1
        ):
            found[path] = info
            progress(done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _placed(
    found: Found, options: ImportOptions, progress: Progress
) -> list[tuple[FoundClip, Numbers | None]]:
    """Clips whose file exists, lies under the root, can be read and holds them; the others are left out."""
    checker = PathChecker(found.data_root)
    sound = []
    for clip in found.clips:
        problem = checker.check(clip.path)[1]
        if problem:
            found.leave_out(clip.where, clip.path, problem)
        else:
            sound.append(clip)
    infos = probe_all(
        found.data_root, list(dict.fromkeys(clip.path for clip in sound)), options.jobs, progress
    )
    placed: list[tuple[FoundClip, Numbers | None]] = []
    for clip in sound:
        info = infos[clip.path]
        try:
            if isinstance(info, str):
                raise CannotPlace(info)
            numbers, change = place_clip(
                clip, info, options.frame_rate_fps or found.folder_rate_fps
            )
        except CannotPlace as error:
            found.leave_out(clip.where, clip.path, str(error))
            continue
        if change:
            found.changed.append(Remark(clip.where, clip.path, change))
        placed.append((clip, numbers))
    return placed


def _classes(clips: Sequence[FoundClip], known: Sequence[str] | None, found: Found) -> list[str]:
    """The classes in label order: those known, else those in use, sorted (names that are numbers as numbers)."""
    used = {clip.label for clip in clips}
    if known is None:
        return sorted(
            used, key=(lambda name: (int(name), name)) if all(map(str.isdecimal, used)) else None
        )
    unused = [name for name in known if name not in used]
    if unused:
        found.warnings.append(
            f"{len(unused)} of {len(known)} classes have no clip: {_some(unused, 10)}"
        )
    return list(known)


def _lines(
    placed: Sequence[tuple[FoundClip, Numbers | None]], classes: Sequence[str], found: Found
) -> list[tuple[FoundClip, str]]:
    """Clips with their annotation lines; what cannot be told from its line again is left out."""
    label_of = {name: number for number, name in enumerate(classes)}
    lined: list[tuple[FoundClip, str]] = []
    seen: dict[str, str] = {}
    for clip, numbers in sorted(placed, key=lambda item: (item[0].path, item[1] or ())):
        if clip.label not in label_of:
            found.leave_out(
                clip.where, clip.path, f"its class {clip.label!r} is not among the classes"
            )
            continue
        line = annotation_line(clip.path, str(label_of[clip.label]), numbers)
        if line is None:
            found.leave_out(
                clip.where,
                clip.path,
                "its name cannot stand in an annotation line (line break, blank at its end); rename it",
            )
        elif line in seen:
            found.leave_out(clip.where, clip.path, f"is the same clip as {seen[line]}")
        else:
            seen[line] = clip.where
            lined.append((clip, line))
    return lined


def _splits(
    clips: Sequence[FoundClip], classes: Sequence[str], options: SplitOptions, found: Found
) -> tuple[list[Split], str]:
    """The split of every clip, and by what they were split."""
    stated = [clip.split for clip in clips if clip.split is not None]
    if len(stated) == len(clips) and not options.resplit:
        _warn_of_shared_people(clips, found)
        absent = [name for name in SPLITS if name not in stated]
        if absent:
            found.warnings.append(
                f"the split of the source, which is kept, has no {' and no '.join(absent)} part; --resplit makes all three"
            )
        return stated, "the source"
    if stated and not options.resplit:
        found.warnings.append(
            f"{len(clips) - len(stated)} of {len(clips)} clips have no split in the source: all are split anew"
        )
    groups, said = person_groups(
        [clip.person for clip in clips], [clip.path for clip in clips], options.fractions
    )
    found.warnings += said
    label_of = {name: number for number, name in enumerate(classes)}
    plan = split_clips(
        groups, [label_of[clip.label] for clip in clips], options.fractions, options.seed
    )
    found.warnings += missing_lines(plan, SPLITS, classes, options.fractions)
    num_without = sum(clip.person is None for clip in clips)
    split_by = {0: "person", len(clips): "file"}.get(
        num_without, "person, or file where the person is not known"
    )
    return [SPLITS[part] for part in plan.parts], split_by


def _warn_of_shared_people(clips: Sequence[FoundClip], found: Found) -> None:
    splits: dict[str, set[str]] = {}
    for clip in clips:
        if clip.person is not None and clip.split is not None:
            splits.setdefault(clip.person, set()).add(clip.split)
    shared = sorted(person for person, names in splits.items() if len(names) > 1)
    if shared:
        found.warnings.append(
            f"the split of the source, which is kept, has {len(shared)} people in more than one part "
            f"({_some(shared, 5)}); --resplit makes one without"
        )


def _some(names: Sequence[str], shown: int) -> str:
    return ", ".join(names[:shown]) + (" ..." if len(names) > shown else "")
