"""Frames from an address: RTSP, HTTP and the like, or a pipe. Lost connections are made again; what happened is said, never a password."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import av
import numpy as np

from action_recognition.errors import UserError, user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.retrying import Patience

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "tcp", "udp", "pipe")
_PROTOCOLS: Final = "rtsp,rtsps,rtp,udp,tcp,tls,http,https,httpproxy,crypto,rtmp,srt,pipe"  # no `file`: a playlist must not read disks
_OPEN_S: Final = 10.0
_STALL_S: Final = 5.0
_MAX_PIXELS: Final = 36_000_000
_SAY_CORRUPT_EVERY: Final = 100


def is_address(text: str) -> bool:
    """Whether the text names a network source or a pipe; `-` is standard input.

    >>> [is_address(text) for text in ("rtsp://camera/1", "pipe:0", "-", "clip.mp4", "C:/clip.mp4")]
    [True, True, True, False, False]
    """
    scheme = re.match(r"([a-z]+):", text)
    return text == "-" or bool(scheme and scheme[1] in SCHEMES) or _is_fifo(text)


def without_credentials(address: str) -> str:
    """The address for people: nothing of its user, password or query, which may hold a key.

    >>> without_credentials("rtsp://me:secret@camera:554/live?token=1")
    'rtsp://camera:554/live'
    """
    parts = urlsplit(address)
    return (
        parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        if parts.netloc
        else address
    )


class StreamClock:
    """When frames are shown, in seconds from the first, out of their time stamps; where these are missing or jump, by arrival.

    >>> clock = StreamClock()
    >>> [clock.time_of(pts_s, arrival_s) for pts_s, arrival_s in ((7.0, 100.0), (7.5, 100.1), (99.0, 100.6), (None, 101.1))]
    [(0.0, False), (0.5, False), (1.0, True), (1.5, False)]
    """

    _JUMP_S = 1.0

    def __init__(self) -> None:
        self._last_pts_s: float | None = None
        self._last_arrival_s = 0.0
        self._time_s: float | None = None

    def reconnected(self) -> None:
        """The time stamps of before mean nothing any more."""
        self._last_pts_s = None

    def time_of(self, pts_s: float | None, arrival_s: float) -> tuple[float, bool]:
        """The frame's time, and whether its time stamp jumped."""
        if self._time_s is None:
            step_s, torn = 0.0, False
            self._time_s = 0.0
        else:
            arrived_s = max(arrival_s - self._last_arrival_s, 0.0)
            step_s, torn = (
                (arrived_s, False)
                if None in (pts_s, self._last_pts_s)
                else self._step(pts_s, arrived_s)
            )
        self._time_s += step_s
        self._last_arrival_s, self._last_pts_s = arrival_s, pts_s
        return round(self._time_s, 6), torn

    def _step(self, pts_s: float | None, arrived_s: float) -> tuple[float, bool]:
        assert pts_s is not None and self._last_pts_s is not None
        step_s = pts_s - self._last_pts_s
        is_sound = 0 < step_s <= max(self._JUMP_S, arrived_s + self._JUMP_S)
        return (step_s, False) if is_sound else (arrived_s, abs(step_s - arrived_s) > self._JUMP_S)


class AddressSource:
    """Frames from an address. One whose length is known (a file behind HTTP, a recording that RTSP plays) ends; any other is connected
    again until `stop`, and so is a recording of RTSP that broke off.

    What is damaged is counted, and left out where it cannot be decoded. A `UserError` says why the first connection failed.
    """

    frame_rate_fps: float

    def __init__(
        self,
        address: str,
        patience: Patience,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = (
            "standard input"
            if address in ("-", "pipe:", "pipe:0")
            else without_credentials(address)
        )
        self.num_corrupt = 0
        self._address = "pipe:0" if address in ("-", "pipe:") else address
        self._patience, self._say, self._clock = patience, say, clock
        self._container = self._open()
        stream = self._container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        self.frame_rate_fps = float(rate) if rate and 1 <= rate <= 240 else 30.0
        length = self._container.duration  # in microseconds
        self._length_s = None if length is None else length / 1e6
        self.is_live = length is None or self._address.startswith(
            "rtsp"
        )  # whose server sets the pace, of a recording too
        self._can_reconnect = self.is_live and not self._address.startswith("pipe:")

    def frames(self) -> Iterator[TimedFrame]:
        """Frames until the source ends for good."""
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
            container = self._patience.again(self.name, self._reopen)
            stamps.reconnected()
            is_restart = True

    def _is_at_its_end(self, pts_s: float | None) -> bool:
        """Whether a source of known length was left in its last second."""
        return self._length_s is not None and pts_s is not None and pts_s >= self._length_s - 1.0

    def stop(self) -> None:
        """No more attempts; the connection that is there ends with its next packet or when it stalls."""
        self._patience.give_up()

    def _decode(self, container: Any) -> Iterator[tuple[float | None, Any]]:
        """Time stamps and pictures of a connection, until it is lost."""
        stream = container.streams.video[0]
        try:
            for packet in container.demux(stream):
                if self._patience.is_over:
                    return
                yield from self._decode_packet(packet, stream)
        except (av.FFmpegError, OSError) as error:
            if not self._can_reconnect and not isinstance(error, av.EOFError):
                self._say(f"{self.name}: lost ({_reason(error)})")

    def _decode_packet(self, packet: Any, stream: Any) -> Iterator[tuple[float | None, Any]]:
        if packet.is_corrupt:
            self._count_corrupt()  # and decoded all the same: mostly a part of the picture is right
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._count_corrupt()
            return
        for frame in frames:
            if frame.is_corrupt:
                self._count_corrupt()
                continue
            picture = np.ascontiguousarray(
                np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90) % 4)
            )
            yield None if frame.pts is None else float(frame.pts * stream.time_base), picture

    def _count_corrupt(self) -> None:
        self.num_corrupt += 1
        if self.num_corrupt % _SAY_CORRUPT_EVERY == 1:
            self._say(f"{self.name}: {self.num_corrupt} damaged packets or pictures so far")

    def _reopen(self) -> Any:
        try:
            return self._open()
        except UserError:
            return None

    def _open(self) -> Any:
        fifo = _is_fifo(self._address)
        options = {"protocol_whitelist": "file" if fifo else _PROTOCOLS}
        if self._address.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        try:
            container = av.open(
                f"file:{self._address}" if fifo else self._address,
                options=options,
                timeout=(_OPEN_S, _STALL_S),
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _cannot_open(self.name, error) from None
        streams = [item for item in container.streams.video if item.codec_context is not None]
        if not streams:
            container.close()
            raise user_error(self.name, "sends no video")
        streams[0].codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
        return container


def _is_fifo(text: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False


def _cannot_open(name: str, error: Exception) -> UserError:
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError | PermissionError):
        return user_error(
            name,
            "refuses the user name or password",
            fix="give them as in rtsp://USER:PASSWORD@HOST/PATH",
        )
    if isinstance(error, ConnectionRefusedError):
        return user_error(
            name,
            "refuses the connection",
            fix="check host and port, and that something serves there",
        )
    return user_error(
        name,
        f"cannot be opened ({_reason(error)})",
        fix=f"check the address; known are {', '.join(SCHEMES)}",
    )


def _reason(error: BaseException) -> str:
    """FFmpeg's words without the address, which may hold a password."""
    if isinstance(error, av.ExitError | TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
