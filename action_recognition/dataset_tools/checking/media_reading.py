"""Read one video file, photo or frame folder from its beginning to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from action_recognition.data import video
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.checking.images import inspect_folder, inspect_photo
from action_recognition.dataset_tools.checking.media_report import (
    SAMPLED_FRAMES,
    SMALL_SIDE,
    Fault,
    MediaReport,
    content_hash,
    look_at,
    look_faults,
)
from action_recognition.dataset_tools.checking.unreadable import (
    CONVERT,
    COPY_AGAIN,
    unreadable_fault,
)
from action_recognition.errors import UserError
from action_recognition.worker_pool import map_apart

MAX_DECODED_FRAMES = 3000
"""Longer videos are decoded at `SAMPLED_FRAMES` places only: a film of an hour takes minutes."""
MAX_SECONDS = 120.0
# Deviations from square pixels and from even times that count.
PIXEL_ASPECT_TOLERANCE = 0.02
LATE_S, SLIGHTLY_LATE_FRAMES = 0.25, 2.0
# It is hard to foresee what FFmpeg makes of broken files.
_ERRORS_OF_BROKEN_FILES = (UserError, av.FFmpegError, OSError, ValueError, MemoryError)


def inspect_media(path: Path) -> MediaReport:
    """Read a video file, photo or frame folder in full. Never raise for what it holds."""
    if path.is_dir():
        return inspect_folder(path)
    try:
        return _inspect_file(path)
    except _ERRORS_OF_BROKEN_FILES as error:
        message = f"{path.name}: {error}".replace("\n", " ")
        return MediaReport((Fault("unreadable", message, CONVERT, fatal=True),))


def _inspect_file(path: Path) -> MediaReport:
    if path.stat().st_size == 0:
        message = f"{path.name} has 0 bytes"
        return MediaReport((Fault("zero-bytes", message, COPY_AGAIN, fatal=True),))
    return inspect_photo(path) if is_photo(path) else _inspect_video(path)


def _inspect_video(path: Path) -> MediaReport:
    try:
        num_frames = video.count_frames(path)
    except UserError as error:
        return MediaReport((unreadable_fault(path, error),))

    # One pass gives pictures, faults and shape.
    reading = _VideoReading(path, num_frames)
    pictures = reading.pictures()
    faults = [*reading.faults, *reading.shape_faults()]
    look = look_at(pictures) if len(pictures) else None
    faults += look_faults(look, num_frames) if look else []

    content = content_hash(path)
    return MediaReport(tuple(faults), num_frames, reading.rate_fps, *reading.size, content, look)


class _VideoReading:
    """One pass over a file. The attributes are set once `pictures` has returned."""

    def __init__(self, path: Path, num_frames: int) -> None:
        self.path, self.num_frames = path, num_frames
        self.faults: list[Fault] = []
        self.num_errors = 0
        self.rate_fps: float | None = None
        self.size = (0, 0)
        self.rotation = 0
        self.pixel_aspect = 1.0

    def pictures(self) -> NDArray[np.uint8]:
        """Read up to `SAMPLED_FRAMES` pictures that lie evenly in the video.

        Returns (T, S, S, 3) uint8 RGB, squeezed to `SMALL_SIDE`.
        """
        last = self.num_frames - 1
        places = np.unique(np.linspace(0, last, SAMPLED_FRAMES).round().astype(int)).tolist()
        if self.num_frames <= MAX_DECODED_FRAMES:
            small = self._decode_all(set(places))
        else:
            # Frames at a few places tell the look of a long video, but no damage.
            self._decode_first()
            small = [_small_at(self.path, place) for place in places]
        return np.stack(small) if small else np.empty((0, SMALL_SIDE, SMALL_SIDE, 3), np.uint8)

    def shape_faults(self) -> list[Fault]:
        """Return faults of pixels, turn and shape. `size` becomes that of the picture as shown."""
        faults, name = [], self.path.name
        width, height = self.size
        # A turn by a quarter exchanges width and height.
        if self.rotation in (90, 270):
            self.size = (height, width)

        if self.rotation:
            message = f"{name} states a turn by {self.rotation} degrees; it is read upright"
            faults.append(Fault("note-rotated", message, ""))
        if self.pixel_aspect > 0 and abs(self.pixel_aspect - 1.0) > PIXEL_ASPECT_TOLERANCE:
            message = f"pixels of {name} are {self.pixel_aspect:.3f} times as wide as high"
            repair = "ffmpeg -i IN -vf 'scale=iw*sar:ih,setsar=1' OUT"
            faults.append(Fault("pixel-aspect", message, repair))
        if max(width, height) > 3 * min(width, height) > 0:
            faults.append(Fault("note-extreme-aspect", f"{name} is {width} x {height}", ""))
        return faults

    def _decode_all(self, places: set[int]) -> list[NDArray[np.uint8]]:
        """Decode every frame. Note damage, and times that are not even; return small pictures."""
        small, num_damaged = [], 0
        stamps: list[int | None] = []
        reformatter = VideoReformatter()

        with video.OpenedVideo(self.path) as (container, stream):
            self._read_header(stream)
            for frame in self._frames(container, stream):
                if len(stamps) in places:
                    small.append(_small(frame, reformatter))
                if not stamps:
                    self._read_shape(frame)
                num_damaged += frame.is_corrupt
                stamps.append(frame.pts)
            # The times of a damaged video tell nothing: frames are missing.
            if len(stamps) == self.num_frames and not num_damaged + self.num_errors:
                self._check_times(stamps, float(stream.time_base) if stream.time_base else 0.0)
        self._check_damage(len(stamps), num_damaged)
        return small

    def _decode_first(self) -> None:
        """Read the header and the first frame."""
        with video.OpenedVideo(self.path) as (container, stream):
            self._read_header(stream)
            for frame in self._frames(container, stream):
                self._read_shape(frame)
                return

    def _frames(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Iterator[av.VideoFrame]:
        """Yield frames in the order of display. Count packets that cannot be decoded."""
        # A damaged file may take very long to read.
        end = time.monotonic() + MAX_SECONDS
        for packet in container.demux(stream):
            if time.monotonic() > end:
                message = f"reading {self.path.name} takes over {MAX_SECONDS:.0f} s"
                self.faults.append(Fault("too-slow-to-read", message, CONVERT))
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.num_errors += 1

    def _read_header(self, stream: av.VideoStream) -> None:
        # The files are the parallel part: each is decoded in one thread.
        stream.codec_context.thread_count = 1
        rate = stream.average_rate or stream.guessed_rate
        self.rate_fps = float(rate) if rate else None
        aspect = stream.sample_aspect_ratio
        self.pixel_aspect = float(aspect) if aspect else 1.0

    def _read_shape(self, frame: av.VideoFrame) -> None:
        self.rotation = round(frame.rotation) % 360
        self.size = (frame.width, frame.height)

    def _check_damage(self, num_decoded: int, num_damaged: int) -> None:
        """Note frames that are damaged or missing, unless the file was not read to its end."""
        lost = max(num_damaged, self.num_errors, self.num_frames - num_decoded)
        too_slow = any(fault.kind == "too-slow-to-read" for fault in self.faults)
        if lost and not too_slow:
            message = f"{lost} of {self.num_frames} frames of {self.path.name} are damaged"
            self.faults.append(Fault("damaged-frames", message, CONVERT))

    def _check_times(self, stamps: Sequence[int | None], time_base_s: float) -> None:
        """Compare when frames are shown with a constant rate from the first to the last."""
        # Where a frame has no time, nothing is reported.
        known = [stamp for stamp in stamps if stamp is not None]
        if len(known) < 3 or len(known) < len(stamps) or known[-1] <= known[0]:
            return

        shown_s = (np.array(known, dtype=np.float64) - known[0]) * time_base_s
        even_s = np.linspace(0.0, shown_s[-1], len(shown_s))
        late_s = float(np.abs(shown_s - even_s).max())
        rate = (len(known) - 1) / float(shown_s[-1])

        # A frame far off is a problem. One somewhat off is worth a note.
        place = f"from where a constant {rate:.4g} fps has it"
        message = f"a frame of {self.path.name} is shown {late_s:.2f} s off {place}"
        if late_s > LATE_S:
            repair = "convert it to a constant rate: ffmpeg -i IN -vf fps=30 OUT"
            self.faults.append(Fault("variable-frame-rate", message, repair))
        elif late_s * rate > SLIGHTLY_LATE_FRAMES:
            self.faults.append(Fault("note-variable-frame-rate", message, ""))


def _small(frame: av.VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """Squeeze a frame to (S, S, 3) uint8 RGB, turned upright."""
    small = reformatter.reformat(
        frame, width=SMALL_SIDE, height=SMALL_SIDE, format="rgb24", interpolation="AREA", threads=1
    )
    return np.rot90(small.to_ndarray(), k=round(frame.rotation / 90) % 4)


def _small_at(path: Path, place: int) -> NDArray[np.uint8]:
    """Read the frame of one place and squeeze it."""
    picture = np.ascontiguousarray(video.read_frames(path, [place])[0])
    return _small(av.VideoFrame.from_ndarray(picture, format="rgb24"), VideoReformatter())


def inspect_all(
    paths: Sequence[Path], jobs: int, inspect: Callable[[Path], MediaReport] | None = None
) -> Iterator[tuple[Path, MediaReport]]:
    """Yield each path with its report, as they come, read in separate processes."""
    return map_apart(inspect or inspect_media, paths, jobs, _report_of_lost_file)


def _report_of_lost_file(path: Path) -> MediaReport:
    message = f"{path.name} brings the decoder down"
    return MediaReport((Fault("unreadable", message, CONVERT, fatal=True),))
