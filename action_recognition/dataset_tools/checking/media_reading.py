"""One video file or frame folder, read from its beginning to its end: what is wrong with it, and what it can be compared by."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from action_recognition.data import video
from action_recognition.data.photo import read_photo
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.checking.appearance import SAMPLED_FRAMES, SMALL_SIDE, look_at
from action_recognition.dataset_tools.checking.folders import inspect_folder
from action_recognition.dataset_tools.checking.media_report import Fault, MediaReport, look_faults
from action_recognition.errors import UserError

MAX_DECODED_FRAMES = 3000
"""Longer videos are decoded at `SAMPLED_FRAMES` places only: a film of an hour would take minutes."""
MAX_SECONDS = 120.0
_HEAD = 4096
PIXEL_ASPECT_TOLERANCE = 0.02
LATE_S, SLIGHTLY_LATE_FRAMES = 0.25, 2.0
_SAVE_AGAIN = "save it again as JPEG or PNG, or leave its lines out"
_CONVERT = "convert it again from its source (ffmpeg), or leave its lines out"


def inspect_media(path: Path) -> MediaReport:
    """Read a video file or a frame folder in full; never raises for what it holds."""
    if path.is_dir():
        return inspect_folder(path)
    try:
        return _inspect_photo(path) if is_photo(path) else _inspect_file(path)
    except (
        UserError,
        av.FFmpegError,
        OSError,
        ValueError,
        MemoryError,
    ) as error:  # what FFmpeg makes of broken files is hard to foresee
        return _broken(
            Fault("unreadable", f"{path.name}: {error}".replace("\n", " "), _CONVERT, fatal=True)
        )


def _inspect_photo(path: Path) -> MediaReport:
    """A photo is decoded whole; what is wrong with it is what its decoder says."""
    if path.stat().st_size == 0:
        return _broken(
            Fault(
                "zero-bytes",
                f"{path.name} has 0 bytes",
                "copy it again, or leave its lines out",
                fatal=True,
            )
        )
    try:
        picture = read_photo(path)
    except UserError as error:
        return _broken(
            Fault("unreadable", f"{path.name} {error.problems[0].found}", _SAVE_AGAIN, fatal=True)
        )
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA)
    look = look_at(small[None])
    return MediaReport(
        tuple(look_faults(look, 1)), 1, None, width, height, content_hash(path), look
    )


def _broken(*faults: Fault) -> MediaReport:
    return MediaReport(faults)


def _inspect_file(path: Path) -> MediaReport:
    if path.stat().st_size == 0:
        return _broken(
            Fault(
                "zero-bytes",
                f"{path.name} has 0 bytes",
                "copy it again, or leave its lines out",
                fatal=True,
            )
        )
    try:
        num_frames = video.count_frames(path)
    except UserError as error:
        return _broken(_why_unreadable(path, error))
    pass_ = _Pass(path, num_frames)
    pictures = pass_.pictures()
    faults = [*pass_.faults, *pass_.shape_faults()]
    look = look_at(pictures) if len(pictures) else None
    faults += look_faults(look, num_frames) if look else []
    return MediaReport(
        tuple(faults), num_frames, pass_.rate_fps, *pass_.size, content_hash(path), look
    )


def _why_unreadable(path: Path, error: UserError) -> Fault:
    text = is_text(path)
    if text:
        return Fault(
            "text-file",
            f"{path.name} is {text}",
            "get the video itself, or leave its lines out",
            fatal=True,
        )
    found = error.problems[0].found
    if mp4_is_cut(path) or "truncated" in found:
        return Fault(
            "truncated",
            f"{path.name} ends too early: {found}",
            "copy it again, or leave its lines out",
            fatal=True,
        )
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.video:
                return Fault(
                    "no-video-stream", f"{path.name} holds no video stream", _CONVERT, fatal=True
                )
            return Fault("no-frames", f"{path.name}: {found}", _CONVERT, fatal=True)
    except (av.FFmpegError, OSError, ValueError):
        return Fault("unreadable", f"{path.name} {found}", _CONVERT, fatal=True)


class _Pass:
    """One pass over a file; the attributes are there when `pictures` has been read."""

    def __init__(self, path: Path, num_frames: int) -> None:
        self.path, self.num_frames = path, num_frames
        self.faults: list[Fault] = []
        self.num_errors = 0
        self.rate_fps: float | None = None
        self.size = (0, 0)
        self.rotation = 0
        self.pixel_aspect = 1.0

    def pictures(self) -> NDArray[np.uint8]:
        """(T, S, S, 3) uint8 RGB, up to `SAMPLED_FRAMES` evenly out of the video, squeezed to `SMALL_SIDE`."""
        whole = self.num_frames <= MAX_DECODED_FRAMES
        places = np.unique(np.linspace(0, self.num_frames - 1, SAMPLED_FRAMES).round().astype(int))
        small: dict[int, NDArray[np.uint8]] = {}
        num_decoded = num_damaged = 0
        reformatter = VideoReformatter()
        with video.OpenedVideo(self.path) as (container, stream):
            stream.codec_context.thread_count = 1
            self._read_header(stream)
            stamps = []
            wanted = set(places.tolist()) if whole else {0}
            for frame in self._frames(container, stream):
                if num_decoded in wanted:
                    small[num_decoded] = _small(frame, reformatter)
                self._read_shape(frame, first=num_decoded == 0)
                num_decoded += 1
                num_damaged += frame.is_corrupt
                stamps.append(frame.pts)
                if not whole:
                    break
            if whole and num_decoded == self.num_frames and not num_damaged + self.num_errors:
                self._check_times(stamps, float(stream.time_base) if stream.time_base else 0.0)
        too_slow = any(fault.kind == "too-slow-to-read" for fault in self.faults)
        if (
            whole
            and not too_slow
            and (num_damaged or self.num_errors or num_decoded < self.num_frames)
        ):
            lost = max(num_damaged, self.num_errors, self.num_frames - num_decoded)
            self.faults.append(
                Fault(
                    "damaged-frames",
                    f"{lost} of {self.num_frames} frames of {self.path.name} are damaged",
                    _CONVERT,
                )
            )
        if not whole:
            small = dict(
                enumerate(
                    _small_of(video.read_frames(self.path, [int(place)])[0]) for place in places
                )
            )
        return (
            np.stack(list(small.values()))
            if small
            else np.empty((0, SMALL_SIDE, SMALL_SIDE, 3), np.uint8)
        )

    def _frames(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Iterator[av.VideoFrame]:
        """Frames in the order of display; packets that cannot be decoded are counted and left out."""
        end = time.monotonic() + MAX_SECONDS
        for packet in container.demux(stream):
            if time.monotonic() > end:
                self.faults.append(
                    Fault(
                        "too-slow-to-read",
                        f"reading {self.path.name} takes over {MAX_SECONDS:.0f} s",
                        _CONVERT,
                    )
                )
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.num_errors += 1

    def _read_header(self, stream: av.VideoStream) -> None:
        rate = stream.average_rate or stream.guessed_rate
        self.rate_fps = float(rate) if rate else None
        aspect = stream.sample_aspect_ratio
        self.pixel_aspect = float(aspect) if aspect else 1.0

    def _read_shape(self, frame: av.VideoFrame, first: bool) -> None:
        if first:
            self.rotation = round(frame.rotation) % 360
            self.size = (frame.width, frame.height)

    def _check_times(self, stamps: list[int | None], time_base_s: float) -> None:
        """Compare when frames are shown with a constant rate from the first to the last."""
        known = [stamp for stamp in stamps if stamp is not None]
        if len(known) < 3 or len(known) < len(stamps) or known[-1] <= known[0]:
            return
        shown_s = (np.array(known, dtype=np.float64) - known[0]) * time_base_s
        even_s = np.linspace(0.0, shown_s[-1], len(shown_s))
        late_s = float(np.abs(shown_s - even_s).max())
        rate = (len(known) - 1) / float(shown_s[-1])
        message = f"a frame of {self.path.name} is shown {late_s:.2f} s off from where a constant {rate:.4g} fps has it"
        if late_s > LATE_S:
            self.faults.append(
                Fault(
                    "variable-frame-rate",
                    message,
                    "convert it to a constant rate: ffmpeg -i IN -vf fps=30 OUT",
                )
            )
        elif late_s * rate > SLIGHTLY_LATE_FRAMES:
            self.faults.append(Fault("note-variable-frame-rate", message, ""))

    def shape_faults(self) -> list[Fault]:
        """Pixels that are not square, and stated rotation; `size` becomes that of the picture as shown."""
        faults, name = [], self.path.name
        width, height = self.size
        if self.rotation in (90, 270):
            self.size = (height, width)
        if self.rotation:
            faults.append(
                Fault(
                    "note-rotated",
                    f"{name} states a turn by {self.rotation} degrees; it is read upright",
                    "",
                )
            )
        if self.pixel_aspect > 0 and abs(self.pixel_aspect - 1.0) > PIXEL_ASPECT_TOLERANCE:
            repair = "ffmpeg -i IN -vf 'scale=iw*sar:ih,setsar=1' OUT"
            faults.append(
                Fault(
                    "pixel-aspect",
                    f"pixels of {name} are {self.pixel_aspect:.3f} times as wide as high",
                    repair,
                )
            )
        if max(width, height) > 3 * min(width, height) > 0:
            faults.append(Fault("note-extreme-aspect", f"{name} is {width} x {height}", ""))
        return faults


def content_hash(path: Path) -> bytes:
    """A hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()[:16]


def _small(frame: av.VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    small = reformatter.reformat(
        frame, width=SMALL_SIDE, height=SMALL_SIDE, format="rgb24", interpolation="AREA", threads=1
    )
    return np.rot90(small.to_ndarray(), k=round(frame.rotation / 90) % 4)


def _small_of(picture_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return _small(
        av.VideoFrame.from_ndarray(np.ascontiguousarray(picture_hwc), format="rgb24"),
        VideoReformatter(),
    )


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
