"""A look at the user's folder: what it holds, in which format, and who is in it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from action_recognition.building.film_folders import films_of_classes
from action_recognition.building.people import PeopleGuess, guess_people
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.importing.found import FoundClip
from action_recognition.dataset_tools.importing.import_dataset import negative_names
from action_recognition.dataset_tools.importing.recognise import read_source, recognise
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import user_error

Kind = Literal["clips", "photos"]
_OF_PHOTOS = ("photo_folders", "photo_names", "photo_table", "hagrid")
_LOOSE_DEPTH = 2  # CLASS/photo.jpg
_FOLDERS_OF: dict[Kind, str] = {"clips": "class_folders", "photos": "photo_folders"}


@dataclass(frozen=True)
class LookedAt:
    """A source of clips or photos, before any of its files is opened.

    `num_other` are the files of the other kind, which this run does not take. `mixed` holds the
    films where photos lie beside them: such folders need a list. `has_split` is True where the
    source has a train part and another one. `person_regex` and `negative_label` are those of the
    user, or a guess that `says` names.
    """

    format: str
    kind: Kind
    num_found: int
    num_classes: int
    num_other: int
    mixed: tuple[FoundClip, ...]
    has_split: bool
    people: tuple[str, ...]
    person_regex: str | None
    negative_label: str | None
    fingerprint: str
    says: tuple[str, ...]

    @property
    def folds_regex(self) -> str | None:
        """The expression by which folds keep two or more people apart, None where none can."""
        return self.person_regex if len(self.people) > 1 else None


@dataclass(frozen=True)
class Wishes:
    """Statements of the user about the source. None leaves it to the look at it."""

    kind: Kind | None = None
    person_regex: str | None = None
    no_people: bool = False
    negative_label: str | None = None


def look_at(source: Path, wishes: Wishes) -> LookedAt:
    """Find out what a source holds. Raises UserError: nothing that can be learned from."""
    if not source.exists():
        raise user_error(str(source), "there is no such file or folder")
    name = recognise(source)
    found_kinds = _kinds_below(source) if name in _FOLDERS_OF.values() else Counter()
    kind = _kind(source, name, found_kinds, wishes.kind)
    is_mixed = kind == "clips" and found_kinds["photos"] > 0
    format_name = _FOLDERS_OF[kind] if found_kinds else name
    # Where the format is recognised, more arrangements of folders are understood.
    read_as = "auto" if format_name == name else format_name
    about_films: list[str] = []
    if is_mixed:
        clips, about_films = films_of_classes(source, _films_below(source))
    else:
        clips = _read(source, read_as, kind)

    labels = sorted({clip.label for clip in clips})
    if len(labels) < 2:
        raise user_error(str(source), f"holds one class, {labels[0]!r}", "2 or more")
    people, regex, who = _people(clips, wishes)
    negative, about_negative = _negative(labels, wishes.negative_label)
    num_other = found_kinds["photos" if kind == "clips" else "clips"]
    says = [_what(format_name, kind, len(clips), len(labels)), *about_films, who]
    says += [about_negative, _about_parts(clips)]
    if num_other:
        says.append(_not_taken(kind, num_other))
    return LookedAt(
        format=read_as,
        kind=kind,
        num_found=len(clips),
        num_classes=len(labels),
        num_other=num_other,
        mixed=tuple(clips) if is_mixed else (),
        has_split=_has_split(clips),
        people=people,
        person_regex=regex,
        negative_label=negative,
        fingerprint=_fingerprint(source),
        says=tuple(filter(None, says)),
    )


def _kind(source: Path, name: str, counts: Counter[Kind], wish: Kind | None) -> Kind:
    """Return the kind to take. Of folders with films and photos these are the films."""
    if not counts:
        kind: Kind = "photos" if name in _OF_PHOTOS else "clips"
        if wish not in (None, kind):
            raise user_error(f"--kind {wish}", f"{source} holds {kind} ({name})", kind)
        return kind
    return wish or ("clips" if counts["clips"] or name == "class_folders" else "photos")


def _read(source: Path, format_name: str, kind: Kind) -> list[FoundClip]:
    """Return the clips of a source. Raises UserError: there is none."""
    found, _ = read_source(source, format_name, SourceOptions())
    if not found.clips:
        reasons = "; ".join(f"{left.path}: {left.reason}" for left in found.left_out[:5])
        raise user_error(str(source), f"holds no {kind}; {reasons}")
    return found.clips


def _has_split(clips: Sequence[FoundClip]) -> bool:
    """Return True if every clip is of a part, of which one is train and another is not."""
    parts = {clip.split for clip in clips}
    return None not in parts and "train" in parts and len(parts) > 1


def _about_parts(clips: Sequence[FoundClip]) -> str:
    """Return a line about parts that are no split, or nothing."""
    parts = sorted({clip.split for clip in clips if clip.split is not None})
    if not parts or _has_split(clips):
        return ""
    return f"the source's own {' and '.join(parts)} part is no split: all clips are divided anew"


def _films_below(source: Path) -> list[PurePosixPath]:
    """Return the paths of all films below the source, whatever lies beside them."""
    paths = (PurePosixPath(Path(file).relative_to(source)) for file in _files_below(source))
    return [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]


def _kinds_below(source: Path) -> Counter[Kind]:
    """Count films and photos in folders of classes. Images in folders of their own are frames."""
    counts: Counter[Kind] = Counter()
    with_films = {path.parent for path in _films_below(source)}
    for file in _files_below(source):
        path = Path(file).relative_to(source)
        if path.suffix.lower() in VIDEO_SUFFIXES:
            counts["clips"] += 1
        elif is_photo(Path(file)) and (
            len(path.parts) == _LOOSE_DEPTH or PurePosixPath(path.parent) in with_films
        ):
            counts["photos"] += 1
    return counts


def _files_below(source: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, hidden ones left out."""
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield str(Path(folder) / name)


