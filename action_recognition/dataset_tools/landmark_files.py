"""Landmarks of videos as `.npz` files of one's own: one file for each clip of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from action_recognition.console import say
from action_recognition.data.frame_folder import list_frame_files
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.data.landmarks.tracking import TrackingOptions, track_videos
from action_recognition.data.sampling import time_step
from action_recognition.data.video import container_frame_rate, count_frames, is_photo
from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.errors import UserError, user_error
from action_recognition.hands.landmark_file import load_landmarks

SUFFIX: Final = ".npz"
DRAWN_SUFFIXES: Final = (".mp4", ".mkv", ".mov")
FOLDER_RATE_FPS: Final = 30.0
"""The frame rate of a folder of images, which states none."""


@dataclass
class WrittenLandmarks:
    """The files that are there now, and (path, reason) of clips that cannot be read."""

    files: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def clips_below(source: Path) -> list[Path]:
    """Return the clips of a path: itself, or the videos and frame folders below it.

    Raises UserError: there is nothing, or no clip below.
    """
    if not source.exists():
        raise user_error(f"--input {source}", "there is no such file or folder")
    if not source.is_dir() or _is_frame_folder(source):
        return [source]
    clips = [source / medium.path for medium in walk_media(source) if not medium.problem]
    if not clips:
        found = "holds neither videos nor folders of numbered images"
        raise user_error(f"--input {source}", found)
    return clips


def check_places(
    source: Path, clips: Sequence[Path], output: Path, draw: Path | None, num_parts: int = 1
) -> None:
    """Raise UserError: the output cannot be what was asked for."""
    is_one = clips == [source]
    if is_one and num_parts > 1:
        raise user_error("--part", "divides a folder of clips", fix="leave it out for one clip")
    if is_one and (output.suffix != SUFFIX or output.is_dir()):
        raise user_error("--output", f"found {str(output)!r}", f"a file that ends in {SUFFIX}")
    if not is_one and (output.suffix == SUFFIX or output.is_file()):
        allowed = "a folder, since --input is a folder of clips"
        raise user_error("--output", f"found {str(output)!r}", allowed)
    if draw is None:
        return
    if not is_one:
        raise user_error("--draw", "draws one clip", fix="name one clip with --input")
    if draw.suffix.lower() not in DRAWN_SUFFIXES or draw.absolute() == source.absolute():
        allowed = f"another file than --input, that ends in {', '.join(DRAWN_SUFFIXES)}"
        raise user_error("--draw", f"found {str(draw)!r}", allowed)


def part_of_clips(clips: Sequence[Path], part: int, num_parts: int) -> list[Path]:
    """Return every `num_parts`-th clip, from the `part`-th on, which counts from 1."""
    return list(clips[part - 1 :: num_parts])


def write_landmarks(
    source: Path,
    clips: Sequence[Path],
    output: Path,
    frame_rate_fps: float | None,
    options: TrackingOptions,
) -> WrittenLandmarks:
    """Track clips and write their landmarks. Files that are there already are kept.

    Without `frame_rate_fps` all frames are tracked. Raises UserError: the networks are missing.
    """
    written = WrittenLandmarks()
    to_track: list[tuple[TrackedVideo, Path]] = []
    for clip in clips:
        file = output if clip == source else _file_of(clip, source, output)
        try:
            video = _video(clip, frame_rate_fps)
        except UserError as error:
            written.unreadable.append((clip, str(error)))
            continue
        written.files.append(file)
        if not file.exists():
            to_track.append((video, file))

    for video, reason in track_videos(to_track, options):
        if reason:
            written.unreadable.append((Path(str(video.path)), reason))
    lost = {path for path, _ in written.unreadable}
    written.files = [file for file in written.files if file.exists()]
    _say_what_was_seen(written.files, len(lost))
    return written


def _video(clip: Path, frame_rate_fps: float | None) -> TrackedVideo:
    rate = container_frame_rate(clip)
    if rate is None and not is_photo(clip):
        say(f"{clip}: states no frame rate, so {FOLDER_RATE_FPS:g} fps are taken")
    rate = rate or FOLDER_RATE_FPS
    step = 1 if frame_rate_fps is None else time_step(rate, frame_rate_fps)
    return TrackedVideo(clip, count_frames(clip), rate, step)


def _file_of(clip: Path, source: Path, output: Path) -> Path:
    relative = clip.relative_to(source)
    return output / relative.with_name(relative.name + SUFFIX)


def _is_frame_folder(folder: Path) -> bool:
    try:
        return bool(list_frame_files(folder))
    except UserError:
        return False


def _say_what_was_seen(files: Sequence[Path], num_lost: int) -> None:
    for line in _lines(files):
        say(line)
    if num_lost:
        say(f"{num_lost} clips cannot be read")


def _lines(files: Sequence[Path]) -> Iterator[str]:
    shares = [load_landmarks(file).seen_share for file in files]
    if len(files) == 1:
        yield f"saved: {files[0]}; a hand is seen in {shares[0]:.0%} of the frames"
        return
    none, few = sum(share == 0 for share in shares), sum(0 < share < 0.5 for share in shares)
    seen = f"no hand in {none}, in under half of the frames in {few}"
    yield f"{len(files)} files of landmarks; {seen}"
