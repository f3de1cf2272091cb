"""Clips as columns: the records of a list in a hundred bytes each, shared by forked processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from action_recognition.data.annotations import ClipRecord, ClipTable, read_annotations
from tests.conftest import REPOSITORY
from tests.synthetic import write_lines

NUM_ROWS = 40_000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ClipTable:
    """40,000 clips of 500 files, one of them a whole video."""
    root = tmp_path_factory.mktemp("clips")
    (root / "videos").mkdir()
    for number in range(500):
        (root / "videos" / f"clip_{number:04d}.mp4").touch()
    lines = [
        f"videos/clip_{row % 500:04d}.mp4 {row % 3} {row % 7} 36 0 {40 + row % 5} 12.5"
        for row in range(NUM_ROWS)
    ]
    # One line of two columns, with a class name.
    lines[7] = "videos/clip_0001.mp4 b"
    return read_annotations([write_lines(root / "t.txt", lines)], [root], ["a", "b", "c"])


def test_records_are_those_of_the_lines(table: ClipTable) -> None:
    """Records have plain numbers and the place of their line."""
    assert len(table) == NUM_ROWS
    one = table[12]
    assert (one.path.name, one.label) == ("clip_0012.mp4", 0) and one.line.endswith("/t.txt:13")
    assert (one.clip_start, one.clip_end) == (5, 36)
    assert (one.video_start, one.video_end, one.frame_rate_fps) == (0, 42, 12.5)
    assert table[7].is_whole_video and table[7].label == 1 and not one.is_whole_video
    # Indices and slices are those of a list.
    assert table[-1] == table[NUM_ROWS - 1] and table[10:13] == [table[10], table[11], table[12]]
    assert isinstance(one, ClipRecord) and isinstance(one.path, Path) and hash(one)
    assert isinstance(one.clip_start, int)

    assert table.labels[:3].tolist() == [0, 1, 2]
    assert sum(record.label for record in table) == table.labels.sum()
    with pytest.raises(IndexError):
        table[NUM_ROWS]


def test_a_table_equals_what_a_process_gets_of_it_and_is_small(table: ClipTable) -> None:
    """A pickled table is equal, and below 120 bytes a clip."""
    copied = pickle.dumps(table)
    assert len(copied) < 120 * NUM_ROWS  # ten times that as a list of records
    assert pickle.loads(copied) == table
    # Lengths count as well as records.
    assert table != table[:5] and table[:5] != table and table[2:4] == [table[2], table[3]]


@pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(),
    reason="asks the system how much memory a process has alone",
)
def test_a_process_that_reads_every_record_shares_the_table(
    table: ClipTable, tmp_path: Path
) -> None:
    """A forked reader copies almost no memory."""
    # In a process without the objects of the whole suite.
    file = tmp_path / "table.pickle"
    file.write_bytes(pickle.dumps(table))
    command = [sys.executable, "-c", GROWTH_OF_A_READER, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)

    # Python itself touches 1.5 MB.
    assert int(done.stdout) < 0.4 * file.stat().st_size / 1000 + 1500


GROWTH_OF_A_READER = """
import os, pickle, sys
from pathlib import Path

def private_kb():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))

table = pickle.loads(Path(sys.argv[1]).read_bytes())
if os.fork():
    os.wait()
else:
    before = private_kb()
    for _ in table:
        pass
    print(private_kb() - before, flush=True)
    os._exit(0)
"""
