"""Composed streams as videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from action_recognition.console import say
from action_recognition.data.media.opening import file_address
from action_recognition.data.stream_files import AnnotatedStream
from action_recognition.data.transforms import fit_into
from action_recognition.data.video import read_frames
from action_recognition.dataset_tools.streams.plan import (
    CompositionOptions,
    Part,
    Planned,
    annotated,
)
from action_recognition.files import write_atomically

Picture = NDArray[np.uint8]
_LONGEST_SIDE = 480


def compose_pictures(
    planned: Planned, folder: Path, with_events: bool, options: CompositionOptions
) -> list[AnnotatedStream]:
    """Write `NAME.mp4` of every stream, and print a line after each."""
    streams = []
    for number, (name, parts) in enumerate(planned, start=1):
        stream = _compose(name, parts, folder, with_events, options)
        facts = f"{stream.duration_s:.0f} s, {len(stream.events)} gestures"
        say(f"{number} of {len(planned)}: {name}.mp4, {facts}")
        streams.append(stream)
    return streams


def _compose(
    name: str, parts: Sequence[Part], folder: Path, with_events: bool, options: CompositionOptions
) -> AnnotatedStream:
    """Write a video atomically. Return its path with its gestures and cuts."""
    path = folder / f"{name}.mp4"
    pictures = (picture for part in parts for picture in _pictures(part, options))
    with write_atomically(path, keep_suffix=True) as partial:
        _write(partial, pictures, options.rate_fps)
    return annotated(path, parts, with_events, options.rate_fps)


def _pictures(part: Part, options: CompositionOptions) -> Iterator[Picture]:
    """Yield the frames of a part, rests included, at the rate of the stream."""
    record = part.clip.record
    frames = read_frames(record.path, range(record.clip_start, record.clip_end))
    for index in part.source_frames(options):
        yield frames[min(index, len(frames) - 1)]


def _write(path: Path, pictures: Iterator[Picture], rate_fps: float) -> None:
    """Write H.264. All pictures are fitted into the size of the first, with black beside them."""
    with av.open(file_address(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(rate_fps), options={"crf": "20", "preset": "veryfast"}
        )
        stream.pix_fmt = "yuv420p"
        # The size is known with the first picture.
        stream.width, stream.height = 0, 0
        for picture in pictures:
            if not stream.width:
                stream.width, stream.height = _stream_size(picture)
            fitted = np.ascontiguousarray(fit_into(picture, stream.height, stream.width))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(fitted, format="rgb24")))
        # The encoder keeps some frames back until it is flushed.
        container.mux(stream.encode())


def _stream_size(picture: Picture) -> tuple[int, int]:
    """Return width and height of a stream whose first picture this is, both even for H.264."""
    scale = min(1.0, _LONGEST_SIDE / max(picture.shape[:2]))
    height, width = (max(2, round(side * scale) // 2 * 2) for side in picture.shape[:2])
    return width, height