def _fingerprint(source: Path) -> str:
    """Return a checksum over names, sizes and times of all files: it changes when the data do."""
    digest = hashlib.sha256()
    for file in _files_below(source) if source.is_dir() else [str(source)]:
        facts = Path(file).stat()
        digest.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _people(clips: Sequence[FoundClip], wishes: Wishes) -> tuple[tuple[str, ...], str | None, str]:
    """Return the people, the expression that finds them, and a line about both."""
    known = {clip.person for clip in clips if clip.person is not None}
    is_asked = wishes.person_regex is not None
    if known and not is_asked and all(clip.person is not None for clip in clips):
        return tuple(sorted(known)), None, f"{_count(known)}, as the source names them"
    unknown = "the people are not known, so the accuracy will say little about strangers"
    if wishes.no_people:
        return (), None, unknown
    if wishes.person_regex is not None:
        from action_recognition.data.people import people_by_regex

        named = set(people_by_regex((clip.path for clip in clips), wishes.person_regex).values())
        return tuple(sorted(named)), wishes.person_regex, f"{_count(named)}, by --person-regex"

    guess: PeopleGuess | None = guess_people([(clip.path, clip.label) for clip in clips])
    if guess is None:
        return (), None, f"{unknown}; name them in the files (wave/anna_1.mp4) or --person-regex"
    says = f"{guess}; where that is wrong, give --person-regex or --no-people"
    return guess.people, guess.regex, says


def _count(people: Collection[str]) -> str:
    return "1 person" if len(people) == 1 else f"{len(people)} people"


def _negative(labels: Sequence[str], stated: str | None) -> tuple[str | None, str]:
    """Return the class that means no gesture, and a line about it where it is a guess."""
    if stated is not None:
        if stated not in labels:
            raise user_error("--negative-label", f"no class {stated!r}", ", ".join(labels))
        return stated, ""
    named = negative_names(labels)
    if not named:
        return None, ""
    return named[0], f"class {named[0]!r} is taken for no gesture; --negative-label names another"


def _what(format_name: str, kind: Kind, num_found: int, num_classes: int) -> str:
    return f"{num_found} {kind} in {num_classes} classes ({format_name.replace('_', ' ')})"


def _not_taken(kind: Kind, num_other: int) -> str:
    other = "photos" if kind == "clips" else "clips"
    return f"{num_other} {other} lie there, too, and are not used: --kind {other} builds from them"
