"""The annotated video of a run. It appears at its place when it ends."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

from action_recognition.data.media.opening import file_address
from action_recognition.data.transforms import fit_into
from action_recognition.deploy.stream_models import Picture
from action_recognition.errors import user_error
from action_recognition.files import is_device
from action_recognition.live.outputs.streamed_file import StreamedFile

VIDEO_SUFFIXES: Final = (".mp4", ".mkv", ".mov")
# Fine enough for the times of any source.
_TIME_BASE: Final = Fraction(1, 90_000)
# H.264 ends here: larger pictures are made smaller.
_MAX_SIDE: Final = 8192
_MIN_SIDE: Final = 16
# A recording that must end early loses less than this.
_KEY_FRAME_EVERY_S: Final = 2.0


class VideoRecorder:
    """A writer of RGB pictures with their times as H.264 (yuv420p).

    The file appears at its place with `close`. The format needs even sizes, so an odd last row or
    column is left out. A picture of another size than the first is fitted into that size.

    If the file cannot be written on, for example since the disk is full, it is put at its place
    with everything until the last key frame. The error is raised all the same.
    Raises UserError: a file name with another suffix than `VIDEO_SUFFIXES`, or a picture that
    cannot be encoded. Raises OSError: the file cannot be written.
    """

    def __init__(self, path: Path, frame_rate_fps: float, flag: str = "--output") -> None:
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            allowed = f"a name that ends in {', '.join(VIDEO_SUFFIXES)}"
            raise user_error("--output", f"found {path.name!r}", allowed)
        # The format goes back to write its beginning.
        if is_device(path):
            raise user_error("--output", f"{path} is a device or a pipe", "the name of a file")

        self.path, self._flag = path, flag
        self._place = StreamedFile(path)
        self._container = self._open()
        rate = Fraction(frame_rate_fps).limit_denominator(1001)
        options = {"crf": "20", "g": str(max(1, round(_KEY_FRAME_EVERY_S * frame_rate_fps)))}
        self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        # Height and width of the pictures that are fitted in.
        self._size: tuple[int, int] | None = None
        self._last_pts, self._is_open = -1, True
        self.is_kept = False

    def write(self, picture: Picture, time_s: float) -> None:
        """Add a picture (H, W, 3) that is shown from `time_s` on, in seconds.

        If time stands still or goes back, the picture follows by the smallest step.
        """
        # The first picture decides the size, rounded down to even numbers.
        if self._size is None:
            self._size = _size_for(picture)
            self._stream.height, self._stream.width = (size // 2 * 2 for size in self._size)

        fitted = fit_into(picture, *self._size)[: self._stream.height, : self._stream.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(fitted), format="rgb24")
        frame.pts = self._last_pts = max(self._last_pts + 1, round(time_s / _TIME_BASE))
        frame.time_base = _TIME_BASE
        self._encode(frame)

    def close(self) -> None:
        """Finish the file and put it at its place. Without any picture there is no file."""
        if not self._is_open:
            return
        if self._size is None:
            self.discard()
            return

        # The encoder holds back frames until it is flushed.
        self._encode(None)
        self._is_open = False
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            self._keep_what_is_whole()
            raise
        self._put_in_place()

    def discard(self) -> None:
        """Give up the recording. An earlier file at the path stays."""
        if self._is_open:
            self._is_open = False
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            self._place.discard()

    def _open(self) -> av.container.OutputContainer:
        """Open the hidden file. MP4 is written in fragments, which play without an end.

        Once it is whole, its beginning is replaced by that of an ordinary MP4.
        """
        is_mp4 = self.path.suffix.lower() in (".mp4", ".mov")
        options = {"movflags": "hybrid_fragmented+delay_moov"} if is_mp4 else {}
        return av.open(file_address(self._place.partial), "w", options=options)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        """Encode a frame, or what the encoder holds back, and write it."""
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self._is_open = False
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            self._keep_what_is_whole()
            if isinstance(error, OSError):
                raise
            found = f"the picture cannot be encoded ({error.strerror})"
            raise user_error(f"{self._flag} {self.path}", found) from None

    def _keep_what_is_whole(self) -> None:
        """Put the file at its place without the part that is not whole, if anything is left."""
        partial = self._place.partial
        if self.path.suffix.lower() == ".mkv":
            # Players take it as it is, since it has its times in every part.
            num_bytes = partial.stat().st_size
        else:
            num_bytes = _bytes_of_whole_fragments(partial)

        with partial.open("rb+") as file:
            file.truncate(num_bytes)
        if _has_picture(partial):
            self._put_in_place()
        else:
            self._place.discard()

    def _put_in_place(self) -> None:
        self._place.put_in_place()
        self.is_kept = True


def _size_for(picture: Picture) -> tuple[int, int]:
    """Return height and width at which a picture (H, W, 3) can be recorded."""
    height, width = picture.shape[:2]
    scale = min(1.0, _MAX_SIDE / max(height, width))
    return max(_MIN_SIDE, int(height * scale)), max(_MIN_SIDE, int(width * scale))


def _has_picture(path: Path) -> bool:
    """Return True for a video that plays."""
    with suppress(av.FFmpegError, OSError), av.open(file_address(path)) as container:
        return next(container.decode(video=0), None) is not None
    return False


def _bytes_of_whole_fragments(path: Path) -> int:
    """Return how many bytes of an MP4 hold whole fragments, 0 if it has none.

    Source: ISO/IEC 14496-12, 4.2: a box begins with its size (4 bytes) and its name (4 bytes). If
    the size is 1, 8 more bytes have it. A fragment is a `moof` with the `mdat` after it. The first
    one follows the `moov`.
    """
    end, place, whole, is_fragment = path.stat().st_size, 0, 0, False
    with path.open("rb") as file:
        while place + 8 <= end:
            file.seek(place)
            head = file.read(16)
            size, name = int.from_bytes(head[:4]), head[4:8]
            size = int.from_bytes(head[8:16]) if size == 1 else size
            if size < 8 or place + size > end:
                break

            place += size
            if name == b"mdat" and is_fragment:
                whole = place
            is_fragment = name in (b"moof", b"moov")
    return whole
