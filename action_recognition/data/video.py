"""Frames out of video files, frame folders and photos: frame-exact, decoding no more than is needed.

Frame numbers count the frames in the order of display, whatever the frame rate does. A file is read with PyAV: one pass over its
packets (no decoding) tells the time stamp of every frame; then the file is opened at the last key frame that is shown at or before the
first frame asked for. Pictures that no other picture is built from, and that nobody asked for, are not decoded at all.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_folder import (
    Shrink,
    check_frame_numbers,
    list_frame_files,
    probe_folder,
    read_folder_frames,
    stack_frames,
)
from action_recognition.data.photo import PHOTO_SUFFIXES, read_photo
from action_recognition.data.shard_path import ShardPath
from action_recognition.errors import UserError, user_error

_LOCAL_ONLY = {
    "protocol_whitelist": "file"
}  # a playlist that calls itself a video must not reach for the network
_SKIPPING_CODECS = frozenset(
    {"h264", "hevc", "mpeg4", "mpeg2video"}
)  # whose decoders heed `skip_frame` packet by packet (dav1d does not)
_MAX_PIXELS = 36_000_000  # 8K is 33 million; a damaged header may claim a picture of gigabytes
_num_threads = min(4, os.cpu_count() or 1)  # more only decode frames that nobody asked for
_REPAIR = "convert it again (ffmpeg) or leave its lines out of the annotation file"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video holds; `frame_rate_fps` is None for a frame folder, which does not say."""

    num_frames: int
    frame_rate_fps: float | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _PacketIndex:
    """Time stamps of a file's frames: `pts` in order of display; `key_pts` and `key_dts` of the key frames.

    A file without time stamps (AVI) is decoded from its beginning and its frames are counted: `pts` is then 0, 1, 2, ...
    """

    stamped: bool
    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    key_dts: NDArray[np.int64]

    def seek_target(self, pts: int) -> int | None:
        """Decoding time stamp of the last key frame shown at or before `pts`; None: start at the beginning."""
        position = int(np.searchsorted(self.key_pts, pts, side="right")) - 1
        return int(self.key_dts[position]) if position > 0 else None


def is_photo(path: MediaPath) -> bool:
    """Whether a path is read as a photo, a clip of one frame; a GIF is a video."""
    return path.suffix.lower() in PHOTO_SUFFIXES - {".gif"}


def count_frames(path: MediaPath) -> int:
    """How many frames a video file, frame folder or photo holds; a `UserError` names a path that cannot be read."""
    if path.is_dir():
        return len(list_frame_files(path))
    return 1 if is_photo(path) else len(_packet_index(path).pts)


def probe(path: MediaPath) -> VideoInfo:
    """Size, length and rate of a video file or frame folder; a `UserError` names a path that cannot be read."""
    if path.is_dir():
        num_frames, height, width = probe_folder(path)
        return VideoInfo(num_frames, None, width, height)
    if is_photo(path):
        height, width = read_photo(path).shape[:2]
        return VideoInfo(1, None, width, height)
    num_frames = len(_packet_index(path).pts)
    height, width = _decode(path, [0])[0].shape[:2]
    return VideoInfo(num_frames, container_frame_rate(path), width, height)


def container_frame_rate(path: MediaPath) -> float | None:
    """The average frame rate that a video file states; None for a frame folder, a photo or a file that states none."""
    if path.is_dir() or is_photo(path):
        return None
    with OpenedVideo(path) as (_, stream):
        rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


