"""MS-ASL and WLASL: JSON files, and a folder of clips or of whole videos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from action_recognition.data.labels import MAX_NUMBERED_LABELS, read_classes
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Seconds
from action_recognition.dataset_tools.importing.json_items import Item, json_list, schema_problem
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import UserError, user_error

_LONGEST_S, _LAST_FRAME, _HIGHEST_RATE_FPS = (
    1e6,
    10**8,
    1e4,
)  # nothing real is beyond; keeps infinite values out
_WLASL_RATE_FPS = 25.0  # "decoding with FPS=25", whatever the file's own rate is


class MsaslEntry(BaseModel):
    """Of MSASL_train.json, MSASL_val.json, MSASL_test.json; frames at `fps`, times in seconds; `label` counts from 0.

    Source: H. R. Vaezi Joze, O. Koller, "MS-ASL" (BMVC 2019), README of its download; signer -1 stands for "not known".
    """

    model_config = ConfigDict(extra="allow")
    url: str
    label: int = Field(ge=0, lt=MAX_NUMBERED_LABELS)
    clean_text: str
    start_time: float = Field(ge=0, lt=_LONGEST_S)
    end_time: float = Field(gt=0, lt=_LONGEST_S)
    start: int
    end: int
    fps: float = Field(gt=0, lt=_HIGHEST_RATE_FPS)
    signer_id: int = -1


class WlaslInstance(BaseModel):
    """Of WLASL_v0.3.json; frames are counted from 1 at 25 fps, an end of -1 is the video's.

    Source: D. Li et al., "Word-level Deep Sign Language Recognition from Video" (WACV 2020), README of github.com/dxli94/WLASL.
    """

    model_config = ConfigDict(extra="allow")
    video_id: str
    url: str = ""
    split: str = ""
    signer_id: int = -1
    frame_start: int = Field(default=1, lt=_LAST_FRAME)
    frame_end: int = Field(default=-1, lt=_LAST_FRAME)
    instance_id: int = 0


class WlaslEntry(BaseModel):
    model_config = ConfigDict(extra="allow")
    gloss: str
    instances: list[dict[str, object]]


def is_msasl(value: object) -> bool:
    """Whether an item of a JSON list looks like MS-ASL's."""
    return isinstance(value, dict) and {"url", "label", "start_time"} <= value.keys()


def is_wlasl(value: object) -> bool:
    """Whether an item of a JSON list looks like WLASL's."""
    return isinstance(value, dict) and "gloss" in value


def read_msasl(source: Path, options: SourceOptions) -> Found:
    """Clips of MS-ASL; the split is that of the file names, a class is a number whose name is in MSASL_classes.json or in the entries.

    Files are looked for as cut clips (`ID_START_END`, frames), then as whole videos (`ID`, that of YouTube).
    """
    patterns = ("{id}_{start}_{end}", "{id}_{start:06d}_{end:06d}", "{id}")
    reader = _Reader(
        source, options, patterns, is_msasl, '{"url", "label", "start_time", "end_time", ...}'
    )
    names: dict[int, str] = {}
    for file, item in reader.items():
        try:
            entry = MsaslEntry.model_validate(item.value)
        except ValidationError as error:
            reader.refuse(item.where, schema_problem(error))
            continue
        if options.num_classes is not None and entry.label >= options.num_classes:
            continue
        name = names.setdefault(entry.label, entry.clean_text.strip())
        clip = FoundClip(
            path="",
            label=name,
            where=item.where,
            split=named_split(file),
            person=None if entry.signer_id < 0 else str(entry.signer_id),
            span=Seconds(entry.start_time, entry.end_time),
            frame_rate_fps=entry.fps,
        )
        number = int(item.where.rpartition(" ")[2]) - 1
        reader.add(
            clip,
            id=video_id(entry.url),
            start=entry.start,
            end=entry.end,
            label=entry.label,
            index=number,
        )
    classes_file = reader.folder / "MSASL_classes.json"
    if classes_file.is_file():
        return reader.result(read_classes(classes_file)[: options.num_classes])
    return reader.result([names[label] for label in sorted(names)])


