"""Windows out of many small videos and frame folders, one after the other: no file stays open, and memory does not grow.

python tests/data/many_clips.py [--windows N] [--files N]    the full run: 100,000 windows of 400 files, a few minutes
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

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2])
)  # `python tests/data/many_clips.py` without an installed package

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
"""Between the middle and the end of a full run; what a leak of a kilobyte a window would be is 50 MB."""


class Held(NamedTuple):
    """What the process holds after some windows: which file descriptors are open, memory in MB; `damaged` clips so far."""

    windows: int
    descriptors: frozenset[str]
    memory_mb: float
    damaged: int


def make_clips(root: Path, num_files: int, cache: Path | None = None) -> ClipDataset:
    """Half videos of several containers, half frame folders, in lines of both forms, and two files that cannot be read.

    With `cache`, frames go through a cache so small that entries are dropped again and again.
    """
    lines = []
    for number in range(num_files):
        name = (
            f"frames{number}"
            if number % 2
            else f"{number}.{_SUFFIXES[number // 2 % len(_SUFFIXES)]}"
        )
        frames = numbered_frames(_NUM_FRAMES, first=number * 7 % 4000)
        if number % 2:
            write_frame_folder(
                root / name, frames, "{:05d}.png" if number % 4 == 1 else "{:05d}.jpg"
            )
        else:
            write_video(root / name, frames, codec=_CODECS.get(name.partition(".")[2], "libx264"))
        lines.append(f"{name} 0" if number % 3 else f"{name} 0 2 10 0 {_NUM_FRAMES} 30")
    truncate(root / "0.mp4", root / "cut.mp4", 0.6)
    (root / "empty.mp4").touch()
    records = read_annotations(
        [write_lines(root / "all.txt", [*lines, "cut.mp4 0", "empty.mp4 0"])], [root], ["a"]
    )
    clip_input = load_template_dir(template_dir("jester"))[0].input.model_copy(
        update={"resize_short_side": 24, "crop_size": 16}
    )
    return ClipDataset(
        records, clip_input, source=FrameCache(cache, 1500 * num_files, 24) if cache else None
    )


def read_windows(clips: ClipDataset, number: int, parts: int) -> Iterator[Held]:
    """Read `number` windows, clip after clip over and over; what is held before the first and after each part."""
    damaged = 0
    yield held(0, damaged)
    for window in range(number):
        damaged += isinstance(clips[window % len(clips)], DamagedClip)
        if (window + 1) % (number // parts) == 0:
            yield held(window + 1, damaged)


def held(windows: int, damaged: int) -> Held:
    return Held(windows, frozenset(os.listdir("/proc/self/fd")), memory_in_use_mb(), damaged)  # noqa: PTH208


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Windows out of many small files: open file descriptors and memory along the way."
    )
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=400)
    arguments = parser.parse_args(argv)
    set_decode_threads(1)
    with tempfile.TemporaryDirectory() as name:
        clips = make_clips(Path(name), arguments.files)
        for _ in read_windows(clips, len(clips), 1):  # libraries open what they keep
            pass
        start, seen = time.monotonic(), []
        for now in read_windows(clips, arguments.windows, 4):
            seen.append(now)
            seconds = time.monotonic() - start
            print(
                f"{now.windows:>7} windows: {len(now.descriptors)} open, {now.memory_mb:.0f} MB, {seconds:.0f} s",
                flush=True,
            )
    leaks = (
        seen[-1].descriptors != seen[0].descriptors
        or seen[-1].memory_mb - seen[len(seen) // 2].memory_mb > MAX_GROWTH_MB
    )
    print(
        f"{seen[-1].damaged} of them of files that cannot be read; {'something stays open or grows' if leaks else 'nothing stays open'}"
    )
    return int(leaks)


if __name__ == "__main__":
    sys.exit(main())
