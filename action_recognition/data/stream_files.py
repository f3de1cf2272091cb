"""Streams with the gestures in them: `streams.json`, and annotation files read the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from action_recognition.data.annotations import ClipRecord, find_annotation_files, read_annotations
from action_recognition.data.path_check import PathChecker
from action_recognition.data.video import container_frame_rate, count_frames
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.files import write_json
from action_recognition.json_files import parse_json

STREAMS_FILE = "streams.json"
_FORM = (
    '{"streams": [{"path": "a.mp4", "duration_s": 60, '
    '"events": [{"label": "wave", "start_s": 3.5, "end_s": 5}], "cuts_s": [8.2]}]}'
)


@dataclass(frozen=True, slots=True)
class MarkedEvent:
    """A gesture from `start_s` to `end_s`, in seconds from the video's first frame."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class AnnotatedStream:
    """A video or frame folder, its length, the gestures in it, and the places of its cuts."""

    path: Path
    duration_s: float
    events: tuple[MarkedEvent, ...]
    cuts_s: tuple[float, ...] = ()


def read_streams(
    files: Sequence[Path], roots: Sequence[Path], labels: Sequence[str], negative_label: str | None
) -> list[AnnotatedStream]:
    """Read the streams of all files.

    A `.json` is as `write_streams` makes it. Of an annotation file, all lines of a path are one
    stream. Events of `negative_label` are left out, because no gesture is expected there.

    Raises UserError: the problems of all files.
    """
    pairs = find_annotation_files(files, roots)
    streams: list[AnnotatedStream] = []
    # All annotation files together, so that a path in several of them is one stream.
    texts = [pair for pair in pairs if pair[0].suffix != ".json"]
    if texts:
        records = read_annotations([file for file, _ in texts], [root for _, root in texts], labels)
        streams += _grouped(records, labels)

    problems: list[Problem] = []
    for file, root in pairs:
        if file.suffix == ".json":
            streams += _Reader(file, root, labels, problems).streams()
    if problems:
        raise UserError(problems)
    return [_without(stream, negative_label) for stream in streams]


def _without(stream: AnnotatedStream, label: str | None) -> AnnotatedStream:
    events = tuple(event for event in stream.events if event.label != label)
    return dataclasses.replace(stream, events=events)


def write_streams(file: Path, streams: Sequence[AnnotatedStream]) -> None:
    """Write `streams.json` atomically, with paths relative to the file's folder."""
    entries = [
        {
            "path": stream.path.relative_to(file.parent).as_posix(),
            "duration_s": round(stream.duration_s, 3),
            "events": [_event_entry(event) for event in stream.events],
            "cuts_s": [round(cut_s, 3) for cut_s in stream.cuts_s],
        }
        for stream in streams
    ]
    write_json(file, {"streams": entries}, ensure_ascii=False)


def _event_entry(event: MarkedEvent) -> dict[str, Any]:
    start_s, end_s = round(event.start_s, 3), round(event.end_s, 3)
    return {"label": event.label, "start_s": start_s, "end_s": end_s}


def _grouped(records: Sequence[ClipRecord], labels: Sequence[str]) -> list[AnnotatedStream]:
    """Return one stream for all lines of a path. Raises UserError: a line that makes no stream."""
    by_path: dict[Path, list[ClipRecord]] = {}
    for record in records:
        if not isinstance(record.path, Path):
            raise user_error(record.line, "lies in a shard", "a video file or a frame folder")
        by_path.setdefault(record.path, []).append(record)
    return [_stream_of_lines(path, lines, labels) for path, lines in by_path.items()]


def _stream_of_lines(
    path: Path, lines: Sequence[ClipRecord], labels: Sequence[str]
) -> AnnotatedStream:
    rate = container_frame_rate(path) or lines[0].frame_rate_fps
    if not rate:
        found = "neither the line nor the file states the frame rate"
        raise user_error(lines[0].line, found, "seven columns")

    num_frames = count_frames(path)
    events = []
    for line in lines:
        end = num_frames if line.is_whole_video else line.clip_end
        events.append(MarkedEvent(labels[line.label], line.clip_start / rate, end / rate))
    return AnnotatedStream(path, num_frames / rate, tuple(events))


@dataclass
class _Reader:
    """Reads one JSON file. Its errors go to `problems`."""

    file: Path
    root: Path
    labels: Sequence[str]
    problems: list[Problem]

    def streams(self) -> list[AnnotatedStream]:
        """Return the streams of the file that have no problem."""
        try:
            entries = parse_json(self.file.read_text(encoding="utf-8"))["streams"]
            assert isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            self._add(str(self.file), "is not a list of streams", _FORM)
            return []

        paths = PathChecker(self.root)
        found = [
            self._stream(f"{self.file}: stream {number}", entry, paths)
            for number, entry in enumerate(entries, start=1)
        ]
        return [stream for stream in found if stream is not None]

    def _add(self, where: str, found: str, allowed: str = "") -> None:
        self.problems.append(Problem(where, found, allowed))

    def _stream(
        self, where: str, entry: dict[str, Any], paths: PathChecker
    ) -> AnnotatedStream | None:
        """Return the stream of an entry, or None and its problems."""
        num_before = len(self.problems)
        path, problem = paths.check(str(entry.get("path", "")))
        # The other fields of a stream without a video are checked all the same.
        if problem:
            self._add(where, problem)
        duration_s = entry.get("duration_s")
        if not _is_time(duration_s) or not duration_s:
            self._add(f"{where}: duration_s", f"found {duration_s!r}", "seconds above 0")
            return None

        events, cuts = entry.get("events", []), entry.get("cuts_s", [])
        are_lists = isinstance(events, list) and isinstance(cuts, list)
        if not are_lists or not all(map(_is_time, cuts)):
            self._add(where, "events or cuts_s are not lists", _FORM)
            return None

        marked = self._events(where, events)
        if len(self.problems) > num_before:
            return None
        return AnnotatedStream(path, float(duration_s), marked, tuple(map(float, cuts)))

    def _events(self, where: str, events: Sequence[object]) -> tuple[MarkedEvent, ...]:
        """Return the events that have no problem."""
        marked = [
            self._event(f"{where}: event {number}", event)
            for number, event in enumerate(events, start=1)
        ]
        return tuple(event for event in marked if event)

    def _event(self, where: str, event: object) -> MarkedEvent | None:
        values = event if isinstance(event, dict) else {}
        label, start_s, end_s = values.get("label"), values.get("start_s"), values.get("end_s")

        if label not in self.labels:
            found = f"no class {label!r}{nearest(str(label), self.labels)}"
            self._add(where, found, ", ".join(self.labels))
        elif _is_time(start_s) and _is_time(end_s) and start_s < end_s:
            return MarkedEvent(str(label), float(start_s), float(end_s))
        else:
            found = f"from {start_s!r} to {end_s!r}"
            self._add(where, found, "start_s below end_s, in seconds")
        return None


def _is_time(value: Any) -> TypeGuard[float]:
    """Return True for a finite number of seconds, 0 or more."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < float("inf")
