"""The text that names a network source or a pipe."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "tcp", "udp", "pipe")


def is_address(text: str) -> bool:
    """Whether the text names a network source or a pipe; `-` is standard input.

    >>> [is_address(text) for text in ("rtsp://camera/1", "pipe:0", "-", "clip.mp4", "C:/clip.mp4")]
    [True, True, True, False, False]
    """
    scheme = re.match(r"([a-z]+):", text)
    return text == "-" or bool(scheme and scheme[1] in SCHEMES) or is_fifo(text)


def without_credentials(address: str) -> str:
    """The address for people: nothing of its user, password or query, which may hold a key.

    >>> without_credentials("rtsp://me:secret@camera:554/live?token=1")
    'rtsp://camera:554/live'
    """
    parts = urlsplit(address)
    if not parts.netloc:
        return address
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def is_fifo(text: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False
