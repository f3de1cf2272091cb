"""Read one video file, photo or frame folder from its beginning to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.data import video
from action_recognition.data.media.decoding import decoded_frames
from action_recognition.data.media.orientation import UPRIGHT, Orientation, orientation_of
from action_recognition.data.media.packet_index import packet_index
from action_recognition.data.media.pictures import PictureMaker
from action_recognition.data.media.pixel_shape import pixel_shape_note
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
# Deviations from even times that count.
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

    rate = video.frame_rate(path)
    return MediaReport(
        tuple(faults),
        num_frames,
        rate.fps if rate else None,
        *reading.size,
        content_hash(path),
        look,
        is_rate_sure=rate is not None and rate.is_sure,
        # The shape of pixels is a finding of its own.
        notes=tuple(note for note in video.notes_on(path) if note != reading.pixel_note),
    )


class _TooSlow(Exception):
    """A file takes too long to be read."""


class _VideoReading:
    """One pass over a file. The attributes are set once `pictures` has returned."""

    def __init__(self, path: Path, num_frames: int) -> None:
        self.path, self.num_frames = path, num_frames
        self.faults: list[Fault] = []
        self.num_errors = 0
        self.size = (0, 0)
        self.orientation: Orientation = UPRIGHT
        self._end_s = math.inf
        self.pixel_note = ""

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
        if self.orientation.is_transposed:
            self.size = (height, width)

        if self.orientation.note:
            faults.append(Fault("note-rotated", f"{name} {self.orientation.note}", ""))
        if self.pixel_note:
            repair = "ffmpeg -i IN -vf 'scale=iw*sar:ih,setsar=1' OUT"
            faults.append(Fault("pixel-aspect", f"{name} {self.pixel_note}", repair))
        if max(width, height) > 3 * min(width, height) > 0:
            faults.append(Fault("note-extreme-aspect", f"{name} is {width} x {height}", ""))
        return faults

    def _decode_all(self, places: set[int]) -> list[NDArray[np.uint8]]:
        """Decode every frame. Note damage, and times that are not even; return small pictures."""
        small, num_decoded, num_damaged = [], 0, 0
        maker = PictureMaker()
        with video.OpenedVideo(self.path) as (container, stream):
            self._read_header(stream)
            for frame in self._frames(container, stream):
                if num_decoded in places:
                    small.append(maker.squeezed(frame, SMALL_SIDE))
                if not num_decoded:
                    self._read_shape(frame)
                num_damaged += frame.is_corrupt
                num_decoded += 1

        # The times of a damaged video tell nothing: frames are missing.
        if num_decoded == self.num_frames and not num_damaged + self.num_errors:
            self._check_times(video.frame_times(self.path))
        self._check_damage(num_decoded, num_damaged)
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
        # A file that starts between key frames is not damaged there.
        skips_start = packet_index(self.path).is_counted_by_decoding
        frames = decoded_frames(
            container,
            stream,
            self._check_duration,
            skips_start=skips_start,
            on_damage=self._count_error,
        )
        self._end_s = time.monotonic() + MAX_SECONDS
        try:
            yield from frames
        except _TooSlow:
            message = f"reading {self.path.name} takes over {MAX_SECONDS:.0f} s"
            self.faults.append(Fault("too-slow-to-read", message, CONVERT))

    def _check_duration(self, packet: av.Packet) -> None:
        """Raise _TooSlow where a file takes too long. A damaged one may take very long."""
        if time.monotonic() > self._end_s:
            raise _TooSlow

    def _count_error(self, packet: av.Packet, error: av.FFmpegError) -> None:
        self.num_errors += 1

    def _read_header(self, stream: av.VideoStream) -> None:
        # The files are the parallel part: each is decoded in one thread.
        stream.codec_context.thread_count = 1
        self.pixel_note = pixel_shape_note(stream)

    def _read_shape(self, frame: av.VideoFrame) -> None:
        self.orientation = orientation_of(frame)
        self.size = (frame.width, frame.height)

    def _check_damage(self, num_decoded: int, num_damaged: int) -> None:
        """Note frames that are damaged or missing, unless the file was not read to its end."""
        lost = max(num_damaged, self.num_errors, self.num_frames - num_decoded)
        too_slow = any(fault.kind == "too-slow-to-read" for fault in self.faults)
        if lost and not too_slow:
            message = f"{lost} of {self.num_frames} frames of {self.path.name} are damaged"
            self.faults.append(Fault("damaged-frames", message, CONVERT))

    def _check_times(self, shown_s: NDArray[np.float64]) -> None:
        """Compare when frames are shown with a constant rate from the first to the last."""
        if len(shown_s) < 3:
            return

        even_s = np.linspace(0.0, shown_s[-1], len(shown_s))
        late_s = float(np.abs(shown_s - even_s).max())
        rate = (len(shown_s) - 1) / float(shown_s[-1])

        # A frame far off is a problem. One somewhat off is worth a note.
        place = f"from where a constant {rate:.4g} fps has it"
        message = f"a frame of {self.path.name} is shown {late_s:.2f} s off {place}"
        if late_s > LATE_S:
            repair = "convert it to a constant rate: ffmpeg -i IN -vf fps=30 OUT"
            self.faults.append(Fault("variable-frame-rate", message, repair))
        elif late_s * rate > SLIGHTLY_LATE_FRAMES:
            self.faults.append(Fault("note-variable-frame-rate", message, ""))


def _small_at(path: Path, place: int) -> NDArray[np.uint8]:
    """Read the frame of one place and squeeze it."""
    picture = np.ascontiguousarray(video.read_frames(path, [place])[0])
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return PictureMaker().squeezed(frame, SMALL_SIDE)


def inspect_all(
    paths: Sequence[Path], jobs: int, inspect: Callable[[Path], MediaReport] | None = None
) -> Iterator[tuple[Path, MediaReport]]:
    """Yield each path with its report, as they come, read in separate processes."""
    return map_apart(inspect or inspect_media, paths, jobs, _report_of_lost_file)


def _report_of_lost_file(path: Path) -> MediaReport:
    message = f"{path.name} brings the decoder down"
    return MediaReport((Fault("unreadable", message, CONVERT, fatal=True),))
