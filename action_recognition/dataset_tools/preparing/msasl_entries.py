"""Entries of MS-ASL's JSON files, with the boxes of their signers, grouped by video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from action_recognition.data.dataset_files import Split
from action_recognition.data.labels import read_classes
from action_recognition.dataset_tools.importing.formats.sign_sets import MsaslEntry, video_id
from action_recognition.dataset_tools.importing.found import Remark
from action_recognition.dataset_tools.importing.json_items import json_list, schema_problem
from action_recognition.dataset_tools.importing.source import named_split
from action_recognition.errors import Problem, UserError, user_error

CLASSES_FILE = "MSASL_classes.json"
_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
_UNSAFE_ID = "the id in its address cannot be the name of a file"


class BoxedEntry(MsaslEntry):
    """An entry with `box`: y_min, x_min, y_max, x_max of the signer, in parts of the picture.

    Source: README of MS-ASL's download. The original's `extract_msasl_frames.py` reads it in this
    order.
    """

    box: tuple[float, float, float, float] = Field()


class NormalBox(NamedTuple):
    """Corners in parts of the picture's width and height."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignEntry:
    """One sign in one video: frames `start` to `end` (exclusive) at `frame_rate_fps`.

    `where` is `file:line entry N`.
    """

    video: str
    where: str
    url: str
    split: Split
    label: int
    start: int
    end: int
    frame_rate_fps: float
    box: NormalBox
    signer: str | None


@dataclass
class MsaslAnnotation:
    """All usable entries in the order of video and time, and remarks about the others.

    `lost` has split and label of the entries that are left out, where these are known.
    """

    classes: list[str]
    entries: list[SignEntry] = field(default_factory=list)
    left_out: list[Remark] = field(default_factory=list)
    lost: list[tuple[Split, str]] = field(default_factory=list)

    def by_video(self) -> dict[str, list[SignEntry]]:
        """Return the entries of every video."""
        videos: dict[str, list[SignEntry]] = {}
        for entry in self.entries:
            videos.setdefault(entry.video, []).append(entry)
        return videos


def safe_video_id(url: str) -> str | None:
    """Return the id of a video, or None if it cannot be the name of a file.

    >>> safe_video_id("www.youtube.com/watch?v=Pj7ONpWo7sg")
    'Pj7ONpWo7sg'
    >>> safe_video_id("https://youtube.com/watch?v=../../etc") is None
    True
    """
    name = video_id(url)
    return name if _SAFE_ID.fullmatch(name) and ".." not in name else None


def read_msasl_files(files: Sequence[Path], classes_file: Path | None = None) -> MsaslAnnotation:
    """Read the entries of MSASL_train.json, MSASL_val.json and MSASL_test.json.

    The class names come from `classes_file`, else from MSASL_classes.json beside the first file.
    Raises UserError: files are missing, have no split in their name, or hold no usable entry.
    """
    _check_files(files)
    names = classes_file or files[0].parent / CLASSES_FILE
    if not names.is_file():
        raise user_error(
            str(names),
            "the names of the classes are missing",
            fix="take the file from the same archive, or give --classes-file",
        )

    annotation = MsaslAnnotation(read_classes(names))
    for file in files:
        _add_file(annotation, file)
    annotation.entries.sort(key=lambda entry: (entry.video, entry.start, entry.end, entry.where))
    return annotation


def _check_files(files: Sequence[Path]) -> None:
    """Raise UserError for all files that are missing or have no split in their name."""
    missing = [Problem(str(file), "there is no such file") for file in files if not file.is_file()]
    unnamed = [
        Problem(str(file), "has no split in its name", "train, val or test in its name")
        for file in files
        if not named_split(file)
    ]
    if missing or unnamed:
        raise UserError([*missing, *unnamed])


def _add_file(annotation: MsaslAnnotation, file: Path) -> None:
    """Add the entries of a file.

    Raises UserError: none of them follows the schema.
    """
    split = named_split(file)
    assert split is not None

    num_before = len(annotation.entries) + len(annotation.lost)
    first_problem = f"{file}: holds no entry"
    for item in json_list(file):
        try:
            entry = BoxedEntry.model_validate(item.value)
        except ValidationError as error:
            annotation.left_out.append(Remark(item.where, "", schema_problem(error)))
            first_problem = f"{item.where}: {schema_problem(error)}"
        else:
            _add_entry(annotation, entry, item.where, split)

    if len(annotation.entries) + len(annotation.lost) == num_before:
        found = f"no entry follows the schema of MS-ASL ({first_problem})"
        raise user_error(str(file), found, '{"url", "label", "start", "box", ...}')


def _add_entry(annotation: MsaslAnnotation, entry: BoxedEntry, where: str, split: Split) -> None:
    """Add an entry, or leave it out."""
    # Without a known class, an entry does not count among the lost ones.
    last_label = len(annotation.classes) - 1
    if entry.label > last_label:
        reason = f"its label {entry.label} is above {last_label}, the last class"
        annotation.left_out.append(Remark(where, entry.url, reason))
        return

    video = safe_video_id(entry.url)
    reason = _problem(entry) if video is not None else _UNSAFE_ID
    if reason or video is None:
        annotation.left_out.append(Remark(where, entry.url, reason))
        annotation.lost.append((split, annotation.classes[entry.label]))
    else:
        annotation.entries.append(_sign_entry(entry, video, where, split))


def _sign_entry(entry: BoxedEntry, video: str, where: str, split: Split) -> SignEntry:
    """Return a checked entry in the form that the preparation uses."""
    y_min, x_min, y_max, x_max = entry.box
    return SignEntry(
        video=video,
        where=where,
        url=entry.url,
        split=split,
        label=entry.label,
        start=entry.start,
        end=entry.end,
        frame_rate_fps=entry.fps,
        box=NormalBox(x_min, y_min, x_max, y_max),
        # A negative number stands for an unknown signer.
        signer=None if entry.signer_id < 0 else str(entry.signer_id),
    )


def _problem(entry: BoxedEntry) -> str:
    """Return why the box or the time of an entry cannot be used, or an empty string."""
    y_min, x_min, y_max, x_max = entry.box
    if not (x_min < x_max and y_min < y_max):
        return f"its box {list(entry.box)} has no area (y_min, x_min, y_max, x_max)"
    # A box may reach over an edge, but must meet the picture.
    if not (x_min < 1 and y_min < 1 and x_max > 0 and y_max > 0):
        return f"its box {list(entry.box)} is outside the picture"
    if entry.end - entry.start <= 1 or entry.start < 0:
        return f"its time, frame {entry.start} to {entry.end}, is empty"
    return ""
