"""Write checkpoints so that a whole one survives a crash, a full disk and a power cut."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from action_recognition.errors import user_error
from action_recognition.partials import held_file

_FIX = "free space or name another --save-checkpoints-to; the last good checkpoint is still there"


def save_atomically(content: Mapping[str, Any], path: Path, previous: Path | None = None) -> None:
    """Write a checkpoint beside its place, flush it to the disk, then rename it.

    The old file stays until the new one is whole. With `previous` the old file is kept under that
    name, in the same folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with held_file(path) as partial:
            _write_flushed(partial, content)
            if previous is not None and path.is_file():
                _keep(path, previous)
            partial.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise user_error(str(path), f"could not be saved: {error.strerror}", fix=_FIX) from error


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint beside its place, then rename it: it is whole or absent."""
    try:
        with held_file(target) as partial:
            shutil.copyfile(source, partial)
            partial.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise user_error(str(target), f"could not be saved: {error.strerror}", fix=_FIX) from error


def _write_flushed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of which every byte is on the disk when this returns."""
    with path.open("wb") as file:
        # PyTorch writes to memory: an error of the disk then is a plain OSError.
        buffer = io.BytesIO()
        torch.save(dict(content), buffer)
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def _keep(path: Path, previous: Path) -> None:
    """Give a file that is about to be replaced a second name. It keeps its own all the time."""
    beside = previous.with_name(f".{previous.name}.part")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:
        # The file system has no hard links.
        shutil.copyfile(path, beside)
    beside.replace(previous)


def _flush_folder(folder: Path) -> None:
    """Flush a folder to the disk: otherwise a rename in it may not survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
