"""Write files that are whole or absent: they are written beside their place, then renamed."""

from __future__ import annotations

import csv
import hashlib
import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from action_recognition.errors import user_error
from action_recognition.partials import held_file

# What a command writes as a table or report. Another file at its place is something else.
_SUFFIXES_OF_RESULTS: Final = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ""})
_SUFFIXES_OF_PICTURES: Final = (".png", ".svg", ".pdf")


@contextmanager
def write_atomically(
    path: Path, *, per_process: bool = False, keep_suffix: bool = False
) -> Iterator[Path]:
    """Yield a path beside `path`. Rename it to `path` when the block ends, remove it on an error.

    A missing folder is created. A reader sees the old file or the new one, never a part. A device
    or a pipe at `path`, such as /dev/stdout, is yielded itself.

    Args:
        path: the file to write or to replace.
        per_process: put the process number into the name, where several processes may write `path`.
        keep_suffix: end the name with the suffix of `path`, for writers that choose a format by it.

    """
    # A rename would put a file in the place of the device.
    if is_device(path):
        with naming_file(path):
            yield path
        return

    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is hidden and lies in the same folder, so that the rename stays on one disk.
    suffix = path.suffix if keep_suffix else ""
    with (
        naming_file(path),
        held_file(path, per_process=per_process, suffix=suffix) as partial,
    ):
        yield partial
        partial.replace(path)


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Put the name of `path` into an `OSError` that names none, or a hidden file beside it."""
    try:
        yield
    except OSError as error:
        named = error.filename
        is_hidden = isinstance(named, str) and Path(named).name.startswith(f".{path.name}")
        if not named or is_hidden:
            # The name in an error of FFmpeg cannot be changed.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def is_device(path: Path) -> bool:
    """Return True for something that is there and is neither a file nor a folder."""
    return path.exists() and not path.is_file() and not path.is_dir()


def is_same_file(path: Path, other: Path) -> bool:
    """Return True for two names of one place, also by links, whether or not a file is there."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()


def check_result_places(
    tables: Mapping[str, Path | None],
    in_use: Iterable[Path],
    others: Mapping[str, Path | None] | None = None,
) -> None:
    """Check where a command writes, by flag, before it works. `in_use` is what it reads.

    `others` are pictures and texts. Raises UserError: a folder, two at one place, a file that is
    read, or for a table one of another kind.
    """
    # A table may go to /dev/null or to a pipe.
    places = {**tables, **(others or {})}
    named = [(flag, path) for flag, path in places.items() if path and not is_device(path)]
    read = list(in_use)
    for number, (flag, path) in enumerate(named):
        found = ""
        if path.is_dir():
            found = f"{path} is a folder"
        elif any(is_same_file(path, file) for file in read):
            found = f"{path} is read by this command"
        elif flag in tables and path.exists() and path.suffix.lower() not in _SUFFIXES_OF_RESULTS:
            found = f"{path} exists and is no table"
        # Each pair once.
        for other_flag, other in named[:number]:
            if is_same_file(path, other):
                found = f"{path} is the place of {other_flag} too"
        if found:
            raise user_error(flag, found, fix="name another file")


def check_picture_name(flag: str, path: Path | None) -> None:
    """Raise UserError for a name that says another kind of file than a picture."""
    if path is not None and path.suffix.lower() not in _SUFFIXES_OF_PICTURES:
        allowed = f"a name that ends in {', '.join(_SUFFIXES_OF_PICTURES)}"
        raise user_error(flag, f"found {path.name!r}", allowed)


def write_text(path: Path, text: str, newline: str | None = None) -> None:
    """Write a text file (UTF-8) atomically. `newline` is that of `open`."""
    with write_atomically(path) as partial:
        partial.write_text(text, encoding="utf-8", newline=newline)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a binary file atomically."""
    with write_atomically(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, content: Any, *, indent: int = 1, ensure_ascii: bool = True) -> None:
    """Write plain values as JSON, atomically, with a line break at the end."""
    write_text(path, json.dumps(content, indent=indent, ensure_ascii=ensure_ascii) + "\n")


def write_csv(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows, the heading among them, as a CSV file (UTF-8), atomically."""
    with (
        write_atomically(path) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows(rows)


def check_plain_file(path: Path, max_bytes: int | None = None) -> None:
    """Check that a path leads to a file, or to nothing. Call it before the file is opened.

    Opening a named pipe waits until somebody writes into it, and a device may never end.
    Raises UserError: it is neither, or has more than `max_bytes`.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        # The reader has its own words for what is not there.
        return
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        kind = "a named pipe" if stat.S_ISFIFO(found.st_mode) else "a device or socket"
        raise user_error(str(path), f"is {kind}, not a file", fix="name a file on disk")
    if max_bytes is not None and found.st_size > max_bytes:
        size = f"has {found.st_size / 1e6:.0f} MB"
        raise user_error(str(path), size, f"up to {max_bytes / 1e6:.0f} MB", "is it another file?")


def check_folder_place(folder: Path, where: str) -> None:
    """Check that `folder` is a folder, or that one can be made there. Nothing is written.

    Raises UserError with the place `where`: a file is there, or in the place of a folder above it.
    """
    # The folder itself may be missing: then the nearest path above it counts.
    nearest_above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest_above.is_dir():
        allowed = "a folder, or a place where one can be made"
        raise user_error(where, f"{nearest_above} is a file", allowed)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
