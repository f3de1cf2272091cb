"""Cropped clips as folders of numbered images or as video files, whole or absent."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.video import read_frames
from action_recognition.dataset_tools.image_folders import is_complete, write_image
from action_recognition.dataset_tools.preparing.cropping import PictureSize, Rectangle, cropped
from action_recognition.dataset_tools.preparing.trimming import Span
from action_recognition.errors import naming
from action_recognition.partials import held_file, held_folder

_BYTES_AT_ONCE = 200_000_000  # of decoded pictures in memory
# Hardly a visible loss. Key frames are close together, since training reads windows.
H264_OPTIONS = {"crf": "17", "preset": "fast", "g": "16"}


@dataclass(frozen=True)
class ClipForm:
    """Form of the written clips: size of their pictures, and images or videos.

    `image_name` is the pattern of the names, `scale` enlarges the person's box.
    """

    size: PictureSize = field(default_factory=lambda: PictureSize(300, 256))
    scale: float = 1.2
    image_name: str = "img_{:05d}.jpg"
    as_video: bool = False


@dataclass(frozen=True)
class ClipCut:
    """The part of a video that becomes a clip: frames `span` of `source`, inside `rectangle`.

    `picture` is the size of the source. Without a rectangle, whole pictures are taken.
    """

    source: Path
    span: Span
    picture: PictureSize
    rectangle: Rectangle | None
    frame_rate_fps: float

    @property
    def num_frames(self) -> int:
        """Number of frames of the clip."""
        return self.span[1] - self.span[0]


def clip_path(path: str, form: ClipForm) -> str:
    """Return the path of a clip below the data root, of a folder or of a file.

    >>> clip_path("a/clip_0000", ClipForm(as_video=True))
    'a/clip_0000.mp4'
    """
    return f"{path}.mp4" if form.as_video else path


def write_clip(cut: ClipCut, target: Path, form: ClipForm) -> None:
    """Write a clip beside its place, and move it there when it is whole. A whole clip is kept.

    The clip may be a folder. Raises UserError: the source cannot be read. Raises OSError, with the
    name of the target: it cannot be written.
    """
    if is_whole(target, cut.num_frames, form):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with naming(target), held_file(target) if form.as_video else held_folder(target) as partial:
        if form.as_video:
            partial.write_bytes(_encoded(cut, form))
        else:
            _write_folder(cut, partial, form)
        _remove(target)
        partial.replace(target)


def _write_folder(cut: ClipCut, folder: Path, form: ClipForm) -> None:
    """Write the pictures of a clip as numbered images into a folder."""
    for number, picture in enumerate(_pictures(cut, form), start=1):
        write_image(folder / form.image_name.format(number), picture)


def _pictures(cut: ClipCut, form: ClipForm) -> Iterator[NDArray[np.uint8]]:
    """Yield the cropped pictures of a clip, RGB uint8, decoding only a few at a time."""
    at_once = max(1, _BYTES_AT_ONCE // (3 * cut.picture.height * cut.picture.width))
    start, end = cut.span
    for first in range(start, end, at_once):
        for frame in read_frames(cut.source, range(first, min(first + at_once, end))):
            yield cropped(frame, cut.rectangle, form.size)


def _encoded(cut: ClipCut, form: ClipForm) -> bytes:
    """Return an MP4 file as bytes. In memory no disk can be full.

    FFmpeg's own errors of writing do not name the file.
    """
    buffer = io.BytesIO()
    rate = Fraction(cut.frame_rate_fps).limit_denominator(1001)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = form.size
        stream.pix_fmt, stream.options = "yuv420p", H264_OPTIONS

        for number, picture in enumerate(_pictures(cut, form)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        # The encoder keeps some frames back until it is flushed.
        container.mux(stream.encode())
    return buffer.getvalue()


def is_whole(target: Path, num_frames: int, form: ClipForm) -> bool:
    """Return True if a clip is there with all of its frames."""
    if form.as_video:
        return target.is_file()
    return is_complete(target, num_frames)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
