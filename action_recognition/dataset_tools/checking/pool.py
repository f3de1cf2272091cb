"""Read many files at a time, in separate processes: one that brings a decoder down is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from action_recognition.dataset_tools.checking.media_reading import inspect_media
from action_recognition.dataset_tools.checking.media_report import Fault, MediaReport
from action_recognition.dataset_tools.checking.unreadable import CONVERT
from action_recognition.worker_pool import map_apart


def inspect_all(
    paths: Sequence[Path], jobs: int, inspect: Callable[[Path], MediaReport] = inspect_media
) -> Iterator[tuple[Path, MediaReport]]:
    """Yield each path with its report, as they come."""
    return map_apart(inspect, paths, jobs, _report_of_lost_file)


def _report_of_lost_file(path: Path) -> MediaReport:
    message = f"{path.name} brings the decoder down"
    return MediaReport((Fault("unreadable", message, CONVERT, fatal=True),))
