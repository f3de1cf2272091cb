"""Place clips: from what a source says and what the file really holds to an annotation line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from action_recognition.data.annotation_lines import HIGHEST_RATE_FPS, Numbers
from action_recognition.data.path_check import PathChecker
from action_recognition.data.video import VideoInfo, probe, set_decode_threads
from action_recognition.dataset_tools.importing.found import (
    Found,
    FoundClip,
    Frames,
    Remark,
    Seconds,
    Share,
)
from action_recognition.errors import UserError

# This much of a long video, before and after a gesture, belongs to its clip.
# MS-ASL's signs follow each other closely.
MARGIN_S = 0.5
# A file this much longer or shorter than its gesture still counts as cut for it.
_CUT_TOLERANCE = 0.5
# Notes on how files are read that are printed.
_MOST_NOTES = 10
# The part of a clip that must be left when its end is cut off.
_SHORTEST_PART = 0.5

Progress = Callable[[int, int], None]
"""Called with (done, total) as files are opened."""
Placed = tuple[FoundClip, Numbers | None]
"""A clip with its numbers, None where nothing is known but the whole."""


class CannotPlace(ValueError):
    """The file does not hold what the source says. The text says why."""


def place_all(
    found: Found, jobs: int, folder_rate_fps: float | None, progress: Progress
) -> list[Placed]:
    """Place the clips whose file exists, lies under the root, can be read and holds them.

    The others are left out. Files are opened in `jobs` threads.
    """
    # Files that several clips share are opened once.
    clips = _with_file(found)
    paths = list(dict.fromkeys(clip.path for clip in clips))
    infos = probe_all(found.data_root, paths, jobs, progress)
    found.warnings += _notes(infos)

    placed: list[Placed] = []
    for clip in clips:
        try:
            numbers, change = _place_in(infos[clip.path], clip, folder_rate_fps)
        except CannotPlace as error:
            found.leave_out(clip.where, clip.path, str(error))
            continue
        if change:
            found.changed.append(Remark(clip.where, clip.path, change))
        placed.append((clip, numbers))
    return placed


def _notes(infos: Mapping[str, VideoInfo | str]) -> list[str]:
    """Return each note on how files are read once, with the number of those files."""
    files: dict[str, list[str]] = {}
    for path, info in infos.items():
        for note in info.notes if isinstance(info, VideoInfo) else ():
            files.setdefault(note, []).append(path)

    # The most frequent first. Rates differ from file to file.
    by_number = sorted(files.items(), key=lambda item: -len(item[1]))
    notes = [
        f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {note}"
        for note, paths in by_number[:_MOST_NOTES]
    ]
    rest = len(by_number) - _MOST_NOTES
    return [*notes, f"{rest} more files are not read as they state"] if rest > 0 else notes


def probe_all(
    root: Path, paths: Sequence[str], jobs: int, progress: Progress
) -> dict[str, VideoInfo | str]:
    """Return what each file or frame folder holds, or why it cannot be read.

    They are opened in `jobs` threads.
    """
    found: dict[str, VideoInfo | str] = {}
    # The files are the parallel part.
    set_decode_threads(1)
    pool = ThreadPoolExecutor(jobs)
    try:
        # Results come in the order of paths.
        infos = zip(paths, pool.map(_probe, [root / path for path in paths]), strict=True)
        for done, (path, info) in enumerate(infos, start=1):
            found[path] = info
            progress(done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _probe(path: Path) -> VideoInfo | str:
    try:
        return probe(path)
    except UserError as error:
        return error.problems[0].found


def place_clip(
    clip: FoundClip, info: VideoInfo, folder_rate_fps: float | None
) -> tuple[Numbers | None, str]:
    """Return the numbers of a clip, and what was changed.

    The numbers are clip_start, clip_end, video_start, video_end, fps, or None where nothing is
    known but the whole. The rate is the file's own. For a frame folder, it is that of the source
    or `folder_rate_fps`.
    Raises CannotPlace: the clip does not fit the file.
    """
    rate = info.frame_rate_fps or clip.frame_rate_fps or folder_rate_fps
    length = info.num_frames
    if isinstance(clip.span, Seconds):
        if rate is None:
            why = "its times are in seconds and its frame rate is not known"
            raise CannotPlace(f"{why}; give --frame-rate")
        return _place_seconds(clip.span, length, rate), ""

    if isinstance(clip.span, Frames):
        if rate is None:
            why = "its frames are numbered and its frame rate is not known"
            raise CannotPlace(f"{why}; give --frame-rate")
        return _place_frames(clip.span, length, rate)

    start, end = 0, length
    if isinstance(clip.span, Share):
        start = min(int(clip.span.start * length), length - 1)
        end = max(start + 1, round(clip.span.end * length))
    elif clip.span is not None:
        return _place_numbers(clip.span, length)
    return (None if rate is None else (start, end, 0, length, rate)), ""


def _with_file(found: Found) -> list[FoundClip]:
    """Return the clips whose file exists under the root. Leave the others out."""
    checker = PathChecker(found.data_root)
    clips = []
    for clip in found.clips:
        problem = checker.check(clip.path)[1]
        if problem:
            found.leave_out(clip.where, clip.path, problem)
        else:
            clips.append(clip)
    return clips


def _place_in(
    info: VideoInfo | str, clip: FoundClip, folder_rate_fps: float | None
) -> tuple[Numbers | None, str]:
    """Place a clip in its file. A text instead of `info` says why the file cannot be read."""
    if isinstance(info, str):
        raise CannotPlace(info)
    return place_clip(clip, info, folder_rate_fps)


def _place_seconds(span: Seconds, length: int, rate: float) -> Numbers:
    """Place a time in a file of `length` frames that is a whole video, or cut for the clip."""
    start = round(span.start_s * rate)
    end = length if span.end_s is None else round(span.end_s * rate)
    wanted = end - start
    if span.end_s is not None and wanted <= 0:
        raise CannotPlace(
            f"its time ends at {span.end_s:g} s, not after its start at {span.start_s:g} s"
        )

    if start and _is_cut_for(wanted, end, length):
        return 0, length, 0, length, rate
    if start >= length or end - length > (1 - _SHORTEST_PART) * wanted:
        time = f"its time {span.start_s:g} s to {end / rate:g} s"
        raise CannotPlace(f"{time} is not inside the file, which has {length / rate:.2f} s")

    end = min(end, length)
    # The video of a clip is the gesture with a margin, not the whole file.
    margin = round(MARGIN_S * rate)
    return start, end, max(0, start - margin), min(length, end + margin), rate


def _place_frames(span: Frames, length: int, rate: float) -> tuple[Numbers, str]:
    """Place numbered frames in a file. An end a little behind that of the file is cut off."""
    start, end = span
    if not 0 <= start < end:
        raise CannotPlace(f"its frames {start} to {end} (from 0, the end exclusive) make no sense")
    longest_lack = (1 - _SHORTEST_PART) * (end - start)
    if start >= length or end - length > longest_lack:
        raise CannotPlace(f"the clip ends at frame {end}, the file has {length} frames")

    is_cut = end > length
    change = f"its end {end} became {length}, the number of frames in the file" if is_cut else ""
    end = min(end, length)
    margin = round(MARGIN_S * rate)
    return (start, end, max(0, start - margin), min(length, end + margin), rate), change


def _is_cut_for(wanted: int, end: int, length: int) -> bool:
    """Return True for a file that ends too early for its time, but has the length of the clip."""
    tolerance = max(2, round(_CUT_TOLERANCE * wanted))
    return end > length + 2 and abs(length - wanted) <= tolerance


def _place_numbers(numbers: Numbers, length: int) -> tuple[Numbers, str]:
    """Put exchanged columns right, and cut ranges that are a little longer than the file."""
    clip_start, clip_end, video_start, video_end, rate = numbers
    changed = []
    is_right = _is_inside(clip_start, clip_end, video_start, video_end)
    if not is_right and _is_inside(video_start, video_end, clip_start, clip_end):
        clip_start, clip_end, video_start, video_end = video_start, video_end, clip_start, clip_end
        changed.append("columns 3-4 held the video and 5-6 the clip; exchanged")

    if video_end > length:
        longest_lack = (1 - _SHORTEST_PART) * (clip_end - clip_start)
        if clip_start >= length or clip_end - length > longest_lack:
            raise CannotPlace(f"the clip ends at frame {clip_end}, the file has {length} frames")
        changed.append(f"video_end {video_end} became {length}, the number of frames in the file")
        clip_end, video_end = min(clip_end, length), length

    is_inside = video_start >= 0 and _is_inside(clip_start, clip_end, video_start, video_end)
    if not (is_inside and 0 < rate <= HIGHEST_RATE_FPS):
        clip = f"clip {clip_start} to {clip_end} of video {video_start} to {video_end}"
        raise CannotPlace(f"{clip} at {rate:g} fps makes no sense")
    return (clip_start, clip_end, video_start, video_end, rate), "; ".join(changed)


def _is_inside(start: int, end: int, outer_start: int, outer_end: int) -> bool:
    return outer_start <= start < end <= outer_end
