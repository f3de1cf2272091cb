"""Time of the studio from a frame to its skeleton, its memory, and the opening of a large project.

`tools/studio.py` runs as a process of its own. A client sends frames of a drawn hand, 480x360 as
JPEG, at 15 a second, as the page does, and waits for each answer. The baseline is the bare tracker
in this process. For the first 300 answers it takes the same frame right after the answer, while the
server waits for the next one, and `time_over_tracker` is that of these pairs. `open_2000_clips_s`
is the time until Chromium shows a project of 2,000 clips, which the studio has not looked at
before: the newest clips of every gesture, after which the page makes the others. `memory_growth`
is the memory at the end over that after a tenth of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import cv2
import numpy as np

from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.tracker import HandTracker
from benchmarks import harness
from tests.browser import chromium, started_playwright
from tests.made_hand_films import GESTURES, film, write_film

RATE_FPS = 15.0
NUM_CLIPS = 2000
NUM_GESTURES = 20
NUM_PAIRS = 300  # answers beside which the bare tracker is timed
ANSWER_WITHIN_S = 60.0


class Server(NamedTuple):
    """A studio that runs: its address, and its process."""

    address: str
    pid: int

    def memory_mb(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """Seconds of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def studio(project: Path, threads: int) -> Iterator[Server]:
    """`tools/studio.py` on a free port."""
    script = harness.REPOSITORY / "tools" / "studio.py"
    flags = ["--no-open", "--port", "0", "--threads", str(threads)]
    process = subprocess.Popen(
        [sys.executable, "-u", str(script), str(project), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        words = [word for word in line.split() if word.startswith("http://")]
        if not words:
            raise SystemExit(f"the studio does not start: {line}{process.stdout.read()}")
        yield Server(words[0], process.pid)
    finally:
        process.terminate()
        process.wait(60)


class Streamed(NamedTuple):
    """Seconds of each answer, those of the bare tracker beside the first, and MB ten times."""

    answers_s: list[float]
    bare_s: list[float]
    memory_mb: list[float]


async def stream(server: Server, seconds: float, bare: BareTracker) -> Streamed:
    """Send frames at their rate for so long."""
    jpegs = [cv2.imencode(".jpg", f[:, :, ::-1])[1].tobytes() for f in film(GESTURES[0], 0)]
    answers_s, bare_s, memory_mb = list[float](), list[float](), list[float]()
    headers = {"Origin": server.address.rstrip("/")}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.address}ws", headers=headers, max_msg_size=0) as page,
    ):
        start, number = time.perf_counter(), 0
        while (now := time.perf_counter() - start) < seconds:
            sent, jpeg = time.perf_counter(), jpegs[number % len(jpegs)]
            await page.send_bytes(struct.pack("<d", now + 1.0) + jpeg)
            while (await page.receive_json(timeout=ANSWER_WITHIN_S))["type"] != "hands":
                pass
            answers_s.append(time.perf_counter() - sent)
            if number < NUM_PAIRS:
                bare_s.append(bare.seconds(jpeg, now))
            number += 1
            if now >= seconds * (len(memory_mb) + 1) / 10:
                memory_mb.append(server.memory_mb())
            # The next frame comes at its time, or at once where that has passed.
            await asyncio.sleep(max(0.0, (number / RATE_FPS) - (time.perf_counter() - start)))
    return Streamed(answers_s, bare_s, [*memory_mb, server.memory_mb()])


class BareTracker:
    """The tracker alone, in this process."""

    def __init__(self, threads: int) -> None:
        self._tracker = HandTracker(HandNetworks(None, threads))

    def seconds(self, jpeg: bytes, time_s: float) -> float:
        """Seconds of a frame, which is decoded as the server does."""
        start = time.perf_counter()
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        self._tracker.track(np.ascontiguousarray(picture[:, :, ::-1], np.uint8), time_s)
        return time.perf_counter() - start


def large_project(folder: Path, num_clips: int) -> Path:
    """A project of clips that are all alike."""
    clip = write_film(folder / "clip.mp4", film(GESTURES[1], 1, (160, 120)))
    project = folder / "large"
    for number in range(num_clips):
        gesture = project / f"gesture {number % NUM_GESTURES:02d}"
        gesture.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clip, gesture / f"anna_1_{number:04d}.mp4")
    return project


def opening_s(server: Server) -> float:
    """Seconds until Chromium shows the project."""
    with started_playwright() as playwright, chromium(playwright) as browser:
        page = browser.new_page()
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(server.address)
        page.wait_for_selector("body[data-ready]", timeout=120_000)
        return time.perf_counter() - start


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--minutes", type=float, default=15.0)
    own, rest = parser.parse_known_args(argv)
    options = harness.parse_arguments(str(__doc__), rest)
    seconds = 10.0 if options.quick else own.minutes * 60
    num_clips = NUM_CLIPS // 20 if options.quick else NUM_CLIPS

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bare = BareTracker(options.threads)
        with studio(folder / "small", options.threads) as server:
            before_s = server.cpu_s()
            streamed = asyncio.run(stream(server, seconds, bare))
            cpu_ms = (server.cpu_s() - before_s) / len(streamed.answers_s) * 1000
        with studio(large_project(folder, num_clips), options.threads) as server:
            opened_s = opening_s(server)

    answers_s, bare_s = np.array(streamed.answers_s), np.array(streamed.bare_s)
    memory_mb, pairs_s = streamed.memory_mb, answers_s[: len(bare_s)]
    timings = {"answer": harness.Timing(answers_s), "bare tracker": harness.Timing(bare_s)}
    figures = {
        "frame_p95_ms": harness.Figure(float(np.percentile(answers_s, 95)) * 1000),
        "answers_fps": harness.Figure(len(answers_s) / seconds),
        "frame_cpu_ms": harness.Figure(cpu_ms),
        "time_over_tracker": harness.ratio(harness.Timing(pairs_s), harness.Timing(bare_s)),
        "memory_growth": harness.Figure(memory_mb[-1] / memory_mb[0]),
        f"open_{num_clips}_clips_s": harness.Figure(opened_s),
    }
    minutes = f"{seconds / 60:.1f} minutes of frames, {memory_mb[-1]:.0f} MB at the end"
    harness.report("studio", options, timings, figures, notes=[minutes])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
