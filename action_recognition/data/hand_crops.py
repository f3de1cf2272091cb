"""Clips of which a network sees the hands only, cut out as a square.

A clip gets one square, the same in all its frames, around every hand that is seen in any of them.
Motion remains motion within it. `detection.hand_finder` finds the hands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from action_recognition.console import say
from action_recognition.data.annotations import ClipRecord
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_source import FileFrames, FrameSource
from action_recognition.data.transforms import Frames
from action_recognition.detection.hand_finder import HandFinder, Square
from action_recognition.errors import UserError, user_error

_FRAMES_SEARCHED = 8  # of a clip, evenly spread over it

ClipKey = tuple[MediaPath, int, int]
"""Path, clip_start and clip_end."""


def _key(record: ClipRecord) -> ClipKey:
    return record.path, record.clip_start, record.clip_end


class HandCrops:
    """A `FrameSource` that gives the square with the hands of every frame.

    The squares are found before, in the main process. A clip without one stays whole.
    """

    def __init__(
        self, squares: Mapping[ClipKey, Square], source: FrameSource | None = None
    ) -> None:
        self._squares, self._source = dict(squares), source or FileFrames()

    def complete(self, record: ClipRecord, default_rate_fps: float) -> ClipRecord:
        """Return the record with the ends and rate of a two-column line filled in."""
        return self._source.complete(record, default_rate_fps)

    def read(self, record: ClipRecord, frame_indices: Sequence[int]) -> Frames:
        """Return the clip's square of those frames, (T, H, W, 3) uint8 RGB."""
        frames = self._source.read(record, frame_indices)
        square = self._squares.get(_key(record))
        return frames if square is None else square.cut(frames)


def find_hands(
    finder: HandFinder, records: Iterable[ClipRecord], source: FrameSource | None = None
) -> dict[ClipKey, Square]:
    """Find the squares of those photos and clips that show a hand.

    A clip that cannot be read is passed over: whoever reads it reports it.
    """
    source, found = source or FileFrames(), {}
    for listed in records:
        try:
            # The rate does not matter, only the ends do.
            record = source.complete(listed, default_rate_fps=1.0)
            square = _square(finder, record, source)
        except UserError:
            continue
        if square is not None:
            found[_key(record)] = square
    return found


def _square(finder: HandFinder, record: ClipRecord, source: FrameSource) -> Square | None:
    """Find the square of a photo, or of some frames of a clip."""
    num_frames = record.clip_end - record.clip_start
    if num_frames == 1:
        return finder.square(source.read(record, [record.clip_start])[0])

    # The middles of equal parts of the clip.
    searched = min(num_frames, _FRAMES_SEARCHED)
    places = [(2 * i + 1) * num_frames // (2 * searched) for i in range(searched)]
    indices = [record.clip_start + place for place in places]
    return finder.square_of_clip(source.read(record, indices))


def hand_frames(detector_file: Path | None, records: Iterable[ClipRecord]) -> HandCrops:
    """Return the source of a model that sees hands only. Print how many clips show one.

    Raises UserError: no detector is given, or a file that is none.
    """
    if detector_file is None:
        found = "is missing: this model sees the hand that a detector cuts out"
        fix = "add --hand-detector FILE; docs/photos.md names one"
        raise user_error("--hand-detector", found, fix=fix)
    from rich.progress import track

    # A clip that several lists name is searched once.
    listed = list({_key(record): record for record in records}.values())
    shown = track(listed, "looking for hands", transient=True, disable=not sys.stdout.isatty())
    squares = find_hands(HandFinder(detector_file), shown)

    share = f"{len(squares) / max(1, len(listed)):.0%}"
    say(f"hands: found in {len(squares)} of {len(listed)} ({share}); the others are seen whole")
    return HandCrops(squares)
