"""What a file is that no reader takes for a video."""

from __future__ import annotations

from pathlib import Path

_HEAD = 4096


def is_text(path: Path) -> str:
    """What kind of text a file is, or empty when it is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"\0" in head:
        return ""
    try:
        text = head[: len(head) - 3 if len(head) == _HEAD else None].decode("utf-8").lstrip()
    except UnicodeDecodeError:
        return ""
    if text.startswith("version https://git-lfs"):
        return "a pointer of Git LFS; the video was not fetched (git lfs pull)"
    if text[:9].lower() in ("<!doctype", "<html>") or text[:5].lower() == "<html":
        return "a web page that was saved instead of the video"
    return f"text, not a video: it begins {text[:30]!r}"


def mp4_is_cut(path: Path) -> bool:
    """True for an MP4 or MOV one of whose outermost boxes is longer than the file.

    Source: ISO/IEC 14496-12, 4.2: a box is its size (4 bytes, 1: 8 bytes follow its type, 0: to the end), its type (4 bytes), its content.
    """
    end, position, first = path.stat().st_size, 0, True
    with path.open("rb") as file:
        while position < end:
            file.seek(position)
            head = file.read(16)
            if first and head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
                return False
            first = False
            size = int.from_bytes(head[:4], "big")
            size = int.from_bytes(head[8:16], "big") if size == 1 else size
            if size == 0:
                return False
            if position + size > end or len(head) < 8:
                return True
            position += max(size, 8)
    return False
