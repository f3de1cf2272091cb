"""Frames from the address of a snapshot, which gives one picture whenever it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import av

from action_recognition.data.media.decoding import DisplayStamps
from action_recognition.deploy.stream_models import Picture
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.connection import Connection, video_of
from action_recognition.live.sources.packet_pictures import PacketPictures
from action_recognition.live.sources.retrying import Patience


class SnapshotSource:
    """A snapshot address, asked `rate_fps` times a second at most. It is a live source.

    A request that fails is repeated after growing waits.
    """

    is_live = True

    def __init__(
        self,
        connection: Connection,
        container: Any,
        rate_fps: float,
        patience: Patience,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.frame_rate_fps = connection.name, rate_fps
        self._connection, self._container = connection, container
        self._patience, self._clock = patience, clock
        self._pictures = PacketPictures(self.name, say)
        say(f"{self.name}: gives single pictures; it is asked {rate_fps:g} times a second at most")

    def frames(self) -> Iterator[TimedFrame]:
        """Yield pictures with the times of their arrival until `stop`."""
        start_s, asked_s, is_restart = self._clock(), self._clock(), False
        container = self._container
        while container is not None and not self._patience.is_over:
            num_pictures = 0
            for picture in self._decode(container):
                yield TimedFrame(self._clock() - start_s, picture, is_restart)
                num_pictures, is_restart = num_pictures + 1, False
            container.close()

            self._patience.pause(asked_s + 1 / self.frame_rate_fps - self._clock())
            asked_s = self._clock()
            reopen = self._connection.reopen
            container = reopen() if num_pictures else None
            if container is None:
                container, is_restart = self._patience.again(self.name, reopen), True

    def stop(self) -> None:
        """Make the next picture the last."""
        self._patience.give_up()

    def _decode(self, container: Any) -> Iterator[Picture]:
        """Yield the pictures of one answer."""
        stream = video_of(container)
        stamps = DisplayStamps(stream)
        try:
            for packet in container.demux(stream):
                for _, picture in self._pictures.of(packet, stamps):
                    yield picture
        except (av.FFmpegError, OSError):
            # A server that closes the connection without stating a length is no error.
            for _, picture in self._pictures.held_back(stream, stamps):
                yield picture
