"""Position of every sign in its file, and the part of the video that belongs to its clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.video import VideoInfo
from action_recognition.dataset_tools.importing.found import FoundClip, Seconds
from action_recognition.dataset_tools.importing.placing import CannotPlace, place_clip
from action_recognition.dataset_tools.preparing.msasl_entries import SignEntry
from action_recognition.dataset_tools.preparing.trimming import (
    Span,
    sign_span,
    video_spans,
    without_overlaps,
)

_SAME_RATE = 1e-3  # relative difference of two rates that count as the same
_NOTHING_LEFT = "nothing is left of its time before the next sign of the video"


class SignTask(NamedTuple):
    """One sign of a file. `entries` are all known signs of the file, `number` is its place in them.

    `is_cut` is True for a file that holds this sign only.
    """

    source: Path
    entries: tuple[SignEntry, ...]
    number: int
    is_cut: bool


class PlannedSign(NamedTuple):
    """Frames of a sign and of its clip, as in the file, or the problem that prevents its use.

    The video is the part of the file that belongs to the clip.
    """

    sign: Span = (0, 0)
    video: Span = (0, 0)
    frame_rate_fps: float = 0.0
    problem: str = ""


class _PlacedSign(NamedTuple):
    """A sign in frames of its file, by its number among the entries."""

    number: int
    span: Span
    frame_rate_fps: float


def plan_signs(task: SignTask, info: VideoInfo, max_length: int) -> dict[int, PlannedSign]:
    """Return the position of every sign of a file, by its number.

    Neighbours that are not written bound the others too. Frames are those of the file. If it was
    downloaded at another rate than the annotation's, times decide.
    """
    plans: dict[int, PlannedSign] = {}
    placed: list[_PlacedSign] = []
    for number, entry in enumerate(task.entries):
        # The other signs of the video are not in a file that was cut for one.
        if task.is_cut and number != task.number:
            continue
        try:
            annotated, rate = _placed(entry, info, task.is_cut)
        except CannotPlace as error:
            plans[number] = PlannedSign(problem=str(error))
        else:
            placed.append(_PlacedSign(number, sign_span(annotated, rate), rate))

    placed.sort(key=lambda sign: sign.span)
    return plans | _bounded(placed, info.num_frames, max_length)


def _bounded(
    placed: Sequence[_PlacedSign], num_frames: int, max_length: int
) -> dict[int, PlannedSign]:
    """Return plans for signs in the order of their spans. No clip shows a neighbour's sign."""
    plans: dict[int, PlannedSign] = {}
    kept: list[_PlacedSign] = []
    spans = without_overlaps([sign.span for sign in placed])
    for sign, span in zip(placed, spans, strict=True):
        if span is None:
            plans[sign.number] = PlannedSign(problem=_NOTHING_LEFT)
        else:
            kept.append(sign._replace(span=span))

    if kept:
        rate = kept[0].frame_rate_fps
        videos = video_spans([sign.span for sign in kept], num_frames, rate, max_length)
        for sign, video in zip(kept, videos, strict=True):
            plans[sign.number] = PlannedSign(sign.span, video, sign.frame_rate_fps)
    return plans


def _placed(entry: SignEntry, info: VideoInfo, is_cut: bool) -> tuple[Span, float]:
    """Return the annotated time in frames of the file, and its frame rate.

    Where the two rates are nearly the same, the annotation's is returned.
    """
    annotated_rate = entry.frame_rate_fps
    rate = info.frame_rate_fps or annotated_rate
    times = Seconds(entry.start / annotated_rate, entry.end / annotated_rate)
    clip = FoundClip(
        path=entry.video,
        label="",
        where=entry.where,
        span=None if is_cut else times,
        frame_rate_fps=annotated_rate,
    )
    numbers, _ = place_clip(clip, info, None)
    assert numbers is not None

    is_same = abs(rate - annotated_rate) <= _SAME_RATE * rate
    return (numbers[0], numbers[1]), annotated_rate if is_same else rate
