"""Frames to a tracker in a process of its own, and its hands back, frame by frame.

A tracker of another toolkit has an environment of its own, so only numpy and the standard library
are imported here. The process reads frames from stdin and answers on stdout, one line of JSON for
each. While it works nothing else does, so its CPU time is that of one tracker alone.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[3]
# Height, width and time in ms. A frame without a height begins a new film.
_HEADER = struct.Struct("<iiq")
_BYTES_PER_MB = 1e6
_ANSWER = b'{"hands"'

Track = Callable[[NDArray[np.uint8], int], list[dict[str, Any]]]
"""Takes a picture (H, W, 3) uint8 RGB and its time in ms, and returns hands.

A hand has `points` (63 numbers: x, y, z in pixels of the picture), `right` (probability 0..1 of the
person's own right hand) and `world` (63 numbers, metres).
"""


@dataclass(frozen=True)
class Answer:
    """The hands of a frame, and the CPU time of the tracker's process for it."""

    hands: list[dict[str, Any]]
    cpu_s: float


def serve(new_tracker: Callable[[], Track]) -> None:
    """Answer frames until stdin ends. `new_tracker` is called for every film."""
    # Libraries print to stdout as they like: the answers get the only real one.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    track: Track | None = None
    while header := sys.stdin.buffer.read(_HEADER.size):
        height, width, time_ms = _HEADER.unpack(header)
        before = time.process_time()
        hands: list[dict[str, Any]] = []
        if height:
            pixels = np.frombuffer(_read(sys.stdin.buffer, height * width * 3), np.uint8)
            before = time.process_time()
            track = track or new_tracker()
            hands = track(pixels.reshape(height, width, 3), time_ms)
        else:
            track = None
            track = new_tracker()
        cpu_s = time.process_time() - before
        peak_mb = peak_memory_mb()
        print(json.dumps({"hands": hands, "cpu_s": cpu_s, "mb": peak_mb}), file=answers, flush=True)


def peak_memory_mb() -> float:
    """Return the most memory that this program had, in MB of 10^6 bytes.

    `getrusage` would count that of the process that started it, from before the start.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / _BYTES_PER_MB


def _read(stream: BinaryIO, number: int) -> bytes:
    data = stream.read(number)
    if len(data) < number:
        raise EOFError("the frame breaks off")
    return data


class TrackerProcess:
    """A tracker in another process, on one core. Use it in a `with` statement."""

    def __init__(self, command: Sequence[str], core: int | None = None) -> None:
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        # A pipe that nobody reads would hold the process up.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process is
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [*pinned, *command],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=os.environ | {"OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"},
        )
        self.peak_mb = 0.0
        self.new_film()
        self.ready_s = time.perf_counter() - began

    def __enter__(self) -> TrackerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._said.close()

    def new_film(self) -> Answer:
        """Forget the hands of the film before. Return the CPU time of a new tracker."""
        return self._ask(_HEADER.pack(0, 0, 0))

    def track(self, picture_rgb: NDArray[np.uint8], time_ms: int) -> Answer:
        """Return the hands of the next frame."""
        height, width = picture_rgb.shape[:2]
        pixels = np.ascontiguousarray(picture_rgb).tobytes()
        return self._ask(_HEADER.pack(height, width, time_ms) + pixels)

    def _ask(self, message: bytes) -> Answer:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(message)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        # A library may print while it is imported.
        while line and not line.startswith(_ANSWER):
            line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._said.seek(0)
            last = self._said.read().decode(errors="replace").strip().splitlines()[-3:]
            raise RuntimeError(f"{self._process.args!r} ended with {code}: {'; '.join(last)}")
        answer = json.loads(line)
        self.peak_mb = max(self.peak_mb, answer["mb"])
        return Answer(answer["hands"], answer["cpu_s"])