def read_frames(
    path: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    """The frames of those numbers (0-based, any order, repeats allowed), (T, H, W, 3) uint8 RGB.

    `shrink` is applied to each picture as it comes, so that only small ones are in memory together.

    `path` is a video file, a folder of numbered images, or a photo, which is one frame.
    A `UserError` names the path when it is missing, damaged, empty or shorter.
    The rotation that a file states is applied. Equal to OpenCV's own pictures to within 2 of 255 levels.
    """
    if path.is_dir():
        return read_folder_frames(path, frame_indices, shrink)
    if is_photo(path):
        check_frame_numbers(path, frame_indices, 1)
        picture = read_photo(path) if shrink is None else shrink(read_photo(path))
        return np.repeat(picture[None], len(frame_indices), axis=0)
    return _decode(path, frame_indices, shrink)


def _decode(
    path: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    index = _packet_index(path)
    check_frame_numbers(path, frame_indices, len(index.pts))
    stamps = [int(index.pts[i]) for i in frame_indices]
    seek_target = index.seek_target(min(stamps))
    wanted = frozenset(stamps)
    pictures = _pictures(path, index.stamped, wanted, seek_target, shrink)
    if (
        len(pictures) < len(wanted) and seek_target is not None
    ):  # not every container seeks exactly (MPEG program streams do not)
        pictures = _pictures(path, index.stamped, wanted, None, shrink)
    lost = [i for i, stamp in zip(frame_indices, stamps, strict=True) if stamp not in pictures]
    if lost:
        raise user_error(
            str(path),
            f"frame {lost[0]} of {len(index.pts)} cannot be decoded, the video is damaged",
            fix=_REPAIR,
        )
    return stack_frames(path, [pictures[stamp] for stamp in stamps])


def _pictures(
    path: MediaPath,
    by_stamp: bool,
    wanted: frozenset[int],
    seek_target: int | None,
    shrink: Shrink | None,
) -> dict[int, NDArray[np.uint8]]:
    """RGB pictures of the wanted time stamps, or (not `by_stamp`) of the wanted places in the order of display, but for damaged ones."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    reformatter = VideoReformatter()  # one for all frames: it keeps its tables
    with OpenedVideo(path) as (container, stream):
        if seek_target is not None:
            container.seek(seek_target, stream=stream, backward=True)
        frames = (
            _frames_by_stamp(container, stream, wanted)
            if by_stamp
            else enumerate(container.decode(stream))
        )
        for stamp, frame in frames:
            if stamp in wanted and not frame.is_corrupt:
                picture = _rgb(frame, reformatter)
                pictures[stamp] = shrink(picture) if shrink else picture
            if len(pictures) == len(wanted):
                break
    return pictures


def _frames_by_stamp(
    container: av.container.InputContainer, stream: av.VideoStream, wanted: frozenset[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Time stamp and frame, in order of display; frames that nothing depends on are left out unless wanted."""
    codec = stream.codec_context
    can_skip, skipping = codec.name in _SKIPPING_CODECS, False
    for packet in container.demux(stream):
        if can_skip and skipping != (packet.pts not in wanted):
            skipping = not skipping
            codec.skip_frame = "NONREF" if skipping else "DEFAULT"
        for frame in packet.decode():
            yield frame.pts, frame


def _rgb(frame: av.VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    rgb = reformatter.reformat(
        frame, format="rgb24", threads=1
    )  # to start threads takes longer than the work
    return np.rot90(rgb.to_ndarray(), k=round(frame.rotation / 90) % 4)


class OpenedVideo:
    """A video file and its first real video stream; FFmpeg's errors become a `UserError` that names the file."""

    def __init__(self, path: MediaPath) -> None:
        self.path = path

    def __enter__(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        if not self.path.exists():
            raise user_error(str(self.path), "there is no such video or frame folder")
        if self.path.stat().st_size == 0:
            raise user_error(str(self.path), "the file is empty (0 bytes)", fix=_REPAIR)
        try:
            self._container = av.open(
                _openable(self.path), options=_LOCAL_ONLY, metadata_errors="replace"
            )
        except (av.FFmpegError, OSError) as error:
            raise _damaged(self.path, error) from None
        cover = av.stream.Disposition.attached_pic
        streams = [
            stream for stream in self._container.streams.video if not stream.disposition & cover
        ]
        if not streams:
            self._container.close()
            raise user_error(str(self.path), "the file holds no video stream", fix=_REPAIR)
        stream = streams[0]
        if stream.codec_context is None:
            self._container.close()
            raise user_error(str(self.path), "the codec of the video is not known", fix=_REPAIR)
        stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = _num_threads
        return self._container, stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self._container.close()
        if isinstance(error, av.FFmpegError | OSError) and not isinstance(error, UserError):
            raise _damaged(self.path, error) from None


def _openable(path: MediaPath) -> str | io.BytesIO:
    return io.BytesIO(path.read_bytes()) if isinstance(path, ShardPath) else f"file:{path}"


def _damaged(path: MediaPath, error: BaseException) -> UserError:
    reason = getattr(error, "strerror", None) or str(error)
    return user_error(str(path), f"cannot be read as a video ({reason})", fix=_REPAIR)


def set_decode_threads(num_threads: int) -> None:
    """Threads that decode one file, by default at most 4; data workers take 1, because they are the parallel part themselves."""
    global _num_threads
    _num_threads = num_threads


def decode_threads() -> int:
    """Threads that decode one file."""
    return _num_threads


def forget_files() -> None:
    """Drop the time stamps that are remembered of files read before (benchmarks only; a changed file is noticed anyway)."""
    _cached_packet_index.cache_clear()


def _packet_index(path: MediaPath) -> _PacketIndex:
    try:
        state = path.stat()
    except OSError:
        raise user_error(str(path), "there is no such video or frame folder") from None
    return _cached_packet_index(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(
    maxsize=256
)  # an hour of video is 1 MB of time stamps; a file that changes gets a new entry
def _cached_packet_index(path: MediaPath, mtime_ns: int, size: int) -> _PacketIndex:
    with OpenedVideo(path) as (container, stream):
        announced = (
            stream.frames if "mp4" in container.format.name else 0
        )  # other containers estimate it
        packets = [packet for packet in container.demux(stream) if packet.size]
        if len(packets) < announced:
            raise user_error(
                str(path),
                f"the file is truncated: {len(packets)} of {announced} frames are there",
                fix=_REPAIR,
            )
        shown = [packet for packet in packets if not packet.is_discard]
        if not shown:
            raise user_error(str(path), "the video has no frames", fix=_REPAIR)
        stamps = [packet.pts for packet in shown]
        reordered = (
            stream.codec_context.has_b_frames and "avi" in container.format.name
        )  # AVI has no time stamps of display
        keys = sorted(
            (packet.pts, packet.dts)
            for packet in shown
            if packet.is_keyframe and None not in (packet.pts, packet.dts)
        )
    if reordered or None in stamps or len(set(stamps)) < len(stamps):
        nothing = np.empty(0, dtype=np.int64)
        return _PacketIndex(False, np.arange(len(stamps)), nothing, nothing)
    key_pts, key_dts = (np.array([pair[i] for pair in keys], dtype=np.int64) for i in range(2))
    return _PacketIndex(True, np.sort(np.array(stamps, dtype=np.int64)), key_pts, key_dts)
