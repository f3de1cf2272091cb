"""Time of `tools/data/check.py`: 400 clips of 3 s in full, a million lines without opening a file.

Figures:
    check_400_clips_s, check_million_rows_s
    check_million_rows_peak_mb: memory of that process.
    check_over_decoding: time for the clips over that of only decoding all frames in one process.
--quick takes a tenth of both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/check.py` without an installed package

from benchmarks import harness

NUM_CLIPS, NUM_ROWS = 400, 1_000_000
NUM_DIFFERENT, NUM_FRAMES, RATE_FPS, HEIGHT, WIDTH = 8, 90, 30, 256, 456
NUM_CLASSES, NUM_FILES = 20, 20_000
SCRIPT = harness.REPOSITORY / "tools" / "data" / "check.py"


def made_frames(seed: int) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8 RGB: a noisy room in which a disc moves."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 3)
    room = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    frames = np.stack([room] * NUM_FRAMES)
    for i, frame in enumerate(frames):
        centre = (int(WIDTH / 2 + WIDTH / 4 * np.sin(i / 7 + seed)), HEIGHT // 2)
        cv2.circle(frame, centre, HEIGHT // 6, (255, 200, 0), -1)
    return frames


def make_clips(root: Path, number: int) -> Path:
    """Write clips as a phone makes them, some repeated. Return the annotation file."""
    contents = []
    for seed in range(NUM_DIFFERENT):
        path = root / "made.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=RATE_FPS)
            stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
            for picture in made_frames(seed):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        contents.append(path.read_bytes())
    lines = []
    for clip in range(number):
        free_box = (16).to_bytes(4, "big") + b"free" + clip.to_bytes(8, "big")  # readers skip it
        (root / f"{clip}.mp4").write_bytes(contents[clip % NUM_DIFFERENT] + free_box)
        lines.append(f"{clip}.mp4 {clip % NUM_CLASSES} 0 {NUM_FRAMES} 0 {NUM_FRAMES} {RATE_FPS}\n")
    return write_annotations(root, lines)


def make_rows(root: Path, number: int) -> Path:
    """Many clips of fewer videos, all different, without a fault; the files are empty."""
    folder = root / "videos"
    folder.mkdir()
    for file in range(min(NUM_FILES, number)):
        (folder / f"{file}.mp4").touch()
    lines = []
    for row in range(number):
        start = row // NUM_FILES * 10
        lines.append(
            f"videos/{row % NUM_FILES}.mp4 {row % NUM_CLASSES} {start} {start + 9} 0 10000 30\n"
        )
    return write_annotations(root, lines)


def write_annotations(root: Path, lines: list[str]) -> Path:
    (root / "classes.json").write_text(
        json.dumps([f"class {number}" for number in range(NUM_CLASSES)])
    )
    (root / "train.txt").write_text("".join(lines))
    return root / "train.txt"


# Runs a script and says its peak last. What getrusage gives begins at the peak of this process.
_AND_PEAK = """
import atexit, runpy, sys
sys.path.insert(0, sys.argv.pop(1))
from action_recognition.peak_memory import peak_memory_bytes
atexit.register(lambda: print(peak_memory_bytes(), file=sys.stderr))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def check_seconds(ann_file: Path, *more: str) -> tuple[float, float]:
    """Return seconds of the command from start to end, and its peak memory in MB.

    Raises RuntimeError: it finds a problem.
    """
    command = [
        *(sys.executable, "-c", _AND_PEAK, str(harness.REPOSITORY)),
        str(SCRIPT),
        "--ann-files",
        str(ann_file),
        "--data-roots",
        str(ann_file.parent),
        *more,
    ]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds, int(done.stderr.splitlines()[-1]) / 2**20


def decode_seconds(folder: Path) -> float:
    start = time.perf_counter()
    for path in sorted(folder.glob("[0-9]*.mp4")):
        with av.open(str(path)) as container:
            for _ in container.decode(video=0):
                pass
    return time.perf_counter() - start


def main(argv: Sequence[str] | None = None) -> int:
    options = harness.parse_arguments(__doc__.splitlines()[0], argv)
    part = 10 if options.quick else 1
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part_name for part_name in ("rows", "clips")]
        for folder in folders:
            folder.mkdir()
        rows_s, peak_mb = check_seconds(make_rows(folders[0], NUM_ROWS // part), "--no-files")
        clips = make_clips(folders[1], NUM_CLIPS // part)
        clips_s, _ = check_seconds(clips, "--jobs", str(options.threads))
        decoding_s = decode_seconds(folders[1])
    timings = {
        name: harness.Timing(np.array([value]))
        for name, value in (("rows", rows_s), ("clips", clips_s), ("decoding", decoding_s))
    }
    figures = {
        "check_400_clips_s": harness.Figure(clips_s),
        "check_million_rows_s": harness.Figure(rows_s),
        "check_million_rows_peak_mb": harness.Figure(peak_mb),
        "check_over_decoding": harness.Figure(clips_s / decoding_s),
    }
    notes = [
        f"{NUM_CLIPS // part} clips of {NUM_FRAMES} frames of {WIDTH} x {HEIGHT}, "
        f"{NUM_ROWS // part} lines; the command from start to end"
    ]
    harness.report("check", options, timings, figures, precision="uint8", notes=notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
