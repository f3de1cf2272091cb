"""Files are read in processes. One that ends its process is named and takes nothing else along."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from action_recognition.dataset_tools.checking.media_reading import inspect_all
from action_recognition.dataset_tools.checking.media_report import MediaReport


def inspect_or_die(path: Path) -> MediaReport:
    """Ends its process as a decoder's memory error would."""
    if path.name == "deadly":
        os.kill(os.getpid(), signal.SIGSEGV)
    return MediaReport((), num_frames=int(path.name))


@pytest.mark.parametrize("deadly", [0, 5])
def test_a_file_that_brings_the_decoder_down_is_named(deadly: int) -> None:
    paths = [Path(str(number)) for number in range(9)]
    paths.insert(deadly, Path("deadly"))
    reports = dict(inspect_all(paths, 2, inspect_or_die))
    assert set(reports) == set(paths)
    assert [fault.kind for fault in reports.pop(Path("deadly")).faults] == ["unreadable"]
    assert all(
        report.num_frames == int(path.name) and report.is_readable
        for path, report in reports.items()
    )


def test_no_thread_of_a_pool_is_left() -> None:
    before = set(threading.enumerate())
    whole = dict(inspect_all([Path(str(number)) for number in range(4)], 2, inspect_or_die))
    assert len(whole) == 4 and set(threading.enumerate()) == before

    # Nor where the reader stops after the first result.
    some = inspect_all([Path(str(number)) for number in range(40)], 2, inspect_or_die)
    next(iter(some))
    del some
    assert set(threading.enumerate()) == before
