"""Small real files and shortcuts that the tests of the formats share."""

from __future__ import annotations

from pathlib import Path

from action_recognition.dataset_tools.importing.found import Found, Remark
from action_recognition.dataset_tools.importing.import_dataset import (
    DataSet,
    ImportOptions,
    make_data_set,
)
from action_recognition.dataset_tools.importing.recognise import read_source
from action_recognition.dataset_tools.importing.source import SourceOptions
from tests.synthetic import numbered_frames, write_frame_folder, write_video


def make_video(path: Path, num_frames: int = 6, frame_rate_fps: float = 30) -> Path:
    return write_video(path, numbered_frames(num_frames), frame_rate_fps)


def make_folder(path: Path, num_frames: int = 6, pattern: str = "{:05d}.jpg") -> Path:
    return write_frame_folder(path, numbered_frames(num_frames), pattern)


def found_in(source: Path, name: str = "auto", options: SourceOptions | None = None) -> Found:
    return read_source(source, name, options or SourceOptions())[0]


def imported(
    source: Path, name: str = "auto", options: SourceOptions | None = None, **settings: object
) -> DataSet:
    return make_data_set(found_in(source, name, options), ImportOptions(jobs=1, **settings))  # type: ignore[arg-type]


def lines_of(data_set: DataSet) -> list[str]:
    return sorted(line for clips in data_set.clips.values() for _, line in clips)


def reasons(remarks: list[Remark]) -> dict[str, str]:
    """Reason by path."""
    return {remark.path: remark.reason for remark in remarks}
