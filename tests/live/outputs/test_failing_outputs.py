"""Full disks and readers that go: one output ends, with everything whole that was written."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from action_recognition.deploy.metadata import example
from action_recognition.deploy.scores import WindowScores
from action_recognition.errors import UserError
from action_recognition.live.outputs.events import EventFile
from action_recognition.live.outputs.output_guard import OutputGuard
from action_recognition.live.outputs.prediction_table import PredictionTable
from action_recognition.live.outputs.recording import VideoRecorder
from action_recognition.live.outputs.run_outputs import RunOutputs


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """No file may grow beyond this, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8)


def _record(recorder: VideoRecorder) -> None:
    for number in range(120):
        recorder.write(_noise(number), number / 5)
    recorder.close()


def _write_all(file: EventFile, lines: Iterable[str]) -> None:
    for line in lines:
        file.write(line)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_recording_on_a_full_disk_plays_to_where_it_ends(tmp_path: Path, suffix: str) -> None:
    recorder = VideoRecorder(tmp_path / f"out{suffix}", 5.0)
    with largest_file(400_000), pytest.raises(OSError, match="too large"):
        _record(recorder)
    recorder.close()

    assert recorder.is_kept and [item.name for item in tmp_path.iterdir()] == [f"out{suffix}"]
    with av.open(str(recorder.path)) as container:
        assert 10 <= sum(1 for _ in container.decode(video=0)) < 120


def test_a_recording_without_room_for_a_picture_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("old")
    recorder = VideoRecorder(tmp_path / "out.mp4", 5.0)
    with largest_file(100), pytest.raises(OSError, match="too large"):
        _record(recorder)
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"out.mp4": "old"}


@pytest.mark.parametrize("size", [(64, 8192), (20000, 32), (1, 300), (1, 1)])
def test_pictures_of_any_shape_are_recorded(tmp_path: Path, size: tuple[int, int]) -> None:
    recorder = VideoRecorder(tmp_path / "out.mp4", 5.0)
    for number in range(3):
        recorder.write(np.full((*size, 3), 90, np.uint8), number / 5)
    recorder.close()
    with av.open(str(recorder.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_a_recording_is_no_device(tmp_path: Path) -> None:
    (tmp_path / "null.mp4").symlink_to("/dev/null")
    with pytest.raises(UserError, match="is a device or a pipe"):
        VideoRecorder(tmp_path / "null.mp4", 5.0)


def _prediction(number: int) -> WindowScores:
    return WindowScores(number / 5, np.array([0.5, 0.25], np.float32), 1.0)


def _add_rows(table: PredictionTable) -> None:
    for number in range(200):
        table.add(_prediction(number))


def test_a_table_on_a_full_disk_has_whole_rows(tmp_path: Path) -> None:
    table = PredictionTable(tmp_path / "out.csv", replace(example()))
    with largest_file(1000), pytest.raises(OSError, match="too large"):
        _add_rows(table)
    table.close()
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert table.is_kept and len(rows) > 10 and {row.count(",") for row in rows} == {4}
    assert [item.name for item in tmp_path.iterdir()] == ["out.csv"]


def test_events_on_a_full_disk_are_whole_lines(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path / "events.jsonl"))
    wanted = [json.dumps({"label": "größer 你好", "number": number}) for number in range(100)]
    with largest_file(1000), pytest.raises(OSError, match="too large"):
        _write_all(file, wanted)
    file.close()
    lines = (tmp_path / "events.jsonl").read_bytes().decode().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(len(lines)))
    assert len(lines) > 10


def test_a_reader_that_reads_slowly_gets_every_line_and_one_that_never_does_ends_it(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    stopping: list[bool] = []
    file = EventFile(str(pipe), lambda: bool(stopping))
    file.write("one")
    assert os.read(reader, 100) == b"one\n"

    stopping.append(True)
    with pytest.raises(TimeoutError, match="does not read"):
        _write_all(file, 100_000 * ["x" * 100])
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        file.write("two")
    file.close()


def test_each_output_fails_alone_and_only_once(tmp_path: Path) -> None:
    said: list[str] = []
    outputs = RunOutputs(said.append)
    add_row = outputs.add_table(PredictionTable(tmp_path / "out.csv", example()))
    send = outputs.add_events("/dev/full", EventFile("/dev/full"))
    for number in range(3):
        send("{}")
        add_row(_prediction(number))
    assert not outputs.are_all_over
    outputs.close(keep=True)
    outputs.report()

    assert said[0] == "--events /dev/full: the disk is full; everything else goes on"
    assert said[1:] == [f"wrote {tmp_path / 'out.csv'}"]
    assert [str(problem) for problem in outputs.problems] == [
        "--events /dev/full: the disk is full; to repair: free space there"
    ]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


def test_a_reader_that_has_gone_is_no_problem_of_the_user() -> None:
    def gone(_: str) -> None:
        raise BrokenPipeError

    said: list[str] = []
    guard = OutputGuard("--events -", said.append)
    write = guard.around(gone)
    write("a")
    write("b")
    assert guard.lost_reader and guard.is_over and not guard.problems
    assert said == ["--events -: its reader has gone; everything else goes on"]
