"""Loading an annotation file of a million lines: the time until a run has its clips, and memory.

Figures:
    load_million_rows_s: labels, then lines, each path looked at. The same in CPU time.
    load_million_rows_mb: growth of the process, at its peak.
    worker_mb: growth of a forked process that makes every record once.
The lines name 200,000 empty files in 200 folders.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/annotations.py` without an installed package

from action_recognition.data.annotations import ClipTable, read_annotations
from action_recognition.data.labels import training_labels
from benchmarks import harness

NUM_ROWS, NUM_FILES, FILES_A_FOLDER = 1_000_000, 200_000, 1000


def make_rows(root: Path, num_rows: int, num_files: int) -> Path:
    paths = [
        f"videos/{number // FILES_A_FOLDER:03d}/clip_{number:07d}.mp4"
        for number in range(num_files)
    ]
    for number, path in enumerate(paths):
        if number % FILES_A_FOLDER == 0:
            (root / path).parent.mkdir(parents=True)
        os.close(os.open(root / path, os.O_CREAT))
    with (root / "train.txt").open("w") as file:
        file.writelines(
            f"{paths[row % num_files]} {row % 27} 0 36 0 40 12.0\n" for row in range(num_rows)
        )
    (root / "classes.json").write_text(json.dumps([f"class {number}" for number in range(27)]))
    return root / "train.txt"


def memory_mb(key: str) -> float:
    """A line of /proc/self/status, or (`Private`) what this process shares with no other."""
    file = "smaps_rollup" if key == "Private" else "status"
    lines = Path(f"/proc/self/{file}").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def worker_mb(clips: ClipTable) -> float:
    """Private memory that a forked process gains by making every record."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = memory_mb("Private")
        for _ in clips:
            pass
        os.write(writer, str(memory_mb("Private") - before).encode())
        os._exit(0)
    os.close(writer)
    gained = float(os.read(reader, 100))
    os.waitpid(child, 0)
    return gained


def main(argv: Sequence[str] | None = None) -> int:
    options = harness.parse_arguments(__doc__.splitlines()[0], argv)
    part = 20 if options.quick else 1
    with tempfile.TemporaryDirectory() as name:
        file = make_rows(Path(name), NUM_ROWS // part, NUM_FILES // part)
        before_mb, began, began_cpu = memory_mb("VmRSS"), time.perf_counter(), time.process_time()
        labels, _ = training_labels([file], None, (), [file.parent])
        clips = read_annotations([file], [file.parent], labels)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        peak_mb = memory_mb("VmHWM") - before_mb
    figures = {
        "load_million_rows_s": harness.Figure(seconds),
        "load_million_rows_cpu_s": harness.Figure(cpu_seconds),
        "load_million_rows_mb": harness.Figure(peak_mb),
        "worker_mb": harness.Figure(worker_mb(clips)),
    }
    notes = [f"{len(clips)} lines, {NUM_FILES // part} files"]
    harness.report(
        "annotations",
        options,
        {"load": harness.Timing(np.array([seconds]))},
        figures,
        precision="none",
        notes=notes,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
