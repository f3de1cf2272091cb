"""Frames from an address: RTSP, HTTP and similar protocols, or a pipe.

A lost connection is opened again. Messages never show a password.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import av
import numpy as np

from action_recognition.data.media.colours import colour_note
from action_recognition.data.media.decoding import DisplayStamps
from action_recognition.data.media.opening import (
    file_address,
    film_stream,
    open_container,
    prepare_decoder,
)
from action_recognition.data.media.pictures import PictureMaker
from action_recognition.data.media.rates import stated_rate
from action_recognition.errors import UserError, user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.addresses import SCHEMES, is_fifo, without_credentials
from action_recognition.live.sources.retrying import Patience
from action_recognition.live.sources.stream_clock import StreamClock

# `file` is missing: a playlist must not read files of this machine.
_PROTOCOLS: Final = "rtsp,rtsps,rtp,udp,tcp,tls,http,https,httpproxy,crypto,rtmp,srt,pipe"
# The longest waits for a connection and for its next packet.
_OPEN_S: Final = 10.0
_STALL_S: Final = 5.0
# Not every damaged packet is reported.
_SAY_CORRUPT_EVERY: Final = 100


class AddressSource:
    """A source of frames at an address.

    A source of known length ends, such as a file behind HTTP or a recording that RTSP plays, and
    so does standard input. Any other is connected again until `stop`, and so is a recording of RTSP
    that broke off.

    Damaged packets and pictures are counted. They are left out if they cannot be decoded.
    Raises UserError: the first connection fails.
    """

    frame_rate_fps: float

    def __init__(
        self,
        address: str,
        patience: Patience,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        is_stdin = address in ("-", "pipe:", "pipe:0")
        self.name = "standard input" if is_stdin else without_credentials(address)
        self.num_corrupt = 0
        self._address = "pipe:0" if is_stdin else address
        self._patience, self._say, self._clock = patience, say, clock

        self._container = self._open()
        self._maker, stream = PictureMaker(), _stream(self._container)
        rate_fps = stated_rate(stream).fps
        self.frame_rate_fps = rate_fps if 1 <= rate_fps <= 240 else 30.0
        if note := colour_note(stream.codec_context):
            say(f"{self.name}: {note}")

        length_us = self._container.duration
        self._length_s = None if length_us is None else length_us / 1e6
        # An RTSP server sets the pace of a recording too.
        self.is_live = length_us is None or self._address.startswith("rtsp")
        self._can_reconnect = self.is_live and not self._address.startswith("pipe:")

    def frames(self) -> Iterator[TimedFrame]:
        """Yield frames until the source ends for good."""
        stamps, container, is_restart = StreamClock(), self._container, False
        while container is not None:
            pts_s = None
            for pts_s, picture in self._decode(container):
                time_s, torn = stamps.time_of(pts_s, self._clock())
                yield TimedFrame(time_s, picture, is_restart or torn)
                is_restart = False

            container.close()
            if not self._can_reconnect or self._is_at_its_end(pts_s):
                return
            # None after patience has ended.
            container = self._patience.again(self.name, self._reopen)
            stamps.reconnected()
            is_restart = True

    def _is_at_its_end(self, pts_s: float | None) -> bool:
        """Return True if a source of known length was left in its last second."""
        return self._length_s is not None and pts_s is not None and pts_s >= self._length_s - 1.0

    def stop(self) -> None:
        """End all attempts. An open connection ends with its next packet or when it stalls."""
        self._patience.give_up()

    def _decode(self, container: Any) -> Iterator[tuple[float | None, Any]]:
        """Yield time stamps and pictures of a connection until it is lost."""
        stream = _stream(container)
        stamps = DisplayStamps(stream)
        try:
            for packet in container.demux(stream):
                if self._patience.is_over:
                    return
                stamps.add_packet(packet)
                for stamp, picture in self._decode_packet(packet, stamps):
                    yield None if stamp is None else float(stamp * stream.time_base), picture
        except (av.FFmpegError, OSError) as error:
            # A lost connection that is opened again is reported by the patience.
            if not self._can_reconnect and not isinstance(error, av.EOFError):
                self._say(f"{self.name}: lost ({_reason(error)})")

    def _decode_packet(
        self, packet: Any, stamps: DisplayStamps
    ) -> Iterator[tuple[int | None, Any]]:
        """Yield time stamps and RGB pictures (H, W, 3) of a packet."""
        # A corrupt packet is decoded too: usually a part of the picture is right.
        if packet.is_corrupt:
            self._count_corrupt()
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._count_corrupt()
            return

        for frame in frames:
            stamp = stamps.of(frame)
            if frame.is_corrupt:
                self._count_corrupt()
                continue
            yield stamp, np.ascontiguousarray(self._maker.picture(frame))

    def _count_corrupt(self) -> None:
        """Count something damaged. Report the first one, then every hundredth."""
        self.num_corrupt += 1
        if self.num_corrupt % _SAY_CORRUPT_EVERY == 1:
            self._say(f"{self.name}: {self.num_corrupt} damaged packets or pictures so far")

    def _reopen(self) -> Any:
        """Open a container as `_open` does. Return None if it fails."""
        try:
            return self._open()
        except UserError:
            return None

    def _open(self) -> Any:
        """Open a container that has video. Raises UserError: it cannot be opened or has none."""
        address, options = self._address, {"protocol_whitelist": _PROTOCOLS}
        if is_fifo(self._address):
            address, options = file_address(self._address), {"protocol_whitelist": "file"}
        # Over UDP, lost packets damage pictures.
        if self._address.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        try:
            container = open_container(address, options, (_OPEN_S, _STALL_S))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _cannot_open(self.name, error) from None

        stream = film_stream(container)
        if stream is None:
            container.close()
            raise user_error(self.name, "sends no video")
        prepare_decoder(stream)
        return container


def _stream(container: Any) -> av.VideoStream:
    """Return the stream of a container that was opened by `_open`, so that it has one."""
    stream = film_stream(container)
    assert stream is not None
    return stream


def _cannot_open(name: str, error: Exception) -> UserError:
    """Return the error for a connection that failed."""
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError | PermissionError):
        fix = "give them as in rtsp://USER:PASSWORD@HOST/PATH"
        return user_error(name, "refuses the user name or password", fix=fix)

    if isinstance(error, ConnectionRefusedError):
        fix = "check host and port, and that a server is listening there"
        return user_error(name, "refuses the connection", fix=fix)

    fix = f"check the address; known schemes are {', '.join(SCHEMES)}"
    return user_error(name, f"cannot be opened ({_reason(error)})", fix=fix)


def _reason(error: BaseException) -> str:
    """Return FFmpeg's message without the address, which may hold a password."""
    if isinstance(error, av.ExitError | TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
