"""The five numbers of an annotation line: a clip inside its video, and the frame rate."""

from __future__ import annotations

from action_recognition.data.annotation_lines import HIGHEST_RATE_FPS, Numbers, RawLine

Explanation = tuple[str, str, str]
"""The fields found, allowed and fix of a problem."""


def is_sound(numbers: Numbers) -> bool:
    """Return True for a clip inside its video, with a possible frame rate."""
    clip_start, clip_end, video_start, video_end, rate = numbers
    return 0 <= video_start <= clip_start < clip_end <= video_end and 0 < rate <= HIGHEST_RATE_FPS


def explain_numbers(raw: RawLine) -> list[Explanation]:
    """Return every problem of the five numbers."""
    assert raw.numbers is not None
    clip_start, clip_end, video_start, video_end, rate = raw.numbers
    problems = _explain_order(raw.numbers)

    # Ends in a wrong order would be reported a second time here.
    if not problems and (clip_start < video_start or clip_end > video_end):
        problems.append(_explain_outside(raw.path, raw.label, raw.numbers))

    if not 0 < rate <= HIGHEST_RATE_FPS:
        allowed = f"above 0, at most {HIGHEST_RATE_FPS:g}"
        problems.append((f"frame rate {rate:g}", allowed, ""))
    return problems


def _explain_order(numbers: Numbers) -> list[Explanation]:
    """Return the problems of a clip or a video whose own ends are wrong."""
    clip_start, clip_end, video_start, video_end, _ = numbers
    problems = []
    if min(numbers[:4]) < 0:
        problems.append((f"negative frame number {min(numbers[:4])}", "0 or more", ""))
    # Ends are exclusive: an empty range is a mistake.
    for name, start, end in (("clip", clip_start, clip_end), ("video", video_start, video_end)):
        if end <= start:
            found = f"{name}_end {end} is not after {name}_start {start}"
            problems.append((found, "an end after the start (it is exclusive)", ""))
    return problems


def _explain_outside(path: str, label: str, numbers: Numbers) -> Explanation:
    """Return the problem of a clip outside its video. The published column order is recognised."""
    clip_start, clip_end, video_start, video_end, rate = numbers
    clip, video = f"{clip_start} to {clip_end}", f"{video_start} to {video_end}"
    outside = f"the clip {clip} is not inside the video {video}"
    if not (clip_start <= video_start and video_end <= clip_end):
        return outside, "clip_start and clip_end between video_start and video_end", ""

    # With both pairs exchanged the line would be right.
    swapped = f"{path} {label} {video_start} {video_end} {clip_start} {clip_end} {rate:g}"
    found = f"{outside}: columns 3-4 are the clip, 5-6 the video; these look swapped"
    return found, "", f"write {swapped!r}"
