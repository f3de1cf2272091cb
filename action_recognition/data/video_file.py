"""Frames out of video files: frame-exact, and no more is decoded than is needed.

A file is read with PyAV. One pass over its packets (no decoding) tells the time stamp of every
frame. Then the file is opened at the last key frame that is shown at or before the first wanted
frame. Pictures that no other picture is built from, and that nobody wants, are not decoded at all.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_folder import Shrink, check_frame_numbers, stack_frames
from action_recognition.data.shards.path import ShardPath
from action_recognition.errors import UserError, user_error

# A playlist that calls itself a video must not reach for the network.
_LOCAL_ONLY = {"protocol_whitelist": "file"}
# The decoders of these heed `skip_frame` packet by packet (dav1d does not).
_SKIPPING_CODECS = frozenset({"h264", "hevc", "mpeg4", "mpeg2video"})
# 8K is 33 million. A damaged header may claim a picture of gigabytes.
_MAX_PIXELS = 36_000_000
# More threads only decode frames that nobody wants.
_num_threads = min(4, os.cpu_count() or 1)
_ABSENT = "there is no such video or frame folder"
_REPAIR = "convert it again (ffmpeg) or leave its lines out of the annotation file"


def set_decode_threads(num_threads: int) -> None:
    """Set the threads that decode one file, by default at most 4.

    Data workers take 1, because they are the parallel part themselves.
    """
    global _num_threads
    _num_threads = num_threads


def decode_threads() -> int:
    """Return the threads that decode one file."""
    return _num_threads


def count_video_frames(path: MediaPath) -> int:
    """Return the number of frames of a video file. Raises UserError: it cannot be read."""
    return len(_packet_index(path).pts)


def read_video_frames(
    path: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    """Decode the frames of those numbers of a video file, as `video.read_frames`."""
    index = _packet_index(path)
    check_frame_numbers(path, frame_indices, len(index.pts))
    stamps = [int(index.pts[i]) for i in frame_indices]

    wanted = frozenset(stamps)
    seek_target = index.seek_target(min(stamps))
    pictures = _pictures(path, index.stamped, wanted, seek_target, shrink)

    # Not every container seeks exactly (MPEG program streams do not).
    if len(pictures) < len(wanted) and seek_target is not None:
        pictures = _pictures(path, index.stamped, wanted, None, shrink)

    lost = [i for i, stamp in zip(frame_indices, stamps, strict=True) if stamp not in pictures]
    if lost:
        damage = "cannot be decoded, the video is damaged"
        found = f"frame {lost[0]} of {len(index.pts)} {damage}"
        raise user_error(str(path), found, fix=_REPAIR)
    return stack_frames(path, [pictures[stamp] for stamp in stamps])


def _pictures(
    path: MediaPath,
    by_stamp: bool,
    wanted: frozenset[int],
    seek_target: int | None,
    shrink: Shrink | None,
) -> dict[int, NDArray[np.uint8]]:
    """Decode the RGB pictures of the wanted time stamps, except for damaged ones.

    Without `by_stamp` the wanted numbers are places in the order of display.
    """
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
    """Yield time stamp and frame, in order of display.

    Frames that no other depends on are left out unless wanted.
    """
    codec = stream.codec_context
    can_skip, skipping = codec.name in _SKIPPING_CODECS, False
    for packet in container.demux(stream):
        # The decoder is told only where wanted and unwanted packets meet.
        if can_skip and skipping != (packet.pts not in wanted):
            skipping = not skipping
            codec.skip_frame = "NONREF" if skipping else "DEFAULT"
        for frame in packet.decode():
            yield frame.pts, frame


def _rgb(frame: av.VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    # One thread: to start more takes longer than the work.
    rgb = reformatter.reformat(frame, format="rgb24", threads=1)
    return np.rot90(rgb.to_ndarray(), k=round(frame.rotation / 90) % 4)


class OpenedVideo:
    """A video file and its first real video stream.

    Raises UserError: the file cannot be read. It names the file, also for FFmpeg's errors inside of
    the `with` block.
    """

    def __init__(self, path: MediaPath) -> None:
        self.path = path

    def __enter__(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        self._container = _open_container(self.path)
        try:
            stream = _first_stream(self._container, self.path)
        except UserError:
            self._container.close()
            raise

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


def _open_container(path: MediaPath) -> av.container.InputContainer:
    """Open a video file, or one inside a shard. Raises UserError: it cannot be opened."""
    if not path.exists():
        raise user_error(str(path), _ABSENT)
    if path.stat().st_size == 0:
        raise user_error(str(path), "the file is empty (0 bytes)", fix=_REPAIR)
    try:
        # `file:` keeps names such as `http:x.mp4` and `%03d.mp4` what they are.
        place = io.BytesIO(path.read_bytes()) if isinstance(path, ShardPath) else f"file:{path}"
        return av.open(place, options=_LOCAL_ONLY, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise _damaged(path, error) from None


def _first_stream(container: av.container.InputContainer, path: MediaPath) -> av.VideoStream:
    """Return the first video stream that is no cover picture.

    Raises UserError: there is none, or its codec is not known.
    """
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise user_error(str(path), "the file holds no video stream", fix=_REPAIR)
    if streams[0].codec_context is None:
        raise user_error(str(path), "the codec of the video is not known", fix=_REPAIR)
    return streams[0]


def _damaged(path: MediaPath, error: BaseException) -> UserError:
    reason = getattr(error, "strerror", None) or str(error)
    return user_error(str(path), f"cannot be read as a video ({reason})", fix=_REPAIR)


@dataclass(frozen=True, slots=True)
class _PacketIndex:
    """Time stamps of a file's frames.

    `pts` are in order of display, `key_pts` and `key_dts` those of the key frames. A file without
    time stamps (AVI) is decoded from its beginning and its frames are counted: `pts` is then 0, 1,
    2, ...
    """

    stamped: bool
    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    key_dts: NDArray[np.int64]

    def seek_target(self, pts: int) -> int | None:
        """Return the decoding time stamp of the last key frame shown at or before `pts`.

        None: start at the beginning.
        """
        position = int(np.searchsorted(self.key_pts, pts, side="right")) - 1
        return int(self.key_dts[position]) if position > 0 else None


def forget_files() -> None:
    """Drop the remembered time stamps of files read before.

    For benchmarks only: a changed file is noticed anyway.
    """
    _cached_packet_index.cache_clear()


def _packet_index(path: MediaPath) -> _PacketIndex:
    """Return the time stamps of a file. Raises UserError: it is missing, damaged or truncated."""
    try:
        state = path.stat()
    except OSError:
        raise user_error(str(path), _ABSENT) from None
    return _cached_packet_index(path, state.st_mtime_ns, state.st_size)


# An hour of video is 1 MB of time stamps. A file that changes gets a new entry.
@functools.lru_cache(maxsize=256)
def _cached_packet_index(path: MediaPath, mtime_ns: int, size: int) -> _PacketIndex:
    with OpenedVideo(path) as (container, stream):
        # Containers other than MP4 estimate the number of frames, so nothing is checked there.
        announced = stream.frames if "mp4" in container.format.name else 0
        packets = [packet for packet in container.demux(stream) if packet.size]
        shown = _shown_packets(path, packets, announced)
        stamps = [packet.pts for packet in shown]
        keys = _key_stamps(shown)
        # AVI has no time stamps of display.
        reordered = stream.codec_context.has_b_frames and "avi" in container.format.name

    # Without usable time stamps, frames are counted.
    if reordered or None in stamps or len(set(stamps)) < len(stamps):
        nothing = np.empty(0, dtype=np.int64)
        return _PacketIndex(False, np.arange(len(stamps)), nothing, nothing)

    key_pts, key_dts = (np.array([pair[i] for pair in keys], dtype=np.int64) for i in range(2))
    return _PacketIndex(True, np.sort(np.array(stamps, dtype=np.int64)), key_pts, key_dts)


def _shown_packets(
    path: MediaPath, packets: Sequence[av.Packet], announced: int
) -> list[av.Packet]:
    """Return the packets of frames that are shown.

    Raises UserError: there are fewer packets than the file announces, or none is shown.
    """
    if len(packets) < announced:
        found = f"the file is truncated: {len(packets)} of {announced} frames are present"
        raise user_error(str(path), found, fix=_REPAIR)
    shown = [packet for packet in packets if not packet.is_discard]
    if not shown:
        raise user_error(str(path), "the video has no frames", fix=_REPAIR)
    return shown


def _key_stamps(packets: Iterable[av.Packet]) -> list[tuple[int, int]]:
    """Return the time stamps (display, decoding) of the key frames that have both, sorted."""
    return sorted(
        (packet.pts, packet.dts)
        for packet in packets
        if packet.is_keyframe and None not in (packet.pts, packet.dts)
    )
