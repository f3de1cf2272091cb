"""The frames of a file: how many there are, when each is shown, and where decoding may begin."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.media.colours import colour_note
from action_recognition.data.media.decoding import (
    DisplayStamps,
    clock_of,
    counted_frames,
    has_stamps_of_display,
    stamped_frames,
)
from action_recognition.data.media.opening import ABSENT, REPAIR, OpenedVideo
from action_recognition.data.media.packets import (
    Packet,
    packets_of,
    packets_tell_frames,
    shown_packets,
)
from action_recognition.data.media.pixel_shape import pixel_shape_note
from action_recognition.data.media.rates import FrameRate, believed_rate, stated_rate
from action_recognition.errors import user_error


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The frames of a file.

    `pts` are in order of display, `key_pts` and `key_dts` those of the key frames. Frames without
    usable time stamps are counted from the beginning: without `is_stamped`, `pts` is 0, 1, 2, ...
    With `is_counted_by_decoding`, what the decoder refuses is no frame.
    `times_s` are in order of display, from 0. `notes` say how the file is read, where that is not
    as it states.
    """

    is_stamped: bool
    pts: NDArray[np.int64]
    key_pts: NDArray[np.int64]
    key_dts: NDArray[np.int64]
    times_s: NDArray[np.float64]
    rate: FrameRate
    notes: tuple[str, ...] = ()
    is_counted_by_decoding: bool = False

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


@dataclass(frozen=True, slots=True)
class _FileState:
    """A file as it is now. Two are equal whatever opens the file."""

    path: MediaPath
    mtime_ns: int
    size: int
    opened: OpenedVideo = field(compare=False)


def packet_index(path: MediaPath, opened: OpenedVideo | None = None) -> PacketIndex:
    """Return the frames of a file. Raises UserError: it is missing, damaged or truncated.

    With `opened`, which opens the same path, a file that is not known yet stays open, so that it
    need not be opened again. All its packets were read then.
    """
    try:
        state = path.stat()
    except OSError:
        raise user_error(str(path), ABSENT) from None
    reader = OpenedVideo(path) if opened is None else opened
    index = _cached_packet_index(_FileState(path, state.st_mtime_ns, state.st_size, reader))
    if opened is None:
        reader.close()
    return index


# An hour of video is 2 MB of time stamps. A file that changes gets a new entry.
@functools.lru_cache(maxsize=256)
def _cached_packet_index(file: _FileState) -> PacketIndex:
    with file.opened.left_open() as (container, stream):
        stated = stated_rate(stream)
        # Containers other than MP4 estimate the number of frames, so nothing is checked there.
        announced = stream.frames if "mp4" in container.format.name else 0
        packets = packets_of(container, stream)
        _check_announced(file.path, packets, announced)
        if packets_tell_frames(packets, stream):
            return _index_of_packets(stream, stated, packets)
    file.opened.close()
    return _index_by_decoding(file.path, packets)


def _check_announced(path: MediaPath, packets: Sequence[Packet], announced: int) -> None:
    """Raise UserError if there are fewer packets than the file announces, or none is shown."""
    if len(packets) < announced:
        found = f"the file is truncated: {len(packets)} of {announced} frames are present"
        raise user_error(str(path), found, fix=REPAIR)
    if not shown_packets(packets):
        raise _no_frames(path)


def _no_frames(path: MediaPath) -> Exception:
    return user_error(str(path), "the video has no frames", fix=REPAIR)


def _index_of_packets(
    stream: av.VideoStream, stated: FrameRate, packets: Sequence[Packet]
) -> PacketIndex:
    """Return the index of a file whose packets are its frames."""
    shown = shown_packets(packets)
    if not has_stamps_of_display(stream):
        # Sorted, the times of decoding are those of display.
        stamps = sorted(packet.dts for packet in shown if packet.dts is not None)
        return _index(stream, stated, stamps, is_stamped=False)
    if shown[0].pts is None:
        return _index(stream, stated, [None] * len(shown), is_stamped=False)
    pts = sorted(packet.pts for packet in shown if packet.pts is not None)
    return _index(stream, stated, pts, is_stamped=True, keys=shown)


def _index_by_decoding(path: MediaPath, packets: Sequence[Packet]) -> PacketIndex:
    """Return the index of a file whose frames have to be decoded to be counted."""
    with OpenedVideo(path) as (container, stream):
        stated, counted = stated_rate(stream), DisplayStamps(stream)
        frames = counted_frames(container, stream, counted.add_packet)
        both = [(stamp, frame.pts) for stamp, frame in stamped_frames(stream, counted, frames)]
        if not both:
            raise _no_frames(path)

        stamps = [stamp for stamp, _ in both]
        rises = None not in stamps and bool(np.all(np.diff(np.array(stamps, np.int64)) > 0))
        is_stamped = rises and all(stamp == pts for stamp, pts in both)
        known = set(stamps) if is_stamped else set()
        keys = [packet for packet in packets if packet.pts in known]
        index = _index(stream, stated, stamps, is_stamped, keys)

    lost = 0 if packets[0].is_key else len(shown_packets(packets)) - len(stamps)
    note = f"starts between key frames; {lost} frames before the first one are left out"
    return dataclasses.replace(
        index, notes=(*index.notes, *([note] if lost else [])), is_counted_by_decoding=True
    )


def _index(
    stream: av.VideoStream,
    stated: FrameRate,
    stamps: Sequence[int | None],
    is_stamped: bool,
    keys: Iterable[Packet] = (),
) -> PacketIndex:
    """Return the index of frames with those stamps, in order of display."""
    clock = clock_of(stream, stated.fps)
    times_s = np.array([clock.time_of(stamp) for stamp in stamps])
    rate = believed_rate(stream, stated, times_s)
    key_stamps = _key_stamps(keys)
    key_pts, key_dts = (np.array([pair[i] for pair in key_stamps], np.int64) for i in range(2))
    numbers = np.array(stamps, np.int64) if is_stamped else np.arange(len(stamps))
    said = [rate.note, colour_note(stream.codec_context), pixel_shape_note(stream)]
    notes = tuple(filter(None, said))
    return PacketIndex(is_stamped, numbers, key_pts, key_dts, times_s, rate, notes)


def _key_stamps(packets: Iterable[Packet]) -> list[tuple[int, int]]:
    """Return the time stamps (display, decoding) of the key frames that have both, sorted."""
    return sorted(
        (packet.pts, packet.dts)
        for packet in packets
        if packet.is_key and packet.pts is not None and packet.dts is not None
    )
