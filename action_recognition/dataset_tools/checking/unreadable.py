"""The reason why a file cannot be read as a video."""

from __future__ import annotations

import codecs
from pathlib import Path

import av

from action_recognition.data.media.opening import file_address, open_container
from action_recognition.dataset_tools.checking.media_report import Fault
from action_recognition.errors import UserError

CONVERT = "convert it again from its source (ffmpeg), or leave its lines out"
COPY_AGAIN = "copy it again, or leave its lines out"
_HEAD = 4096
# Types of the first box of MP4 and MOV files.
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free")


def unreadable_fault(path: Path, error: UserError) -> Fault:
    """Return the fault of a file of which `error` says that its frames cannot be counted."""
    if text := text_kind(path):
        repair = "get the video itself, or leave its lines out"
        return Fault("text-file", f"{path.name} is {text}", repair, fatal=True)

    # MP4 files with their index at the end cannot be opened when they are cut.
    found = error.problems[0].found
    if mp4_is_cut(path) or "truncated" in found:
        message = f"{path.name} ends too early: {found}"
        return Fault("truncated", message, COPY_AGAIN, fatal=True)
    return _container_fault(path, found)


def _container_fault(path: Path, found: str) -> Fault:
    """Return the fault of a file that may be a container without video or without frames."""
    kind, message = "no-frames", f"{path.name}: {found}"
    try:
        with open_container(file_address(path)) as container:
            if not container.streams.video:
                kind, message = "no-video-stream", f"{path.name} holds no video stream"
    except (av.FFmpegError, OSError, ValueError):
        kind, message = "unreadable", f"{path.name} {found}"
    return Fault(kind, message, CONVERT, fatal=True)


def text_kind(path: Path) -> str:
    """Return the kind of text that a file holds, or an empty string if it holds none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"\0" in head:
        return ""
    try:
        # A head that is not the whole file may end inside a character.
        decoder = codecs.getincrementaldecoder("utf-8")()
        text = decoder.decode(head, final=len(head) < _HEAD).lstrip()
    except UnicodeDecodeError:
        return ""

    if text.startswith("version https://git-lfs"):
        return "a pointer of Git LFS; the video was not fetched (git lfs pull)"
    if text[:9].lower() in ("<!doctype", "<html>") or text[:5].lower() == "<html":
        return "a web page that was saved instead of the video"
    return f"text, not a video: it begins {text[:30]!r}"


def mp4_is_cut(path: Path) -> bool:
    """Return True for an MP4 or MOV one of whose outermost boxes is longer than the file.

    Source: ISO/IEC 14496-12, 4.2.
    """
    end, position = path.stat().st_size, 0
    with path.open("rb") as file:
        while position < end:
            file.seek(position)
            head = file.read(16)
            if position == 0 and head[4:8] not in _FIRST_BOXES:
                return False

            size = _box_size(head)
            if size == 0:
                return False
            if position + size > end or len(head) < 8:
                return True
            position += max(size, 8)
    return False


def _box_size(head: bytes) -> int:
    """Return the size of a box in bytes, 0 for one that reaches to the end of the file.

    A box is its size (4 bytes), its type (4 bytes) and its content. After a size of 1, the size
    itself follows the type, in 8 bytes.
    """
    size = int.from_bytes(head[:4], "big")
    return int.from_bytes(head[8:16], "big") if size == 1 else size
