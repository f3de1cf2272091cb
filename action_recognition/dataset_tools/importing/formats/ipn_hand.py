"""Read IPN Hand: long films of 13 gestures, and tables of the frames of each.

Source: github.com/GibranBenitez/IPN-hand, README and annotation_ipnGesture/; the annotations of
gibranbenitez.github.io/IPN_Hand: Annot_{List,TrainList,TestList}.txt with the columns
video,label,id,t_start,t_end,frames, Video_{Train,Test}List.txt, metadata.csv, classIdx.txt. The
films have 30 frames per second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from action_recognition.data.dataset_files import Split
from action_recognition.data.tables import read_table, read_text
from action_recognition.dataset_tools.importing.class_numbers import (
    class_index_files,
    read_class_index,
)
from action_recognition.dataset_tools.importing.formats.class_lists import class_lists
from action_recognition.dataset_tools.importing.formats.list_lines import read_lines
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Frames
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import user_error

_RATE_FPS = 30.0
_NO_GESTURE = "D0X"
_COLUMNS = ("video", "label", "id", "t_start", "t_end")
_LINE_LENGTH = 1000
_SEGMENT_LISTS = ("trainlistall", "vallistall", "testlistall")
# Kinds of films that the set has beside the color pictures.
_OTHER_KINDS = frozenset({"flow", "segment", "segmentation"})


class Segment(NamedTuple):
    """A part of a film: its class, the frames from 1 with both ends, and the line of the table."""

    video: str
    number: int
    start: int
    end: int
    where: str


def is_ipn_hand(source: Path) -> bool:
    """Return True for a table with IPN Hand's columns, or its lists beside an index with D0X."""
    if _tables(source):
        return True
    lists = [file for file in class_lists(source) if file.stem.lower() in _SEGMENT_LISTS]
    indices = class_index_files(source)
    return bool(lists) and any(_NO_GESTURE in read_text(file)[0].split() for file in indices)


def read_ipn_hand(source: Path, options: SourceOptions) -> Found:
    """Read the gestures of the films, with the split of the lists, and D0X as the negative class.

    Each film is looked for as a video and as a folder of frames. The person is the
    first two parts of its name.
    Raises UserError: the tables hold no gesture, or give a class two names.
    """
    folder = source if source.is_dir() else source.parent
    names: dict[int, str] = {}
    for file in class_index_files(source):
        # The indices of the two easier tasks have other numbers.
        if _is_full_index(file):
            names |= read_class_index(file)

    segments = _segments(source, names)
    if not segments:
        allowed = "Annot_List.txt, or trainlistall.txt with classIndAll.txt"
        raise user_error(str(source), "holds no gesture of IPN Hand", allowed)
    splits = _splits(folder if source.is_dir() else source)
    found = Found(options.clips or folder, folder_rate_fps=_RATE_FPS)
    media = _films(found.data_root, segments, found)

    for segment in segments:
        path = media.get(segment.video)
        label = names.get(segment.number)
        if path is None:
            found.leave_out(segment.where, segment.video, "its video and its frames are missing")
        elif label is None:
            reason = f"its number {segment.number} has no name in the index of the classes"
            found.leave_out(segment.where, path, reason)
        else:
            found.clips.append(_clip(segment, path, label, splits))
    found.classes = [names[number] for number in sorted(names)]
    found.negative_label = _NO_GESTURE if _NO_GESTURE in found.classes else None
    return found


def _tables(source: Path) -> list[Path]:
    """Return the tables with the columns of Annot_List.txt."""
    files = side_files(source, ".txt", ".csv")
    return [file for file in files if _first_cells(file)[: len(_COLUMNS)] == list(_COLUMNS)]


