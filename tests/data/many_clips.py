"""Windows out of many small videos and frame folders: no file stays open, and memory does not grow.

python tests/data/many_clips.py [--windows N] [--files N]

The full run reads 100,000 windows of 400 files, one after the other. It takes a few minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

# For `python tests/data/many_clips.py` without an installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from action_recognition.data.annotations import read_annotations
from action_recognition.data.batches import DamagedClip
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.frame_cache import FrameCache
from action_recognition.data.video import set_decode_threads
from action_recognition.template import load_template_dir
from tests.conftest import template_dir
from tests.dataset_tools.checking.fuzz import memory_in_use_mb
from tests.synthetic import numbered_frames, truncate, write_frame_folder, write_lines, write_video

_SUFFIXES = ("mp4", "avi", "mkv", "webm")
_CODECS = {"avi": "mpeg4", "webm": "libvpx"}
_NUM_FRAMES = 12
MAX_GROWTH_MB = 20.0
"""Between the middle and the end of a full run. A leak of a kilobyte per window is 50 MB."""


class Held(NamedTuple):
    """Open file descriptors and memory in MB after some windows, and `damaged` clips so far."""

    windows: int
    descriptors: frozenset[str]
    memory_mb: float
    damaged: int


def make_clips(root: Path, num_files: int, cache: Path | None = None) -> ClipDataset:
    """Make videos of several containers and as many frame folders, in lines of both forms.

    Two more files cannot be read. With `cache`, frames go through a cache so small that entries
    are dropped again and again.
    """
    lines = []
    for number in range(num_files):
        name = _write_clip(root, number)
        lines.append(f"{name} 0" if number % 3 else f"{name} 0 2 10 0 {_NUM_FRAMES} 30")
    truncate(root / "0.mp4", root / "cut.mp4", 0.6)
    (root / "empty.mp4").touch()
    ann_file = write_lines(root / "all.txt", [*lines, "cut.mp4 0", "empty.mp4 0"])

    small = {"resize_short_side": 24, "crop_size": 16}
    clip_input = load_template_dir(template_dir("jester"))[0].input.model_copy(update=small)
    source = FrameCache(cache, 1500 * num_files, 24) if cache else None
    return ClipDataset(read_annotations([ann_file], [root], ["a"]), clip_input, source=source)


def _write_clip(root: Path, number: int) -> str:
    """Write one video or frame folder, and return its name."""
    frames = numbered_frames(_NUM_FRAMES, first=number * 7 % 4000)
    if number % 2:
        pattern = "{:05d}.png" if number % 4 == 1 else "{:05d}.jpg"
        return write_frame_folder(root / f"frames{number}", frames, pattern).name
    suffix = _SUFFIXES[number // 2 % len(_SUFFIXES)]
    codec = _CODECS.get(suffix, "libx264")
    return write_video(root / f"{number}.{suffix}", frames, codec=codec).name


def read_windows(clips: ClipDataset, number: int, parts: int) -> Iterator[Held]:
    """Read `number` windows, clip after clip. Yield before the first and after each part."""
    damaged = 0
    yield held(0, damaged)
    for window in range(number):
        damaged += isinstance(clips[window % len(clips)], DamagedClip)
        if (window + 1) % (number // parts) == 0:
            yield held(window + 1, damaged)


def held(windows: int, damaged: int) -> Held:
    """Return the open file descriptors and the memory of this process."""
    descriptors = frozenset(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return Held(windows, descriptors, memory_in_use_mb(), damaged)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the test at full size. Return 1 when something leaks."""
    about = "Windows out of many small files: open file descriptors and memory along the way."
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=400)
    arguments = parser.parse_args(argv)

    set_decode_threads(1)
    with tempfile.TemporaryDirectory() as name:
        clips = make_clips(Path(name), arguments.files)
        # A first round: libraries open the files that they keep.
        list(read_windows(clips, len(clips), 1))
        seen = _watched(read_windows(clips, arguments.windows, 4))

    growth_mb = seen[-1].memory_mb - seen[len(seen) // 2].memory_mb
    leaks = seen[-1].descriptors != seen[0].descriptors or growth_mb > MAX_GROWTH_MB
    verdict = "something stays open or grows" if leaks else "nothing stays open"
    print(f"{seen[-1].damaged} of them of files that cannot be read; {verdict}")
    return int(leaks)


def _watched(parts: Iterator[Held]) -> list[Held]:
    """Print a line for each part, with the time since the start."""
    start, seen = time.monotonic(), []
    for now in parts:
        seen.append(now)
        held = f"{len(now.descriptors)} open, {now.memory_mb:.0f} MB"
        print(f"{now.windows:>7} windows: {held}, {time.monotonic() - start:.0f} s", flush=True)
    return seen


if __name__ == "__main__":
    sys.exit(main())
