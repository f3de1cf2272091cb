"""From what a source says about a clip, and what its file really holds, to the numbers of an annotation line."""

from __future__ import annotations

from action_recognition.data.annotation_lines import HIGHEST_RATE_FPS, Numbers
from action_recognition.data.video import VideoInfo
from action_recognition.dataset_tools.importing.found import FoundClip, Seconds, Share

MARGIN_S = 0.5  # as much of a long video around a gesture belongs to its clip; MS-ASL's signs follow each other closely
_CUT_TOLERANCE = (
    0.5  # a file this much longer or shorter than its gesture still counts as cut for it
)
_SHORTEST_PART = 0.5  # of a clip that must be left when its end is cut off


class CannotPlace(ValueError):
    """The file does not hold what the source says; the text says why."""


def place_clip(
    clip: FoundClip, info: VideoInfo, folder_rate_fps: float | None
) -> tuple[Numbers | None, str]:
    """clip_start, clip_end, video_start, video_end, fps of a clip (None: nothing is known but the whole), and what was changed.

    The rate is the file's own; of a frame folder, that of the source or `folder_rate_fps`. `CannotPlace` says what does not fit.
    """
    rate = info.frame_rate_fps or clip.frame_rate_fps or folder_rate_fps
    length = info.num_frames
    if isinstance(clip.span, Seconds):
        if rate is None:
            raise CannotPlace(
                "its times are in seconds and its frame rate is not known; give --frame-rate"
            )
        return _place_seconds(clip.span, length, rate)
    if isinstance(clip.span, Share):
        start = min(int(clip.span.start * length), length - 1)
        end = max(start + 1, round(clip.span.end * length))
        return (None if rate is None else (start, end, 0, length, rate)), ""
    if clip.span is not None:
        return _place_numbers(clip.span, length)
    return (None if rate is None else (0, length, 0, length, rate)), ""


def _place_seconds(span: Seconds, length: int, rate: float) -> tuple[Numbers, str]:
    start = round(span.start_s * rate)
    end = length if span.end_s is None else round(span.end_s * rate)
    wanted = end - start
    if span.end_s is not None and wanted <= 0:
        raise CannotPlace(
            f"its time ends at {span.end_s:g} s, not behind its start at {span.start_s:g} s"
        )
    tolerance = max(2, round(_CUT_TOLERANCE * wanted))
    if (
        start and end > length + 2 and abs(length - wanted) <= tolerance
    ):  # the file was cut for this clip
        return (0, length, 0, length, rate), ""
    if start >= length or end - length > (1 - _SHORTEST_PART) * wanted:
        raise CannotPlace(
            f"its time {span.start_s:g} s to {end / rate:g} s is not inside the file, which has {length / rate:.2f} s"
        )
    end = min(end, length)
    margin = round(MARGIN_S * rate)
    return (start, end, max(0, start - margin), min(length, end + margin), rate), ""


def _place_numbers(numbers: Numbers, length: int) -> tuple[Numbers, str]:
    clip_start, clip_end, video_start, video_end, rate = numbers
    changed = []
    if _is_inside(video_start, video_end, clip_start, clip_end) and not _is_inside(
        clip_start, clip_end, video_start, video_end
    ):
        clip_start, clip_end, video_start, video_end = video_start, video_end, clip_start, clip_end
        changed.append("columns 3-4 held the video and 5-6 the clip; exchanged")
    if video_end > length:
        if clip_start >= length or clip_end - length > (1 - _SHORTEST_PART) * (
            clip_end - clip_start
        ):
            raise CannotPlace(f"the clip ends at frame {clip_end}, the file has {length} frames")
        changed.append(f"video_end {video_end} became {length}, the number of frames in the file")
        clip_end, video_end = min(clip_end, length), length
    if not (
        0 <= video_start <= clip_start < clip_end <= video_end and 0 < rate <= HIGHEST_RATE_FPS
    ):
        raise CannotPlace(
            f"clip {clip_start} to {clip_end} of video {video_start} to {video_end} at {rate:g} fps makes no sense"
        )
    return (clip_start, clip_end, video_start, video_end, rate), "; ".join(changed)


def _is_inside(start: int, end: int, outer_start: int, outer_end: int) -> bool:
    return outer_start <= start < end <= outer_end
