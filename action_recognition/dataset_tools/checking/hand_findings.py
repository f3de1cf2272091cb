"""Clips that teach a model over hand landmarks too little: without hands, or with too few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from action_recognition.data.clip_table import UNKNOWN, ClipRecord
from action_recognition.data.landmarks.sampling import frames_of_clip
from action_recognition.data.landmarks.store import LandmarkStore
from action_recognition.data.landmarks.tracking import TrackingOptions, tracked_store
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.dataset_tools.checking.media_report import MediaReport
from action_recognition.dataset_tools.checking.single_line import Row
from action_recognition.errors import UserError
from action_recognition.hands.landmark_file import HandLandmarks

RARELY: Final = 0.5
"""A hand that is seen in a smaller share of the frames is seen rarely."""
_SMALL_PX: Final = 24.0
_POINTS_OUTSIDE: Final = 3
_OFTEN: Final = 0.5  # of the frames with a hand
# Of the other clips of a class, so that one clip more or less decides nothing.
_TWO_HANDS: Final = 0.7
_FEWEST_CLIPS: Final = 3


@dataclass(frozen=True)
class HandFacts:
    """The view of hands in one clip. Shares are those of its tracked frames, 0..1.

    `side_px` is the median of a hand's longer side. `cut_off` is the share of the frames with a
    hand in which some of its points lie outside of the picture.
    """

    seen: float
    both: float
    side_px: float
    cut_off: float


def hand_facts(landmarks: HandLandmarks, record: ClipRecord) -> HandFacts:
    """Return how hands are seen in the frames of a completed record."""
    tracked = landmarks.tracked_frames
    inside = frames_of_clip(tracked, record.clip_start, record.clip_end)
    rows = np.isin(landmarks.frame_index, inside)
    numbers, counts = np.unique(landmarks.frame_index[rows], return_counts=True)
    if not len(numbers):
        return HandFacts(0.0, 0.0, 0.0, 0.0)

    places = landmarks.landmarks_px[rows, :, :2]
    sides = (places.max(axis=1) - places.min(axis=1)).max(axis=1)
    height, width = landmarks.frame_size_hw
    outside = ((places < 0) | (places > [width, height])).any(axis=2).sum(axis=1)
    return HandFacts(
        seen=len(numbers) / len(inside),
        both=float((counts > 1).sum()) / len(inside),
        side_px=float(np.median(sides)),
        cut_off=float((outside >= _POINTS_OUTSIDE).mean()),
    )


def facts_of(store: LandmarkStore, listed: ClipRecord) -> HandFacts | None:
    """Return how hands are seen in a clip. None: it cannot be read, or was not tracked."""
    try:
        return hand_facts(*store.load(listed))
    except UserError:
        return None


def check_hands(
    rows: Mapping[Path, Sequence[Row]],
    reports: Mapping[Path, MediaReport],
    tracking_rate_fps: float,
    findings: Findings,
    jobs: int,
) -> dict[Path, Path]:
    """Track the hands of all readable clips, and note what a model cannot learn from.

    Return the file of landmarks of each video that was tracked.
    Raises UserError: the networks of hands are missing.
    """
    sound = [row for path, of_file in rows.items() if reports[path].is_readable for row in of_file]
    records = {row.place: _record(row) for row in sound if row.sound and row.label is not None}
    store = tracked_store(tracking_rate_fps, records.values(), TrackingOptions(None, jobs))
    facts = {place: facts_of(store, record) for place, record in records.items()}

    two_handed = _two_handed(
        (record.label, found)
        for record, found in zip(records.values(), facts.values(), strict=True)
    )
    for place, found in facts.items():
        if found is None:
            continue
        for kind, message, repair in _faults(found, records[place].label in two_handed):
            findings.add(place, kind, message, repair)
    return {
        Path(str(record.path)): store.look_up(record)[2]
        for place, record in records.items()
        if facts[place] is not None
    }


def _faults(found: HandFacts, needs_two: bool) -> Iterable[tuple[str, str, str]]:
    """Yield kind, message and repair of everything that is wrong with the hands of a clip."""
    film = "film it with the hand larger, whole and in good light, or leave the line out"

    # Problems: hardly anything is seen.
    if found.seen == 0.0:
        yield "no-hand", "no hand is seen in any frame", film
        return
    if found.seen < RARELY:
        share = f"a hand is seen in {found.seen:.0%} of the frames"
        yield "hand-rarely-seen", share, film

    # Notes: what is seen is small, cut off or only a half.
    if found.side_px < _SMALL_PX:
        size = f"the hand is {found.side_px:.0f} pixels long"
        yield "note-hand-small", size, "go nearer to the camera"
    if found.cut_off >= _OFTEN:
        edge = f"the hand is cut off by the picture's edge in {found.cut_off:.0%} of its frames"
        yield "note-hand-at-edge", edge, "keep the hand inside the picture"
    if needs_two and found.both < 1.0 - _TWO_HANDS:
        other = f"most clips of its class show two hands, here {found.both:.0%} of the frames do"
        yield "note-one-hand-of-two", other, "see whether one hand hides the other"


def _two_handed(clips: Iterable[tuple[int, HandFacts | None]]) -> set[int]:
    """Return the labels whose clips mostly show two hands in most frames."""
    by_label: dict[int, list[bool]] = {}
    for label, found in clips:
        if found is not None:
            by_label.setdefault(label, []).append(found.both >= _OFTEN)
    return {
        label
        for label, shows in by_label.items()
        if len(shows) >= _FEWEST_CLIPS and np.mean(shows) >= _TWO_HANDS
    }


def _record(row: Row) -> ClipRecord:
    """Return the clip of a sound row."""
    numbers = row.raw.numbers or (0, UNKNOWN, 0, UNKNOWN, float(UNKNOWN))
    clip_start, clip_end, video_start, video_end, rate = numbers
    assert row.label is not None
    return ClipRecord(
        clip_start=clip_start,
        clip_end=clip_end,
        video_start=video_start,
        video_end=video_end,
        frame_rate_fps=rate,
        path=row.path,
        label=row.label,
        line=f"{row.place.file}:{row.place.line}",
    )
