"""Frames out of video files by number: frame-exact, and no more is decoded than is needed.

The index of a file tells the time stamp of every frame. The file is opened at the last key frame
that is shown at or before the first wanted frame. Pictures that no other picture is built from, and
that nobody wants, are not decoded at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.frame_folder import Shrink, check_frame_numbers, stack_frames
from action_recognition.data.media.decoding import counted_frames, decoded_frames
from action_recognition.data.media.opening import REPAIR, OpenedVideo
from action_recognition.data.media.packet_index import PacketIndex, packet_index
from action_recognition.data.media.pictures import PictureMaker
from action_recognition.errors import user_error

# The decoders of these heed `skip_frame` packet by packet (dav1d does not).
_SKIPPING_CODECS = frozenset({"h264", "hevc", "mpeg4", "mpeg2video"})


def read_video_frames(
    path: MediaPath, frame_indices: Sequence[int], shrink: Shrink | None = None
) -> NDArray[np.uint8]:
    """Decode the frames of those numbers of a video file, as `video.read_frames`."""
    with closing(OpenedVideo(path)) as opened:
        index = packet_index(path, opened)
        check_frame_numbers(path, frame_indices, len(index.pts))
        stamps = [int(index.pts[i]) for i in frame_indices]

        wanted = frozenset(stamps)
        place = _place_to_begin(opened, index, min(stamps))
        pictures = _pictures(opened, index, wanted, place, shrink)

        # Not every container seeks exactly (MPEG program streams do not).
        if len(pictures) < len(wanted) and place is not None:
            pictures = _pictures(opened, index, wanted, None, shrink)

    lost = [i for i, stamp in zip(frame_indices, stamps, strict=True) if stamp not in pictures]
    if lost:
        damage = "cannot be decoded, the video is damaged"
        found = f"frame {lost[0]} of {len(index.pts)} {damage}"
        raise user_error(str(path), found, fix=REPAIR)
    return stack_frames(path, [pictures[stamp] for stamp in stamps])


def _place_to_begin(opened: OpenedVideo, index: PacketIndex, first_stamp: int) -> int | None:
    """Return the decoding time stamp at which a file begins to be decoded, None for its start.

    A file that was read to its end for the index is closed, unless it is sure to go back.
    """
    target = index.seek_target(first_stamp)
    if not opened.is_open:
        return target
    container, _ = opened.open()
    if "mp4" in container.format.name and len(index.key_dts):
        return int(index.key_dts[0]) if target is None else target
    opened.close()
    return target


def _pictures(
    opened: OpenedVideo,
    index: PacketIndex,
    wanted: frozenset[int],
    place: int | None,
    shrink: Shrink | None,
) -> dict[int, NDArray[np.uint8]]:
    """Decode the RGB pictures of the wanted time stamps, except for damaged ones.

    Begins at the decoding time stamp `place`, or at the start of a file that was not read yet.
    Without time stamps the wanted numbers are places in the order of display.
    """
    pictures: dict[int, NDArray[np.uint8]] = {}
    maker = PictureMaker()
    with opened as (container, stream):
        if place is not None:
            container.seek(place, stream=stream, backward=True)
        frames = _stamped_frames(container, stream, wanted, index)
        for stamp, frame in frames:
            if stamp in wanted and not frame.is_corrupt:
                picture = maker.picture(frame)
                pictures[stamp] = shrink(picture) if shrink else picture
            if len(pictures) == len(wanted):
                break
    return pictures


def _stamped_frames(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    wanted: frozenset[int],
    index: PacketIndex,
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield time stamp, or place in the order of display, and frame.

    Frames that have a stamp and that no other depends on are left out unless wanted.
    """
    codec = stream.codec_context
    can_skip, skipping = index.is_stamped and codec.name in _SKIPPING_CODECS, False

    def skip_unwanted(packet: av.Packet) -> None:
        # The decoder is told only where wanted and unwanted packets meet.
        nonlocal skipping
        if can_skip and skipping != (packet.pts not in wanted):
            skipping = not skipping
            codec.skip_frame = "NONREF" if skipping else "DEFAULT"

    # The frames have to be those that were counted.
    frames = (
        counted_frames(container, stream, skip_unwanted)
        if index.is_counted_by_decoding
        else decoded_frames(container, stream, skip_unwanted)
    )
    for number, frame in enumerate(frames):
        yield (frame.pts if index.is_stamped else number), frame
