"""Read AUTSL: two films of each sign, and tables without a heading.

    train/signer0_sample1_color.mp4, train/signer0_sample1_depth.mp4
    train_labels.csv: signer0_sample1,41       validation_labels.csv or ground_truth.csv, ...
    SignList_ClassId_TR_EN.csv: ClassId,TR,EN  classes from 0

Source: O. M. Sincan, H. Y. Keles, "AUTSL" (IEEE Access, 2020), and the download page of the set.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from action_recognition.data.dataset_files import Split
from action_recognition.data.tables import Row, Table, read_table
from action_recognition.dataset_tools.importing.folder_names import folder_split
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.media_index import Match, MediaIndex
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import UserError, user_error

_SAMPLE = re.compile(r"(signer\d+)_sample\d+", re.IGNORECASE)
_NAMES = {"classid", "tr", "en"}


def autsl_tables(source: Path) -> list[Table]:
    """Return the tables whose first row is a sample and the number of its class."""
    return [table for table in _readable(source) if _is_labels(table)]


def _readable(source: Path) -> list[Table]:
    tables = []
    for file in side_files(source, ".csv"):
        try:
            tables.append(read_table(file))
        # Another table beside those of the set may be broken.
        except UserError:
            continue
    return tables


def _is_labels(table: Table) -> bool:
    cells = table.rows[0].cells if table.rows else []
    return (
        len(cells) >= 2 and bool(_SAMPLE.match(cells[0].strip())) and cells[1].strip().isdecimal()
    )


def read_autsl(source: Path, options: SourceOptions) -> Found:
    """Read the color films (or --modality depth), with the split of the tables' names.

    The person is the signer. Classes have the English names of the table of signs, with the number
    where two have one name, else their numbers.
    """
    tables = autsl_tables(source)
    if not tables:
        allowed = "train_labels.csv with rows such as signer0_sample1,41"
        raise user_error(str(source), "holds no table of AUTSL", allowed)
    folder = source if source.is_dir() else source.parent
    found = Found(options.clips or folder)
    names = _sign_names(folder)
    modality = (options.modality or "color").lower()
    index = MediaIndex(found.data_root)
    for table in tables:
        for row in table.rows:
            _add_row(found, index, names, modality, row)

    used = {clip.label for clip in found.clips}
    found.classes = [name for _, name in sorted(names.items()) if name in used] or None
    if options.modality is None and any("depth" in path for path in index.unasked()):
        found.warnings.append("the color films are taken; --modality depth takes the others")
    return found


def _sign_names(folder: Path) -> dict[int, str]:
    """Return the English names of the signs by number."""
    for table in _readable(folder):
        header, rows = table.with_header() if table.rows else ([], [])
        if set(header) >= _NAMES:
            at, english = header.index("classid"), header.index("en")
            pairs = [
                (int(row.cells[at]), row.cells[english].strip())
                for row in rows
                if len(row.cells) > max(at, english) and row.cells[at].strip().isdecimal()
            ]
            # Some signs share an English name.
            words = [name for _, name in pairs]
            return {
                number: name if words.count(name) == 1 else f"{name} {number}"
                for number, name in pairs
            }
    return {}


def _add_row(
    found: Found, index: MediaIndex, names: dict[int, str], modality: str, row: Row
) -> None:
    cells = [cell.strip() for cell in row.cells[:2]]
    sample = _SAMPLE.match(cells[0])
    if sample is None or len(cells) < 2 or not cells[1].isdecimal():
        found.leave_out(row.where, cells[0], "is no row of a sample and its class")
        return

    match = _film(index, sample[0], modality)
    if match.problem:
        found.leave_out(row.where, match.path, match.problem)
        return

    number = int(cells[1])
    clip = FoundClip(
        path=match.path,
        label=names.get(number, str(number)),
        where=row.where,
        split=_split(Path(row.where.rpartition(":")[0]), match.path),
        person=sample[1],
    )
    found.clips.append(clip)


def _film(index: MediaIndex, sample: str, modality: str) -> Match:
    patterns = ("{id}_{kind}", "{id}") if modality == "color" else ("{id}_{kind}",)
    return index.find(patterns, id=sample, kind=modality)


def _split(table: Path, path: str) -> Split | None:
    """Return the split that a table is named for, else that of the folder of the film."""
    folders = (folder_split(part) for part in PurePosixPath(path).parts[:-1])
    return named_split(table) or next((split for split in folders if split), None)
