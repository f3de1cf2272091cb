"""The opening of an address: RTSP, HTTP and similar protocols, or a pipe."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import av

from action_recognition.data.media.opening import (
    film_stream,
    open_container,
    prepare_decoder,
)
from action_recognition.errors import UserError, user_error
from action_recognition.live.sources.addresses import SCHEMES, is_fifo, without_credentials

# `file` is missing: a playlist must not read files of this machine.
_PROTOCOLS: Final = "rtsp,rtsps,rtp,udp,tcp,tls,http,https,httpproxy,crypto,rtmp,srt,pipe"
# The longest waits for a connection and for its next packet.
_OPEN_S: Final = 10.0
_STALL_S: Final = 5.0
# Formats whose first answer is a list of what to fetch. Its size says nothing of the film.
_PLAYLISTS: Final = ("hls", "dash", "sdp", "rtsp")
# FFmpeg's flag of formats that hold no times: those of their packets are made up.
_NO_TIMES: Final = 0x0080


class Connection:
    """An address that can be opened again and again. Its `name` shows no password."""

    def __init__(self, address: str) -> None:
        is_stdin = address in ("-", "pipe:", "pipe:0")
        self.name = "standard input" if is_stdin else without_credentials(address)
        self.is_pipe = address.startswith("pipe:") or is_stdin or is_fifo(address)
        self.is_rtsp = address.startswith("rtsp")
        self._address = "pipe:0" if is_stdin else address

    def open(self) -> Any:
        """Open a container that has video. Raises UserError: it cannot be opened or has none."""
        options = {"protocol_whitelist": _PROTOCOLS}
        # Over UDP, lost packets damage pictures.
        if self.is_rtsp:
            options["rtsp_transport"] = "tcp"
        try:
            with self._opened() as address:
                container = open_container(address, options, (_OPEN_S, _STALL_S))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _cannot_open(self.name, error) from None

        stream = film_stream(container)
        if stream is None:
            container.close()
            raise user_error(self.name, "sends no video")
        prepare_decoder(stream)
        return container

    def _opened(self) -> AbstractContextManager[str]:
        """Yield the address for FFmpeg. A named pipe is open meanwhile."""
        path = self._address
        return _written_pipe(path) if is_fifo(path) else nullcontext(path)

    def reopen(self) -> Any:
        """Open a container as `open` does. Return None if it fails."""
        try:
            return self.open()
        except UserError:
            return None


@contextmanager
def _written_pipe(path: str) -> Iterator[str]:
    """Wait until a program writes into a named pipe. Yield the address of its open end.

    FFmpeg keeps a copy of the end. Opening the path again would block once the program has gone.
    Raises UserError: nobody writes into the pipe for 10 seconds.
    """
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        writers = select.poll()
        writers.register(end, select.POLLIN)
        if not writers.poll(1000 * _OPEN_S):
            found = f"is a named pipe that nobody wrote into for {_OPEN_S:g} s"
            raise user_error(path, found, fix="start the program that writes into it first")
        os.set_blocking(end, True)
        yield f"pipe:{end}"
    finally:
        os.close(end)


def video_of(container: Any) -> av.VideoStream:
    """Return the stream of a container that was opened by `Connection`, so that it has one."""
    stream = film_stream(container)
    assert stream is not None
    return stream


def length_s(container: Any) -> float | None:
    """Return the length that a source states in seconds, if it does."""
    return None if container.duration is None else container.duration / 1e6


def has_end(container: Any) -> bool:
    """Return True for a source that states how long it is, in seconds or in bytes."""
    is_list = any(name in _PLAYLISTS for name in container.format.name.split(","))
    return container.duration is not None or (container.size > 0 and not is_list)


def is_photo(container: Any) -> bool:
    """Return True for an answer that is a single picture: the address of a snapshot."""
    name: str = container.format.name
    return name.endswith("_pipe") or name == "image2"


def has_times(container: Any) -> bool:
    """Return False for a format that holds no times, such as MJPEG and raw H.264."""
    return not container.format.flags & _NO_TIMES


def reason(error: BaseException) -> str:
    """Return FFmpeg's message without the address, which may hold a password."""
    if isinstance(error, av.ExitError | TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__


def _cannot_open(name: str, error: Exception) -> UserError:
    """Return the error for a connection that failed."""
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError | PermissionError):
        fix = "give them as in rtsp://USER:PASSWORD@HOST/PATH"
        return user_error(name, "refuses the user name or password", fix=fix)

    if isinstance(error, ConnectionRefusedError):
        fix = "check host and port, and that a server is listening there"
        return user_error(name, "refuses the connection", fix=fix)

    fix = f"check the address; known schemes are {', '.join(SCHEMES)}"
    return user_error(name, f"cannot be opened ({reason(error)})", fix=fix)
