"""Long videos with the gestures in them: `streams.json`, and annotation files read the same way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from action_recognition.data.annotations import ClipRecord, find_annotation_files, read_annotations
from action_recognition.data.path_check import PathChecker
from action_recognition.data.video import container_frame_rate, count_frames
from action_recognition.errors import Problem, UserError, nearest, user_error

STREAMS_FILE = "streams.json"
_FORM = '{"streams": [{"path": "a.mp4", "duration_s": 60, "events": [{"label": "wave", "start_s": 3.5, "end_s": 5}], "cuts_s": [8.2]}]}'


@dataclass(frozen=True, slots=True)
class MarkedEvent:
    """A gesture from `start_s` to `end_s`, in seconds from the video's first frame."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class AnnotatedStream:
    """A video or frame folder, its length, what is made in it, and where it is cut together."""

    path: Path
    duration_s: float
    events: tuple[MarkedEvent, ...]
    cuts_s: tuple[float, ...] = ()


def read_streams(
    files: Sequence[Path], roots: Sequence[Path], labels: Sequence[str], negative_label: str | None
) -> list[AnnotatedStream]:
    """The streams of all files: `.json` as `write_streams` makes them, or annotation files, of which all lines of a path are one stream.

    Events of `negative_label` are left out: nothing is to be said there. A `UserError` lists the problems of all files.
    """
    pairs = find_annotation_files(files, roots)
    texts = [pair for pair in pairs if pair[0].suffix != ".json"]
    streams = (
        _grouped(
            read_annotations([file for file, _ in texts], [root for _, root in texts], labels),
            labels,
        )
        if texts
        else []
    )
    problems: list[Problem] = []
    for file, root in pairs:
        if file.suffix == ".json":
            streams += _Reader(file, root, labels, problems).streams()
    if problems:
        raise UserError(problems)
    return [
        AnnotatedStream(
            item.path,
            item.duration_s,
            tuple(event for event in item.events if event.label != negative_label),
            item.cuts_s,
        )
        for item in streams
    ]


def write_streams(file: Path, streams: Sequence[AnnotatedStream]) -> None:
    """Paths relative to the file's folder; written beside, then renamed."""
    entries = [
        {
            "path": item.path.relative_to(file.parent).as_posix(),
            "duration_s": round(item.duration_s, 3),
            "events": [
                {
                    "label": event.label,
                    "start_s": round(event.start_s, 3),
                    "end_s": round(event.end_s, 3),
                }
                for event in item.events
            ],
            "cuts_s": [round(cut_s, 3) for cut_s in item.cuts_s],
        }
        for item in streams
    ]
    partial = file.with_name(f".{file.name}.part")
    partial.write_text(
        json.dumps({"streams": entries}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    partial.replace(file)


def _grouped(records: Sequence[ClipRecord], labels: Sequence[str]) -> list[AnnotatedStream]:
    by_path: dict[Path, list[ClipRecord]] = {}
    for record in records:
        if not isinstance(record.path, Path):
            raise user_error(record.line, "lies in a shard", "a video file or a frame folder")
        by_path.setdefault(record.path, []).append(record)
    streams = []
    for path, lines in by_path.items():
        rate = container_frame_rate(path) or lines[0].frame_rate_fps
        if not rate:
            raise user_error(
                lines[0].line, "neither the line nor the file says the frame rate", "seven columns"
            )
        num_frames = count_frames(path)
        events = [
            MarkedEvent(
                labels[line.label],
                line.clip_start / rate,
                (num_frames if line.is_whole_video else line.clip_end) / rate,
            )
            for line in lines
        ]
        streams.append(AnnotatedStream(path, num_frames / rate, tuple(events)))
    return streams


@dataclass
class _Reader:
    """One JSON file; what is wrong goes to `problems`."""

    file: Path
    root: Path
    labels: Sequence[str]
    problems: list[Problem]

    def streams(self) -> list[AnnotatedStream]:
        try:
            entries = json.loads(self.file.read_text(encoding="utf-8"))["streams"]
            assert isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            self.problems.append(Problem(str(self.file), "is no list of streams", _FORM))
            return []
        paths = PathChecker(self.root)
        found = [
            self._stream(f"{self.file}: stream {number}", entry, paths)
            for number, entry in enumerate(entries, start=1)
        ]
        return [stream for stream in found if stream is not None]

    def _stream(
        self, where: str, entry: dict[str, Any], paths: PathChecker
    ) -> AnnotatedStream | None:
        path, problem = paths.check(str(entry.get("path", "")))
        num_before = len(self.problems)
        if problem:
            self.problems.append(Problem(where, problem))
        duration_s = entry.get("duration_s")
        if not _is_time(duration_s) or not duration_s:
            self.problems.append(
                Problem(f"{where}: duration_s", f"found {duration_s!r}", "seconds above 0")
            )
            return None
        events, cuts = entry.get("events", []), entry.get("cuts_s", [])
        if (
            not isinstance(events, list)
            or not isinstance(cuts, list)
            or not all(map(_is_time, cuts))
        ):
            self.problems.append(Problem(where, "events or cuts_s are no lists", _FORM))
            return None
        marked = [
            self._event(f"{where}: event {number}", event)
            for number, event in enumerate(events, start=1)
        ]
        if len(self.problems) > num_before:
            return None
        return AnnotatedStream(
            path,
            float(duration_s),
            tuple(event for event in marked if event),
            tuple(map(float, cuts)),
        )

    def _event(self, where: str, event: object) -> MarkedEvent | None:
        values = event if isinstance(event, dict) else {}
        label, start_s, end_s = values.get("label"), values.get("start_s"), values.get("end_s")
        if label not in self.labels:
            self.problems.append(
                Problem(
                    where,
                    f"no class {label!r}{nearest(str(label), self.labels)}",
                    ", ".join(self.labels),
                )
            )
        elif _is_time(start_s) and _is_time(end_s) and start_s < end_s:
            return MarkedEvent(str(label), float(start_s), float(end_s))
        else:
            self.problems.append(
                Problem(where, f"from {start_s!r} to {end_s!r}", "start_s below end_s, in seconds")
            )
        return None


def _is_time(value: Any) -> TypeGuard[float]:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    )
