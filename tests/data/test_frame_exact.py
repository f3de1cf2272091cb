"""Windows out of 50 files of all kinds against a plain decode of the whole file.

Nothing stays open after many clips.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from action_recognition.data.video import count_frames, forget_files, read_frames
from tests.data.many_clips import make_clips, read_windows
from tests.synthetic import write_video

NUM_FRAMES = 40
NOISE = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 48, 64, 3), dtype=np.uint8)
_X264 = [
    {"bf": str(bf), "g": str(g), "threads": "1"}
    for bf, g in itertools.product((0, 1, 3), (1, 7, 250))
]
_OPEN_GOP = {"bf": "3", "g": "10", "x264-params": "open-gop=1"}
# Time stamps with bursts and gaps.
VARIED = [i * 5 if i < 11 else 60 + 2 * i + (i % 3) // 2 for i in range(NUM_FRAMES)]


class Kind(NamedTuple):
    """Container, codec and form of a video."""

    suffix: str
    codec: str
    options: dict[str, str]
    rotation: int = 0
    varied: bool = False

    def write(self, path: Path) -> Path:
        """Write the noise as a video of this kind."""
        rate: dict[str, Any] = {"ticks": VARIED} if self.varied else {}
        return write_video(
            path, NOISE, codec=self.codec, options=self.options, rotation=self.rotation, **rate
        )


KINDS = [
    *(
        Kind(suffix, "libx264", options)
        for suffix, options in itertools.product((".mp4", ".mkv"), _X264)
    ),
    *(
        Kind(".mp4", "libx264", options, rotation)
        for rotation, options in itertools.product((90, -90, 180), _X264[::4])
    ),
    *(
        Kind(suffix, "libx264", options, 0, True)
        for suffix, options in itertools.product((".mp4", ".mkv"), _X264[::2])
    ),
    *(
        Kind(".mp4", "libx264", options, rotation, True)
        for rotation, options in itertools.product((90, 180), _X264[5:7])
    ),
    *(Kind(suffix, "libx264", _OPEN_GOP) for suffix in (".mp4", ".mkv", ".ts")),
    Kind(".ts", "libx264", _X264[4]),
    Kind(".avi", "mpeg4", {}),
    Kind(".mp4", "mpeg4", {"bf": "2"}),
    Kind(".mkv", "mpeg4", {"bf": "2", "g": "9"}),
    Kind(".h264", "libx264", _X264[4]),
    Kind(".mpg", "mpeg2video", {"bf": "2"}),
    Kind(".webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
]


def decoded_from_its_beginning(path: Path) -> NDArray[np.uint8]:
    """Decode a whole file by PyAV alone."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return np.stack([np.rot90(x.to_ndarray(format="rgb24"), x.rotation // 90) for x in frames])


def test_there_are_fifty() -> None:
    """The kinds include rotations, uneven time stamps and B frames."""
    assert len(KINDS) >= 50
    assert sum(kind.rotation != 0 for kind in KINDS) >= 10
    assert sum(kind.varied for kind in KINDS) >= 10
    assert sum(kind.options.get("bf", "0") != "0" for kind in KINDS) >= 25


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_windows_equal_a_decode_of_the_whole_file(number: int, tmp_path: Path) -> None:
    """Random windows and the whole range are exact to the bit, in a file that is known or not."""
    kind = KINDS[number]
    path = kind.write(tmp_path / f"a{kind.suffix}")
    whole = decoded_from_its_beginning(path)

    assert len(whole) == count_frames(path) == NUM_FRAMES
    rng = np.random.default_rng(number)
    for place in range(4):
        # A file that is not known is read from where its index was made.
        if place % 2:
            forget_files()
        # A window of 8 frames at a random place and step.
        step = int(rng.integers(1, 4))
        first = int(rng.integers(NUM_FRAMES - 8 * step))
        window = list(range(first, first + 8 * step, step))
        np.testing.assert_array_equal(read_frames(path, window), whole[window])
    forget_files()
    np.testing.assert_array_equal(read_frames(path, range(NUM_FRAMES)), whole)


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="counts open files where the system says them"
)
@pytest.mark.parametrize("cached", [False, True])
def test_nothing_stays_open_after_many_clips(cached: bool, tmp_path: Path) -> None:
    """40 rounds leave the same file descriptors open."""
    clips = make_clips(tmp_path / "clips", 8, tmp_path / "cache" if cached else None)
    list(read_windows(clips, len(clips), 1))
    # Two of the ten clips are damaged.
    first, *_, last = read_windows(clips, 40 * len(clips), 2)
    assert last.descriptors == first.descriptors and last.damaged == 2 * 40