def _first_cells(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            line = opened.readline(_LINE_LENGTH)
    except OSError:
        return []
    return [cell.strip().lower() for cell in line.split(",")]


def _is_full_index(file: Path) -> bool:
    return file.stem.lower() in ("classindall", "classidx", "classind")


def _segments(source: Path, names: dict[int, str]) -> list[Segment]:
    """Return the segments of all tables and lists, each once. Add names of tables to `names`."""
    segments: dict[tuple[str, int, int, int], Segment] = {}
    for segment in [*_table_segments(source, names), *_list_segments(source)]:
        segments.setdefault(segment[:4], segment)
    return list(segments.values())


def _table_segments(source: Path, names: dict[int, str]) -> Iterator[Segment]:
    for file in _tables(source):
        for where, cells in read_table(file).with_header().rows:
            values = [cell.strip() for cell in cells[: len(_COLUMNS)]]
            if len(values) < len(_COLUMNS) or not all(map(str.isdecimal, values[2:])):
                continue
            number = int(values[2])
            if names.setdefault(number, values[1]) != values[1]:
                found = f"class {number} is {values[1]!r} here and {names[number]!r} elsewhere"
                raise user_error(where, found, fix="correct the number or the name")
            yield Segment(values[0], number, int(values[3]), int(values[4]), where)


def _list_segments(source: Path) -> Iterator[Segment]:
    """Yield the segments of trainlistall.txt and its like: path, class, first and last frame."""
    for file in class_lists(source):
        if file.stem.lower() in _SEGMENT_LISTS:
            for line in read_lines(file):
                if len(line.numbers) == 3:
                    video = PurePosixPath(line.path).name
                    yield Segment(video, *line.numbers, line.where)


def _splits(source: Path) -> dict[str, Split]:
    """Return the split of each film, by the lists that are named for one, then by metadata.csv."""
    splits: dict[str, Split] = {}
    for file in side_files(source, ".txt"):
        split = named_split(file)
        if split is not None:
            for line in read_text(file)[0].splitlines():
                video = PurePosixPath(line.replace("\t", ",").split(",")[0].split(" ")[0]).name
                splits.setdefault(video, split)

    # The table of all films states the split, too.
    for file in side_files(source, ".csv"):
        header, rows = read_table(file).with_header()
        if {"video name", "set"} <= set(header):
            columns = header.index("video name"), header.index("set")
            for _, cells in rows:
                split = named_split(Path(cells[columns[1]])) if len(cells) > max(columns) else None
                if split is not None:
                    splits.setdefault(cells[columns[0]].strip(), split)
    return splits


def _films(root: Path, segments: list[Segment], found: Found) -> dict[str, str]:
    """Return the path of each film: its folder of frames where that is whole, else its video."""
    index = MediaIndex(root)
    last: dict[str, int] = {}
    for segment in segments:
        last[segment.video] = max(last.get(segment.video, 0), segment.end)

    films, cut = {}, []
    for video, end in last.items():
        paths = [path for path in index.paths_of(video) if not _is_other_kind(path)]
        folders = [path for path in paths if (root / path).is_dir()]
        videos = [path for path in paths if path not in folders]
        whole = [path for path in folders if sum(1 for _ in (root / path).iterdir()) >= end]
        if folders and not whole and videos:
            cut.append(folders[0])
        chosen = whole or videos or folders
        if chosen:
            films[video] = chosen[0]
    if cut:
        found.warnings.append(
            f"{len(cut)} folders of frames end before their gestures, for example {cut[0]!r}: the "
            "videos are taken"
        )
    return films


def _is_other_kind(path: str) -> bool:
    return not _OTHER_KINDS.isdisjoint(part.lower() for part in PurePosixPath(path).parts[:-1])


def _clip(segment: Segment, path: str, label: str, splits: Mapping[str, Split]) -> FoundClip:
    # 1CM42_11_R_#205 to #208 are the four films of one person, by the right hand.
    person = "_".join(segment.video.split("_")[:2])
    return FoundClip(
        path=path,
        label=label,
        where=segment.where,
        split=splits.get(segment.video),
        person=person or None,
        span=Frames(segment.start - 1, segment.end),
        frame_rate_fps=_RATE_FPS,
    )
