"""Read MS-ASL and WLASL: JSON files, and a folder of clips or of whole videos."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from action_recognition.data.labels import MAX_NUMBERED_LABELS, read_classes
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Seconds
from action_recognition.dataset_tools.importing.json_items import EntryReader
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split

# Nothing real is beyond these limits. They keep infinite values out.
_LONGEST_S, _LAST_FRAME, _HIGHEST_RATE_FPS = 1e6, 10**8, 1e4
# "decoding with FPS=25", whatever the file's own rate is
_WLASL_RATE_FPS = 25.0
_MSASL_PATTERNS = ("{id}_{start}_{end}", "{id}_{start:06d}_{end:06d}", "{id}")
_MSASL_EXAMPLE = '{"url", "label", "start_time", "end_time", ...}'
_WLASL_PATTERNS = ("{video_id}", "{id}")
_WLASL_EXAMPLE = '{"gloss", "instances": [...]}'


class MsaslEntry(BaseModel):
    """An entry of MSASL_train.json, MSASL_val.json or MSASL_test.json.

    Frames are at `fps`, times in seconds. `label` counts from 0. Signer -1 means "not known".

    Source: H. R. Vaezi Joze, O. Koller, "MS-ASL" (BMVC 2019), README of its download.
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
    """An instance of WLASL_v0.3.json.

    Frames are counted from 1 at 25 fps. An end of -1 is the video's.

    Source: D. Li et al., "Word-level Deep Sign Language Recognition from Video" (WACV 2020), README
    of github.com/dxli94/WLASL.
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
    """An entry of WLASL_v0.3.json: a gloss with its instances."""

    model_config = ConfigDict(extra="allow")
    gloss: str
    instances: list[dict[str, object]]


def is_msasl(value: object) -> bool:
    """Return True for an item of a JSON list that looks like MS-ASL's."""
    return isinstance(value, dict) and {"url", "label", "start_time"} <= value.keys()


def is_wlasl(value: object) -> bool:
    """Return True for an item of a JSON list that looks like WLASL's."""
    return isinstance(value, dict) and "gloss" in value


def read_msasl(source: Path, options: SourceOptions) -> Found:
    """Read clips of MS-ASL, with the split that the file names tell.

    A class is a number, whose name is in MSASL_classes.json or in the entries. Files are looked
    for as cut clips (`ID_START_END`, frames), then as whole videos (`ID`, that of YouTube).
    """
    reader = EntryReader(source, options, _MSASL_PATTERNS, is_msasl, _MSASL_EXAMPLE)
    names: dict[int, str] = {}
    for file, item in reader.items():
        entry = reader.validated(MsaslEntry, item.where, item.value)
        if entry is None:
            continue
        if options.num_classes is not None and entry.label >= options.num_classes:
            continue
        name = names.setdefault(entry.label, entry.clean_text.strip())
        _add_entry(reader, entry, item.where, name, file)

    classes_file = reader.files[0].parent / "MSASL_classes.json"
    if classes_file.is_file():
        return reader.result(read_classes(classes_file)[: options.num_classes])
    return reader.result([names[label] for label in sorted(names)])


def read_wlasl(source: Path, options: SourceOptions) -> Found:
    """Read clips of WLASL with the split that its entries state, in the order of its glosses.

    Files are looked for by `video_id` (cut or whole), then as whole videos by the id of YouTube.
    """
    reader = EntryReader(source, options, _WLASL_PATTERNS, is_wlasl, _WLASL_EXAMPLE)
    classes: list[str] = []
    for _, item in reader.items():
        entry = reader.validated(WlaslEntry, item.where, item.value)
        if entry is None:
            continue
        if options.num_classes is not None and len(classes) == options.num_classes:
            break
        gloss = entry.gloss.strip()
        classes.append(gloss)
        for number, value in enumerate(entry.instances, start=1):
            _add_instance(reader, gloss, f"{item.where} instance {number}", value)
    return reader.result(list(dict.fromkeys(classes)))


def _add_entry(reader: EntryReader, entry: MsaslEntry, where: str, name: str, file: Path) -> None:
    """Add the clip of an entry of MS-ASL."""
    clip = FoundClip(
        path="",
        label=name,
        where=where,
        split=named_split(file),
        person=_person(entry.signer_id),
        span=Seconds(entry.start_time, entry.end_time),
        frame_rate_fps=entry.fps,
    )
    # `where` ends with the number of the entry, from 1. Names of clips count from 0.
    index = int(where.rpartition(" ")[2]) - 1
    fields = {"start": entry.start, "end": entry.end, "label": entry.label, "index": index}
    reader.add(clip, id=video_id(entry.url), **fields)


def _add_instance(reader: EntryReader, gloss: str, where: str, value: object) -> None:
    """Add the clip of an instance of WLASL, or leave out one of another schema."""
    instance = reader.validated(WlaslInstance, where, value)
    if instance is None:
        return

    clip = FoundClip(
        path="",
        label=gloss,
        where=where,
        split=named_split(Path(instance.split)),
        person=_person(instance.signer_id),
        span=_span(instance),
        frame_rate_fps=_WLASL_RATE_FPS,
    )
    index = instance.instance_id
    fields = {"start": instance.frame_start, "end": instance.frame_end, "index": index}
    reader.add(clip, id=video_id(instance.url), video_id=instance.video_id, label=gloss, **fields)


def _span(instance: WlaslInstance) -> Seconds:
    # The first frame is number 1.
    start_s = max(0, instance.frame_start - 1) / _WLASL_RATE_FPS
    end_s = None if instance.frame_end < 0 else instance.frame_end / _WLASL_RATE_FPS
    return Seconds(start_s, end_s)


def _person(signer_id: int) -> str | None:
    return None if signer_id < 0 else str(signer_id)


def video_id(url: str) -> str:
    """Return the id of a YouTube address, or the file name of another one without suffix.

    >>> video_id("www.youtube.com/watch?v=Pj7ONpWo7sg&t=3")
    'Pj7ONpWo7sg'
    >>> video_id("https://youtu.be/EhkIoTNxwGE"), video_id("https://a.b/c/d.mp4")
    ('EhkIoTNxwGE', 'd')
    """
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
    except ValueError:
        return url
    ids = parse_qs(parts.query).get("v")
    return ids[0] if ids else Path(parts.path).stem
