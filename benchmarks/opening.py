"""Time to open a film for live recognition, over PyAV's bare `av.open` of the same file.

Figures, for each container:
    time_over_bare_open_NAME: until the source is ready to be played, over `av.open` alone.
The files hold 300 frames of 320x240 in H.264: MP4, Matroska, transport stream and AVI. Ours chooses
the stream, sets the decoder up, and tells rate and colours.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import av

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/opening.py` without an installed package

from action_recognition.live.sources.frame_sources import VideoFile
from benchmarks import harness
from benchmarks.decode import make_video

SUFFIXES = (".mp4", ".mkv", ".ts", ".avi")


def bare_open(path: Path) -> Callable[[], None]:
    def open_it() -> None:
        av.open(str(path)).close()

    return open_it


def our_open(path: Path) -> Callable[[], None]:
    def open_it() -> None:
        VideoFile(path).close()

    return open_it


def main(argv: Sequence[str] | None = None) -> int:
    options = harness.parse_arguments(__doc__.splitlines()[0], argv)
    readers: dict[str, Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
            path = Path(folder) / f"made{suffix}"
            make_video(path)
            readers |= {f"bare {suffix}": bare_open(path), f"ours {suffix}": our_open(path)}
        timings = harness.interleaved(readers, options.rounds(200))
    figures = {
        f"time_over_bare_open_{suffix[1:]}": harness.ratio(
            timings[f"ours {suffix}"], timings[f"bare {suffix}"]
        )
        for suffix in SUFFIXES
    }
    harness.report("opening", options, timings, figures, precision="none")
    return 0


if __name__ == "__main__":
    sys.exit(main())
