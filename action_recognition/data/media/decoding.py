"""Frames out of the decoder of a stream, in the order of display."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import av

from action_recognition.data.media.frame_times import FrameClock


def has_stamps_of_display(stream: av.VideoStream) -> bool:
    """Return False for AVI with B-frames: its packets have the times of decoding only."""
    is_avi = "avi" in stream.container.format.name
    return not (is_avi and stream.codec_context.has_b_frames)


def decoded_frames(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    on_packet: Callable[[av.Packet], None] = lambda packet: None,
    *,
    skips_start: bool = False,
    on_damage: Callable[[], None] | None = None,
) -> Iterator[av.VideoFrame]:
    """Yield the frames of a stream from the place of its container on.

    With `skips_start`, what a file that starts between key frames has before the first of them is
    left out. `on_packet` is called with every packet before it is decoded, `on_damage` for every
    other one that cannot be decoded. Raises av.FFmpegError: there is one, and no `on_damage`.
    """
    has_begun = not skips_start
    for packet in container.demux(stream):
        on_packet(packet)
        try:
            frames = packet.decode()
        except av.FFmpegError:
            if has_begun and on_damage is None:
                raise
            if has_begun and on_damage is not None:
                on_damage()
            continue
        for frame in frames:
            has_begun = has_begun or not frame.is_corrupt
            if has_begun:
                yield frame


def counted_frames(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    on_packet: Callable[[av.Packet], None] = lambda packet: None,
) -> Iterator[av.VideoFrame]:
    """Yield all that the decoder gives, of a file whose packets do not tell its frames."""
    return decoded_frames(container, stream, on_packet, skips_start=True, on_damage=lambda: None)


class DisplayStamps:
    """The time stamps of decoded frames, as far as a file has any.

    Where packets have the times of decoding only, the n-th shown frame has the n-th of them.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self.num_packets = 0
        self._waiting: deque[int] | None = None if has_stamps_of_display(stream) else deque()

    def add_packet(self, packet: av.Packet) -> None:
        """Count a packet and remember its time. Call it before the packet is decoded."""
        self.num_packets += bool(packet.size)
        if self._waiting is not None and packet.size and packet.dts is not None:
            self._waiting.append(packet.dts)

    def of(self, frame: av.VideoFrame) -> int | None:
        """Return the stamp of the next frame."""
        if self._waiting is None:
            stamp: int | None = frame.pts
            return stamp
        return self._waiting.popleft() if self._waiting else None


def clock_of(stream: av.VideoStream, rate_fps: float) -> FrameClock:
    """Return the clock of a stream."""
    return FrameClock(float(stream.time_base or 0), 1 / rate_fps)
