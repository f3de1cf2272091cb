"""A video file that is played from its start, for live recognition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.media.colours import colour_note
from action_recognition.data.media.decoding import (
    DisplayStamps,
    clock_of,
    decoded_frames,
    stamped_frames,
)
from action_recognition.data.media.opening import REPAIR, OpenedVideo
from action_recognition.data.media.orientation import orientation_of
from action_recognition.data.media.pictures import PictureMaker
from action_recognition.data.media.pixel_shape import pixel_shape_note
from action_recognition.data.media.rates import stated_rate
from action_recognition.errors import user_error

_CUT: Final = "starts between key frames; the frames before the first one are left out"


class Film:
    """A video file with the pictures and times that `video.read_frames` and `frame_times` give.

    The file is opened at once and stays open until it was played, since to open it takes time.
    `frame_rate_fps` is what its headers state: no packet was read yet. `say` gets what is not read
    as the file states it. Raises UserError: the file is missing or is no video.
    """

    def __init__(self, path: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.path, self._say = path, say
        self._opened = OpenedVideo(path)
        _, stream = self._opened.open()
        rate = stated_rate(stream)
        self.frame_rate_fps = rate.fps
        self._note(rate.note)
        self._note(colour_note(stream.codec_context))
        self._note(pixel_shape_note(stream))

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield time in seconds and picture (H, W, 3), uint8 RGB, of each frame from the start.

        The first time is 0, and times rise. Raises UserError: a part is damaged, or there is no
        frame at all.
        """
        maker, num_frames = PictureMaker(), 0
        with self._opened as (container, stream):
            clock, stamps = clock_of(stream, self.frame_rate_fps), DisplayStamps(stream)

            def raise_if_whole(packet: av.Packet, error: av.FFmpegError) -> None:
                # The error may come some packets after the one that the file ends in.
                if not stamps.num_broken:
                    raise error

            frames = decoded_frames(
                container, stream, stamps.add_packet, skips_start=True, on_damage=raise_if_whole
            )
            for stamp, frame in stamped_frames(stream, stamps, frames):
                if not num_frames:
                    self._note("" if stamps.starts_with_key else _CUT)
                    self._note(orientation_of(frame).note)
                num_frames += 1
                yield clock.time_of(stamp), np.ascontiguousarray(maker.picture(frame))
            self._check_end(stream, stamps.num_whole)
        if not num_frames:
            raise user_error(str(self.path), "the video has no frames", fix=REPAIR)

    def close(self) -> None:
        """Close the file without playing it."""
        self._opened.close()

    def _check_end(self, stream: av.VideoStream, num_packets: int) -> None:
        """Say so where an MP4 file ends before the frames that it announces."""
        announced = stream.frames if "mp4" in stream.container.format.name else 0
        if num_packets < announced:
            self._note(f"is truncated: {num_packets} of {announced} frames are present")

    def _note(self, text: str) -> None:
        if text:
            self._say(f"{self.path}: {text}")
