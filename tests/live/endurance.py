"""Hours of live runs in one process: sources are killed, clients stop reading, the disk is full.

    nice python -m tests.live.endurance --minutes 120 --json endurance.json

Not part of the test suite. Each round is a run of the demo over two sources: a server that is
killed and started again, and a film over HTTP without a length. A WebSocket client never reads, the
events go to a full disk, and a signal ends the round. Every recording and table must be whole.

Figures: memory_growth is resident memory at the end over that after the warm-up, less 1. `handles`
and `threads` are those at the end less those after the warm-up.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import av

from action_recognition.errors import Terminated, UserError
from action_recognition.live.demo import DemoOptions, run_demo
from tests.live.sources.http_server import Answers, serving
from tests.synthetic import numbered_frames, write_video

# In a process of its own: what trains must not count among the memory of what runs.
_EXPORT = """
import sys
from pathlib import Path
from tests.tiny_export import export_tiny, tiny_trained
export_tiny(tiny_trained(), Path(sys.argv[1]))
"""
_RULES = '{"onset": 0.01, "release": 0.001, "smoothing_s": 0, "refractory_s": 0}'
# The share of the time after which memory counts.
_WARM_UP = 0.25


@dataclass
class Figures:
    """What was measured."""

    rounds: int = 0
    frames: int = 0
    interruptions: int = 0
    events: int = 0
    memory_mb: float = 0.0
    memory_growth: float = 0.0
    handles: int = 0
    threads: int = 0
    broken_outputs: int = 0
    not_begun: int = 0


class KilledServer:
    """ffmpeg that plays a clip to one client, over and over, and is killed again and again."""

    def __init__(self, clip: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/live"
        self._command = ["ffmpeg", "-v", "quiet", "-re", "-stream_loop", "-1", "-i", str(clip)]
        self._command += ["-c", "copy", "-f", "mpegts", "-listen", "1", self.address]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.kill()
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _sample() -> tuple[float, int, int]:
    """Return resident memory in MB, open handles and threads of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    count = [len(os.listdir(f"/proc/self/{name}")) for name in ("fd", "task")]  # noqa: PTH208
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, count[0], count[1]


def _settled() -> tuple[float, int, int]:
    """Return a sample once the readers of killed servers have noticed that they may end."""
    time.sleep(12.0)
    gc.collect()
    return _sample()


def _client_that_never_reads(port: int, is_over: threading.Event) -> None:
    """Connect to the event server and take nothing from it until the round is over."""
    from websockets.asyncio.client import connect

    async def stay() -> None:
        async with connect(f"ws://127.0.0.1:{port}", max_queue=1):
            while not is_over.is_set():
                await asyncio.sleep(0.1)

    with contextlib.suppress(Exception):
        asyncio.run(stay())


def _round(server: KilledServer, film: str, model: Path, folder: Path, number: int) -> list[str]:
    """Run the demo once, and disturb it. Return what it said."""
    said: list[str] = []
    is_over, is_open = threading.Event(), threading.Event()
    server.start()
    time.sleep(2.0)
    port = 20_000 + os.getpid() % 10_000
    options = DemoOptions(
        model,
        server.address,
        csv=folder / "table.csv",
        show=False,
        stride=1,
        num_threads=1,
        more_sources=(film,),
        # Every other round, since a file on a full disk ends at once.
        events="/dev/full" if number % 2 else str(folder / "events.jsonl"),
        decision=folder / "rules.json",
        serve=port,
    )

    client = threading.Thread(target=_client_that_never_reads, args=(port, is_over), daemon=True)

    def disturb() -> None:
        # A busy machine takes its time to open the model.
        if not is_open.wait(120):
            return
        client.start()
        time.sleep(2.5)
        server.start()
        time.sleep(3.0)
        os.kill(os.getpid(), signal.SIGTERM)

    def say(line: str) -> None:
        said.append(line)
        if "events at ws://" in line:
            is_open.set()

    disturber = threading.Thread(target=disturb, daemon=True)
    disturber.start()
    try:
        with contextlib.suppress(Terminated):
            run_demo(options, say=say)
    except UserError as error:
        said.append(str(error))
    finally:
        is_over.set()
        is_open.set()
        disturber.join()
        # What it holds open is not the demo's.
        if client.ident is not None:
            client.join(timeout=30)
    return said


