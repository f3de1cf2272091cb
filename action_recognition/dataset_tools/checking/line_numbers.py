"""Check the numbers of one annotation line: the frame ranges of clip and video, and the rate."""

from __future__ import annotations

from action_recognition.data.annotation_lines import Numbers, RawLine
from action_recognition.dataset_tools.checking.findings import Findings, Place

# No camera is beyond these rates.
MAX_RATE_FPS = 1000.0
MIN_RATE_FPS = 0.5


def line_text(raw: RawLine) -> str:
    """Write the line of an annotation file.

    >>> line_text(RawLine("a.mp4", "wave", (0, 9, 0, 12, 29.97)))
    'a.mp4 wave 0 9 0 12 29.97'
    """
    if raw.numbers is None:
        return f"{raw.path} {raw.label}"
    *frames, rate = raw.numbers
    return f"{raw.path} {raw.label} {' '.join(map(str, frames))} {format(rate, '.7g')}"


def check_numbers(place: Place, raw: RawLine, findings: Findings) -> tuple[RawLine, bool]:
    """Put exchanged columns right. Return the line, and True if its numbers are sound then."""
    if raw.numbers is None or _are_sound(raw.numbers):
        return raw, True

    # All that is wrong is noted, the rate first.
    wrong_rate = _note_rate(place, raw.numbers[4], findings)
    wrong = _note_order(place, raw.numbers, findings)
    # A range whose ends are wrong cannot be compared with the other one.
    if not wrong and not _is_clip_inside(raw.numbers):
        raw, wrong = _note_outside(place, raw, raw.numbers, findings)
    return raw, not (wrong or wrong_rate)


def _are_sound(numbers: Numbers) -> bool:
    *_, video_start, _, rate = numbers
    return video_start >= 0 and _is_clip_inside(numbers) and MIN_RATE_FPS <= rate <= MAX_RATE_FPS


def _is_clip_inside(numbers: Numbers) -> bool:
    clip_start, clip_end, video_start, video_end, _ = numbers
    return video_start <= clip_start < clip_end <= video_end


def _note_rate(place: Place, rate: float, findings: Findings) -> bool:
    """Note a frame rate that no camera has. Return True if it is one."""
    found = f"frame rate {rate:g}"
    if rate <= 0:
        repair = "the rate at which the video was filmed, above 0"
        findings.add(place, "rate-not-positive", found, repair)
    elif not MIN_RATE_FPS <= rate <= MAX_RATE_FPS:
        repair = "frames a second, at which the video was filmed"
        findings.add(place, "rate-unlikely", found, repair)
    return not MIN_RATE_FPS <= rate <= MAX_RATE_FPS


def _note_order(place: Place, numbers: Numbers, findings: Findings) -> bool:
    """Note frame numbers below 0, and ranges that do not end after their start."""
    clip_start, clip_end, video_start, video_end, _ = numbers
    lowest = min(numbers[:4])
    wrong = lowest < 0
    if wrong:
        findings.add(place, "negative-number", f"frame number {lowest}", "0 or more")

    for name, start, end in (("clip", clip_start, clip_end), ("video", video_start, video_end)):
        if end <= start:
            kind = "zero-length" if end == start else "end-before-start"
            message = f"{name}_start {start}, {name}_end {end}"
            findings.add(place, kind, message, "an end after the start (it is exclusive)")
            wrong = True
    return wrong


def _note_outside(
    place: Place, raw: RawLine, numbers: Numbers, findings: Findings
) -> tuple[RawLine, bool]:
    """Note a clip that is not inside its video, and exchange the two ranges where that is why.

    Returns the line, and True if it is still wrong.
    """
    clip_start, clip_end, video_start, video_end, rate = numbers
    video = f"the video {video_start} to {video_end}"
    outside = f"the clip {clip_start} to {clip_end} is not inside {video}"
    if clip_start <= video_start < video_end <= clip_end:
        # The video is inside the clip: the columns are exchanged.
        raw = raw._replace(numbers=(video_start, video_end, clip_start, clip_end, rate))
        message, repair = f"{outside}: columns 3-4 are the clip", f"write {line_text(raw)!r}"
        findings.add(place, "columns-exchanged", message, repair)
        return raw, False

    repair = "clip_start and clip_end between video_start and video_end"
    findings.add(place, "clip-outside-video", outside, repair)
    return raw, True
