"""Addresses: the texts that name a network source or a pipe."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "tcp", "udp", "pipe")


def is_address(text: str) -> bool:
    """Return True for a network source or a pipe. `-` is standard input.

    >>> [is_address(text) for text in ("rtsp://camera/1", "pipe:0", "-", "clip.mp4", "C:/clip.mp4")]
    [True, True, True, False, False]
    """
    # The drive of a Windows path, such as C:, is not a known scheme.
    scheme = re.match(r"([a-z]+):", text)
    return text == "-" or bool(scheme and scheme[1] in SCHEMES) or is_fifo(text)


def without_credentials(address: str) -> str:
    """Return the address as it may be printed.

    User, password and query are left out, since they may hold a secret.

    >>> without_credentials("rtsp://me:secret@camera:554/live?token=1")
    'rtsp://camera:554/live'
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        # It is no address, but may hold a password all the same.
        scheme, slashes, rest = address.partition("://")
        return scheme + slashes + rest.rpartition("@")[2].partition("?")[0]
    if not parts.netloc:
        return address
    # A password may hold an @ itself.
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def is_fifo(text: str) -> bool:
    """Return True for the path of a named pipe."""
    try:
        return stat.S_ISFIFO(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False
