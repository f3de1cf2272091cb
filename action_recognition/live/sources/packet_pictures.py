"""Pictures out of the packets of a connection, damaged ones among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np

from action_recognition.data.media.decoding import DisplayStamps
from action_recognition.data.media.pictures import PictureMaker
from action_recognition.deploy.stream_models import Picture

Stamped = tuple[int | None, Picture]


class PacketPictures:
    """The decoder of a source, over all of its connections.

    Damaged packets and pictures are counted in `num_corrupt`, and reported by `say`. They are left
    out if they cannot be decoded.
    """

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self.num_corrupt = 0
        self._name, self._say, self._maker = name, say, PictureMaker()

    def of(self, packet: Any, stamps: DisplayStamps) -> Iterator[Stamped]:
        """Yield time stamps in ticks and RGB pictures (H, W, 3) of a packet."""
        # A corrupt packet is decoded too: usually a part of the picture is right.
        if packet.is_corrupt:
            self._count_corrupt()
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._count_corrupt()
            return
        yield from self._sound(frames, stamps)

    def held_back(self, stream: av.VideoStream, stamps: DisplayStamps) -> Iterator[Stamped]:
        """Yield what the decoder holds back when a connection ended in an error."""
        try:
            frames = stream.decode(None)
        except (av.FFmpegError, EOFError):
            return
        yield from self._sound(frames, stamps)

    def _sound(self, frames: list[Any], stamps: DisplayStamps) -> Iterator[Stamped]:
        for frame in frames:
            stamp = stamps.of(frame)
            if frame.is_corrupt:
                self._count_corrupt()
                continue
            yield stamp, np.ascontiguousarray(self._maker.picture(frame))

    def _count_corrupt(self) -> None:
        """Count something damaged. Report the 1st, 2nd, 4th, 8th and so on."""
        self.num_corrupt += 1
        if self.num_corrupt.bit_count() == 1:
            self._say(f"{self._name}: {self.num_corrupt} damaged packets or pictures so far")
