"""Read 20BN-Jester and Kinetics: CSV files, and a folder of clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from action_recognition.data.tables import Row, Table, read_table
from action_recognition.dataset_tools.importing.found import Found, FoundClip, Seconds
from action_recognition.dataset_tools.importing.media_index import MediaIndex
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import UserError, user_error

# "extracted from the original videos at 12 frames per second" (the data set's page)
_JESTER_RATE_FPS = 12.0
# Rows whose ids are looked at.
_LOOKED_AT = 20
# No video is longer. The limit also keeps infinite and NaN times out.
_LONGEST_S = 1e6
# Columns that every row must have, and names that files may have.
_KINETICS_COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_KINETICS_PATTERNS = ("{id}_{start:06d}_{end:06d}", "{id}_{start}_{end}", "{id}")


def is_jester(table: Table) -> bool:
    """Return True for rows `id;label`, or the columns video_id (or id) and label.

    Numbers alone count in a file that is named for Jester: its test part.
    """
    if not table.rows:
        return False
    first = [cell.strip().lower() for cell in table.rows[0].cells]
    if _has_id_column(first):
        return _has_numbers(table, _id_column(first))
    is_named_so = "jester" in table.file.name.lower()
    has_columns = len(first) == 2 or (len(first) == 1 and is_named_so)
    return first[0].isdecimal() and has_columns


def _has_id_column(header: Sequence[str]) -> bool:
    return "label" in header and not {"video_id", "id"}.isdisjoint(header)


def _id_column(header: Sequence[str]) -> int:
    """Return the column of the number. Mirrors of the set call it video_id or id."""
    return header.index("video_id" if "video_id" in header else "id")


def _has_numbers(table: Table, column: int) -> bool:
    """Return True if the first rows below the heading have a number in a column."""
    rows = table.rows[1:_LOOKED_AT]
    return bool(rows) and all(
        len(row.cells) > column and row.cells[column].strip().isdecimal() for row in rows
    )


def is_kinetics(table: Table) -> bool:
    """Return True for a column youtube_id with times."""
    return bool(table.rows) and {"youtube_id", "time_start"} <= {
        cell.strip().lower() for cell in table.rows[0].cells
    }


def csv_files(source: Path, is_format: Callable[[Table], bool]) -> list[Table]:
    """Read the CSV files of a source that have a format."""
    tables = []
    for file in side_files(source, ".csv"):
        try:
            table = read_table(file)
        # Another CSV file beside those of the format may be broken.
        except UserError:
            if file == source:
                raise
            continue
        if is_format(table):
            tables.append(table)
    return tables


def read_jester(source: Path, options: SourceOptions) -> Found:
    """Read clips of 20BN-Jester: frame folders (or videos) named by number, at 12 fps.

    The split is that of the CSVs' names. The labels' order is that of `*labels.csv`. The test part
    is published without labels and is left out.

    Source: 20BN-jester V1: jester-v1-{train,validation,test,labels}.csv, frames 00001.jpg, ... in
    folders 1, 2, ...
    """
    folder, tables = _tables(source, is_jester)
    index = MediaIndex(options.clips or folder)
    found = Found(index.root, folder_rate_fps=_JESTER_RATE_FPS)
    _read_jester_labels(found, folder, options.num_classes)

    for table in tables:
        id_column, label_column, rows = _jester_columns(table)
        for row in rows:
            _add_jester_row(found, index, row, (id_column, label_column), table.file)

    # The first classes of the labels file are taken.
    if options.num_classes is not None and found.classes is not None:
        found.clips = [clip for clip in found.clips if clip.label in found.classes]
    return _finished(found, index, tables)


def read_kinetics(source: Path, options: SourceOptions) -> Found:
    """Read clips of a CSV `label,youtube_id,time_start,time_end,split` (seconds).

    Files `ID_START_END` hold a clip, files `ID` the whole video.

    Source: the Kinetics CSVs of DeepMind. The usual downloaders name a cut file
    ID_000010_000020.
    """
    folder, tables = _tables(source, is_kinetics)
    index = MediaIndex(options.clips or folder)
    found = Found(index.root)
    patterns = (options.clip_name,) if options.clip_name else _KINETICS_PATTERNS

    for table in tables:
        header, rows = table.with_header()
        if "label" not in header:
            found.warnings.append(f"{table.file}: has no column 'label'; its rows are left out")
        for row in rows:
            cells = dict(zip(header, (cell.strip() for cell in row.cells), strict=False))
            _add_kinetics_row(found, index, row.where, cells, patterns)
    return _finished(found, index, tables)


def _tables(source: Path, is_format: Callable[[Table], bool]) -> tuple[Path, list[Table]]:
    """Return the folder of a source and its tables of a format."""
    tables = csv_files(source, is_format)
    if not tables:
        raise user_error(str(source), "holds no CSV file of this format")
    return (source if source.is_dir() else source.parent), tables


def _read_jester_labels(found: Found, folder: Path, num_classes: int | None) -> None:
    """Set the classes of the first `*labels*.csv`, if there is one."""
    files = [file for file in side_files(folder, ".csv") if "labels" in file.name.lower()]
    if files:
        table = read_table(files[0])
        found.warnings += [table.remark] if table.remark else []
        names = [row.cells[0].strip() for row in table.rows]
        # The first row may be a heading.
        names = [name for name in names if name.lower() not in ("label", "labels")]
        found.classes = names[:num_classes]


def _jester_columns(table: Table) -> tuple[int, int, list[Row]]:
    """Return the columns of id and label, and the rows below the heading, if there is one."""
    if table.rows[0].cells[0].strip().isdecimal():
        return 0, 1, table.rows
    header, rows = table.with_header()
    return _id_column(header), header.index("label"), rows


def _add_jester_row(
    found: Found, index: MediaIndex, row: Row, columns: tuple[int, int], file: Path
) -> None:
    cells = [cell.strip() for cell in row.cells]
    name, label = (cells[column] if column < len(cells) else "" for column in columns)
    # The file is looked up in any case, so that it counts as named.
    match = index.find(("{id}",), id=name)
    if not label:
        found.leave_out(row.where, name, "has no label (the test part is published without)")
    elif match.problem:
        found.leave_out(row.where, match.path, match.problem)
    else:
        split = named_split(file)
        clip = FoundClip(path=match.path, label=label, where=row.where, split=split)
        found.clips.append(clip)


def _add_kinetics_row(
    found: Found,
    index: MediaIndex,
    where: str,
    cells: Mapping[str, str],
    patterns: tuple[str, ...],
) -> None:
    # Rows that cannot be used are left out with their reason.
    lacking = [name for name in _KINETICS_COLUMNS if not cells.get(name)]
    if lacking:
        found.leave_out(where, cells.get("youtube_id", ""), f"has no {', '.join(lacking)}")
        return
    name, label = cells["youtube_id"], cells["label"]
    start_s, end_s = _number(cells["time_start"]), _number(cells["time_end"])
    if not all(0 <= time_s < _LONGEST_S for time_s in (start_s, end_s)):
        found.leave_out(where, name, "its times are no numbers of seconds")
        return

    # Names of cut files hold the times as whole seconds.
    match = index.find(patterns, id=name, start=round(start_s), end=round(end_s), label=label)
    if match.problem:
        found.leave_out(where, match.path, match.problem)
        return
    # A file that is named by its id alone is the whole video.
    span = Seconds(start_s, end_s) if match.pattern == "{id}" else None
    split = named_split(Path(cells.get("split", "")))
    found.clips.append(FoundClip(path=match.path, label=label, where=where, split=split, span=span))


def _number(text: str) -> float:
    """Return the number that a text is, or NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _finished(found: Found, index: MediaIndex, tables: list[Table]) -> Found:
    """Add the warnings about tables and about files that no row names."""
    found.warnings += [table.remark for table in tables if table.remark] + index.unused_warning()
    return found