def read_wlasl(source: Path, options: SourceOptions) -> Found:
    """Clips of WLASL with the split that its entries state, in the order of its glosses.

    Files are looked for by `video_id` (cut or whole), then as whole videos by the id of YouTube.
    """
    reader = _Reader(
        source, options, ("{video_id}", "{id}"), is_wlasl, '{"gloss", "instances": [...]}'
    )
    classes: list[str] = []
    for _, item in reader.items():
        try:
            entry = WlaslEntry.model_validate(item.value)
        except ValidationError as error:
            reader.refuse(item.where, schema_problem(error))
            continue
        if options.num_classes is not None and len(classes) == options.num_classes:
            break
        classes.append(entry.gloss.strip())
        for number, value in enumerate(entry.instances, start=1):
            _add_instance(reader, entry.gloss.strip(), f"{item.where} instance {number}", value)
    return reader.result(list(dict.fromkeys(classes)))


def _add_instance(reader: _Reader, gloss: str, where: str, value: object) -> None:
    try:
        instance = WlaslInstance.model_validate(value)
    except ValidationError as error:
        reader.refuse(where, schema_problem(error))
        return
    end_s = None if instance.frame_end < 0 else instance.frame_end / _WLASL_RATE_FPS
    clip = FoundClip(
        path="",
        label=gloss,
        where=where,
        split=named_split(Path(instance.split)),
        person=None if instance.signer_id < 0 else str(instance.signer_id),
        span=Seconds(max(0, instance.frame_start - 1) / _WLASL_RATE_FPS, end_s),
        frame_rate_fps=_WLASL_RATE_FPS,
    )
    fields = {
        "start": instance.frame_start,
        "end": instance.frame_end,
        "index": instance.instance_id,
    }
    reader.add(clip, id=video_id(instance.url), video_id=instance.video_id, label=gloss, **fields)


def video_id(url: str) -> str:
    """The id of a YouTube address; of another address, its file name without suffix.

    >>> video_id("www.youtube.com/watch?v=Pj7ONpWo7sg&t=3"), video_id("https://youtu.be/EhkIoTNxwGE"), video_id("https://a.b/c/d.mp4")
    ('Pj7ONpWo7sg', 'EhkIoTNxwGE', 'd')
    """
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
    except ValueError:
        return url
    ids = parse_qs(parts.query).get("v")
    return ids[0] if ids else Path(parts.path).stem


@dataclass
class _Reader:
    """Finds the files of entries; collects clips and what is left out."""

    source: Path
    options: SourceOptions
    patterns: tuple[str, ...]
    is_entry: Callable[[object], bool]
    example: str

    def __post_init__(self) -> None:
        self.folder = self.source if self.source.is_dir() else self.source.parent
        self.files = json_files(self.source, self.is_entry)
        if not self.files:
            raise user_error(
                str(self.source),
                "holds no JSON file of this format",
                f"a list of entries such as {self.example}",
            )
        self.index = MediaIndex(self.options.clips or self.folder)
        self.found = Found(self.index.root)
        self.num_refused = 0

    def items(self) -> list[tuple[Path, Item]]:
        return [(file, item) for file in self.files for item in json_list(file)]

    def refuse(self, where: str, reason: str) -> None:
        self.num_refused += 1
        self.found.leave_out(where, "", reason)

    def add(self, clip: FoundClip, **fields: str | int) -> None:
        given = self.options.clip_name
        match = self.index.find((given,) if given else self.patterns, **fields)
        if match.problem:
            self.found.leave_out(clip.where, match.path, match.problem)
            return
        # A file that is named for start and end, or by the user, holds the clip alone; one that is named by id may be the whole video.
        span = clip.span if match.pattern in ("{id}", "{video_id}") else None
        self.found.clips.append(dataclasses.replace(clip, path=match.path, span=span))

    def result(self, classes: list[str]) -> Found:
        if (
            self.num_refused
            and not self.found.clips
            and self.num_refused == len(self.found.left_out)
        ):
            remark = self.found.left_out[0]
            raise user_error(
                remark.where, f"no entry follows the schema of this format: {remark.reason}"
            )
        self.found.classes = classes
        self.found.warnings += self.index.unused_warning()
        return self.found


def json_files(source: Path, is_entry: Callable[[object], bool]) -> list[Path]:
    """The JSON files of a source whose first item is an entry."""
    files = sorted(source.glob("*.json")) if source.is_dir() else [source]
    return [file for file in files if is_entry(_first_item(file))]


def _first_item(file: Path) -> object:
    try:
        return next(json_list(file), Item("", None)).value
    except UserError:
        return None