def _record_until_full(model: Path, clip: Path, folder: Path, number: int) -> bool:
    """Record a film, every other time onto a disk that is too small. Return True if it is whole."""
    import resource

    output, before = folder / "out.mp4", resource.getrlimit(resource.RLIMIT_FSIZE)
    output.unlink(missing_ok=True)
    if number % 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with contextlib.suppress(UserError):
            run_demo(
                DemoOptions(model, str(clip), output, show=False, num_threads=1), say=lambda _: None
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with av.open(str(output)) as container:
        num_frames = sum(1 for _ in container.decode(video=0))
    return 0 < num_frames < 300 if number % 2 else num_frames == 300


def _is_whole(folder: Path, said: list[str]) -> bool:
    """Return True if the table has whole rows only, and nothing hidden is left."""
    lines = (folder / "table.csv").read_text(encoding="utf-8").splitlines()
    rows_are_whole = len({line.count(",") for line in lines}) == 1
    return rows_are_whole and not list(folder.glob(".*")) and any("frames" in line for line in said)


def endure(minutes: float, progress: bool = True) -> Figures:
    """Run rounds for so many minutes."""
    # One that comes when a round is over already must not end the process.
    signal.signal(signal.SIGTERM, lambda *_: None)
    figures = Figures()
    warm: tuple[float, int, int] | None = None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([sys.executable, "-c", _EXPORT, str(folder / "model")], check=True)
        model = folder / "model" / "model.xml"
        (folder / "rules.json").write_text(_RULES)
        plain = {"bf": "0", "g": "6"}
        clip = write_video(folder / "clip.mp4", numbered_frames(300), 30, options=plain)
        command = ["ffmpeg", "-v", "error", "-i", str(clip), "-c", "copy", "-f", "mpegts", "pipe:1"]
        film = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

        start_s = time.monotonic()
        server = KilledServer(clip, 30_000 + os.getpid() % 10_000)
        with serving(Answers(lambda: film)) as answers, contextlib.closing(_Killing(server)):
            while (passed_s := time.monotonic() - start_s) < 60 * minutes:
                if warm is None and passed_s > 60 * minutes * _WARM_UP:
                    warm = _settled()
                said = _round(server, answers.address, model, folder, figures.rounds)
                # ffmpeg can be too slow to listen on a busy machine.
                if any("refuses the connection" in line for line in said):
                    figures.not_begun += 1
                    continue
                whole = _is_whole(folder, said)
                whole &= _record_until_full(model, clip, folder, figures.rounds)
                _count(figures, said, whole)
                if progress:
                    memory_mb, handles, threads = _sample()
                    print(
                        f"{passed_s / 60:6.1f} min  round {figures.rounds}  {memory_mb:.1f} MB  "
                        f"{handles} handles  {threads} threads  whole: {whole}",
                        flush=True,
                    )

        now = _settled()
    first = warm or now
    figures.memory_mb, figures.memory_growth = now[0], now[0] / first[0] - 1
    figures.handles, figures.threads = now[1] - first[1], now[2] - first[2]
    return figures


class _Killing:
    def __init__(self, server: KilledServer) -> None:
        self._server = server

    def close(self) -> None:
        self._server.kill()


def _count(figures: Figures, said: list[str], whole: bool) -> None:
    """Add a round to the figures, by its last line."""
    figures.rounds += 1
    figures.broken_outputs += not whole
    summary = next((line for line in reversed(said) if " windows, " in line), "0 frames, ")
    figures.frames += int(summary.split(" frames")[0])
    figures.interruptions += sum("came back" in line for line in said)
    figures.events += int(summary.split(" events")[0].split()[-1]) if " events" in summary else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    figures = endure(arguments.minutes)
    for name, value in asdict(figures).items():
        print(f"{name:16s} {value:.4g}")
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(figures), indent=1) + "\n")
    is_sound = figures.memory_growth <= 0.01 and figures.handles <= 0 and not figures.broken_outputs
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
