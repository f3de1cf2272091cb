"""Facts that the packets of a stream tell without being decoded."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import av

from action_recognition.data.media.decoding import has_stamps_of_display

# A coded picture of MPEG-4 Part 2 is larger. Packets below say that nothing changed, and give no
# frame.
_MPEG4_SMALLEST = 16
_MAY_HIDE: Final = frozenset({"vp8", "vp9", "libvpx", "libvpx-vp9"})


class Packet(NamedTuple):
    """Facts of a packet: its time stamps, and what becomes of it.

    `is_hidden` is set for a picture that is only built upon, as an alternate reference.
    """

    pts: int | None
    dts: int | None
    is_key: bool
    is_discard: bool
    is_hidden: bool
    size: int


def packets_of(container: av.container.InputContainer, stream: av.VideoStream) -> list[Packet]:
    """Return the packets of a stream in the order of decoding, without their content."""
    codec = stream.codec_context.name
    may_hide = codec in _MAY_HIDE
    return [
        Packet(
            packet.pts,
            packet.dts,
            packet.is_keyframe,
            packet.is_discard,
            may_hide and _is_hidden(memoryview(packet), codec),
            packet.size,
        )
        for packet in container.demux(stream)
        if packet.size
    ]


def _is_hidden(data: memoryview, codec: str) -> bool:
    """Return True for a picture of VP8 or VP9 that is not shown.

    Source: RFC 6386, 9.1, and the VP9 bitstream specification, 6.2 and annex B.
    """
    if "vp8" in codec or codec == "libvpx":
        return not data[0] >> 4 & 1

    # Several pictures in a packet, of which one is shown.
    if data[-1] & 0xE0 == 0xC0:
        return False
    bits = [data[0] >> place & 1 for place in range(7, -1, -1)]
    # The marker, two bits of the profile, in profile 3 a reserved one. Then the three that count.
    first = 5 if bits[2:4] == [1, 1] else 4
    shows_existing, _, is_shown = bits[first : first + 3]
    return not shows_existing and not is_shown


def packets_tell_frames(packets: Sequence[Packet], stream: av.VideoStream) -> bool:
    """Return True where the packets tell which frames come out of the decoder, and when.

    They do not where a file starts between key frames, and where packets of MPEG-4 hold no picture.
    Neither do they where time stamps are missing in part, are double, go back, or are in the order
    of decoding in a codec that reorders.
    """
    if not packets or not packets[0].is_key:
        return False
    shown, codec = shown_packets(packets), stream.codec_context
    smallest = min(packet.size for packet in shown)
    if _is_led(shown) or (codec.name == "mpeg4" and smallest < _MPEG4_SMALLEST):
        return False

    stamps = [packet.pts for packet in shown if packet.pts is not None]
    if not stamps or not has_stamps_of_display(stream):
        return True
    if len(set(stamps)) < len(shown):
        return False
    # They may be the times of decoding.
    if codec.has_b_frames and len(stamps) > 1 and stamps == sorted(stamps):
        return False
    decoded = [packet.dts for packet in packets if packet.dts is not None]
    return all(earlier <= later for earlier, later in itertools.pairwise(decoded))


def shown_packets(packets: Sequence[Packet]) -> list[Packet]:
    """Return the packets of frames that are shown."""
    return [packet for packet in packets if not packet.is_discard and not packet.is_hidden]


def _is_led(shown: Sequence[Packet]) -> bool:
    """Return True if frames before the first key frame follow it, and need what is not there."""
    first = shown[0].pts if shown else None
    if first is None:
        return False
    for packet in shown[1:]:
        if packet.is_key:
            return False
        if packet.pts is not None and packet.pts < first:
            return True
    return False
