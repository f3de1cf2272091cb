"""Frames out of the decoder of a stream, in the order of display."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import av

from action_recognition.data.media.frame_times import FrameClock

# Frames after which it is seen whether time stamps are those of display.
_LOOKED_AT_FRAMES: Final = 4

OnDamage = Callable[[av.Packet, av.FFmpegError], None]
"""Called with a packet that cannot be decoded, and the error."""


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
    on_damage: OnDamage | None = None,
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
        except av.FFmpegError as error:
            if has_begun and on_damage is None:
                raise
            if has_begun and on_damage is not None:
                on_damage(packet, error)
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
    return decoded_frames(
        container, stream, on_packet, skips_start=True, on_damage=lambda packet, error: None
    )


class DisplayStamps:
    """The time stamps of decoded frames, as far as a file has any.

    Some files have the times of decoding only: AVI with B-frames, and what was copied into another
    container without its times of display. Their n-th shown frame has the n-th of those times.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self.num_whole = self.num_broken = 0
        self.starts_with_key: bool | None = None
        self._is_by_order = not has_stamps_of_display(stream)
        self._waiting: deque[int] | None = deque()
        self._rises = True

    def add_packet(self, packet: av.Packet) -> None:
        """Count a packet and remember its time. Call it before the packet is decoded."""
        if not packet.size:
            return
        self.num_whole += not packet.is_corrupt
        self.num_broken += packet.is_corrupt
        if self.starts_with_key is None:
            self.starts_with_key = packet.is_keyframe

        stamp = packet.dts if self._is_by_order else packet.pts
        if self._waiting is not None and stamp is not None and not packet.is_discard:
            self._rises = self._rises and (not self._waiting or stamp > self._waiting[-1])
            self._waiting.append(stamp)

    def decide(self, first_frames: Sequence[av.VideoFrame]) -> None:
        """Take the stamps in order if those of packets rise, but those of their frames do not.

        Call it before `of`, where frames can wait.
        """
        stamps = [frame.pts for frame in first_frames if frame.pts is not None]
        if self._rises and any(later < earlier for earlier, later in itertools.pairwise(stamps)):
            self._is_by_order = True
        if not self._is_by_order:
            self._waiting = None

    def of(self, frame: av.VideoFrame) -> int | None:
        """Return the stamp of the next frame."""
        if self._is_by_order:
            return self._waiting.popleft() if self._waiting else None
        # No more packets have to be remembered.
        self._waiting = None
        stamp: int | None = frame.pts
        return stamp


def stamped_frames(
    stream: av.VideoStream, stamps: DisplayStamps, frames: Iterator[av.VideoFrame]
) -> Iterator[tuple[int | None, av.VideoFrame]]:
    """Yield the frames with their stamps. `stamps` gets the packets of `frames`."""
    # Only a codec that reorders frames can have stamps that are not those of display.
    num_first = _LOOKED_AT_FRAMES if stream.codec_context.has_b_frames else 0
    first = list(itertools.islice(frames, num_first))
    stamps.decide(first)
    for frame in itertools.chain(first, frames):
        yield stamps.of(frame), frame


def clock_of(stream: av.VideoStream, rate_fps: float) -> FrameClock:
    """Return the clock of a stream."""
    return FrameClock(float(stream.time_base or 0), 1 / rate_fps)
