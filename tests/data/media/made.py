"""Videos of the kinds that people bring: each is made with PyAV, with a number in every frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.synthetic import numbered_frames, write_video

NUM_FRAMES = 24
Frames = NDArray[np.uint8]
FRAMES = numbered_frames(NUM_FRAMES)
_B_FRAMES = {"bf": "2", "g": "12"}


def write_tagged(path: Path, **tags: int) -> Path:
    """H.264 of 4:2:0 pixels with those codes of colour, whatever the pixels are."""
    return write_video(path, FRAMES, tags=tags)


def write_turned(path: Path, matrix: Sequence[float], frames: Frames = FRAMES) -> Path:
    """H.264 with a display matrix of nine numbers."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        scales = (1 << 16, 1 << 16, 1 << 30) * 3
        scaled = zip(matrix, scales, strict=True)
        stream.set_display_matrix([round(number * scale) for number, scale in scaled])
        _encode(container, stream, frames)
    return path


def write_clean_aperture(path: Path, width: int, height: int) -> Path:
    """H.264 in MP4 with a `clap` box: a player may show the middle `width` x `height` pixels only.

    Source: ISO/IEC 14496-12, 12.1.4.2.
    """
    write_video(path, FRAMES)
    content = path.read_bytes()
    numbers = (width, 1, height, 1, 0, 1, 0, 1)
    box = b"clap" + b"".join(number.to_bytes(4, "big") for number in numbers)
    box = (len(box) + 4).to_bytes(4, "big") + box

    # Behind the other boxes of the sample entry. The media data lie before them, so none moves.
    place = content.rindex(b"moov") - 4
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        place = content.index(name, place) - 4
        size = int.from_bytes(content[place : place + 4], "big")
        content = content[:place] + (size + len(box)).to_bytes(4, "big") + content[place + 4 :]
        end = place + size
    path.write_bytes(content[:end] + box + content[end:])
    return path


def copy_packets(
    source: Path, target: Path, change: Callable[[list[av.Packet]], Iterable[av.Packet]]
) -> Path:
    """Copy the packets of a video into another container, without coding them again."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in change([packet for packet in old.demux(video=0) if packet.size]):
            packet.stream = stream
            new.mux(packet)
    return target


def write_avi_of_slots(path: Path, slots: int) -> Path:
    """H.264 at 30 frames a second in AVI whose header counts `slots` for each frame."""
    ticks = [slots * number for number in range(NUM_FRAMES)]
    return write_video(path, FRAMES, 30 * slots, options=_B_FRAMES, ticks=ticks)


def write_cut(path: Path) -> Path:
    """Write a transport stream that begins between two key frames. 12 frames play."""
    source = write_video(path.with_name("whole.ts"), FRAMES, options={"bf": "0", "g": "12"})
    return copy_packets(source, path, lambda packets: packets[5:])


def write_without_display_times(path: Path) -> Path:
    """H.264 with B-frames whose packets have the times of decoding as those of display."""

    def stamp_in_order(packets: list[av.Packet]) -> Iterable[av.Packet]:
        stamps = sorted(packet.pts for packet in packets if packet.pts is not None)
        for packet, stamp in zip(packets, stamps, strict=True):
            packet.pts = packet.dts = stamp
            yield packet

    source = write_video(path.with_name("sound.mp4"), FRAMES, options=_B_FRAMES)
    return copy_packets(source, path, stamp_in_order)


def write_two_streams(path: Path, codec: str, size: tuple[int, int], num_pictures: int) -> Path:
    """Write a stream of few pictures before that of the film."""
    with av.open(str(path), "w") as container:
        still = container.add_stream(codec, rate=30)
        film = container.add_stream("libx264", rate=30)
        still.height, still.width = size
        still.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        film.height, film.width = FRAMES.shape[1:3]
        film.pix_fmt = "yuv420p"
        _encode(container, still, np.full((num_pictures, *size, 3), 90, np.uint8))
        _encode(container, film, FRAMES)
    return path


def write_foreign_tags(path: Path) -> Path:
    """Matroska with a title that is no UTF-8."""
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "TITLE"
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = FRAMES.shape[1:3]
        stream.pix_fmt = "yuv420p"
        _encode(container, stream, FRAMES)
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"\xe9t\xe9\xff\xfe"))
    return path


def write_pixels(path: Path, pixel_format: str, codec: str, frames: Frames = FRAMES) -> Path:
    """Write frames in another pixel format."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        _encode(container, stream, frames)
    return path


def write_photos_in_a_row(path: Path) -> Path:
    """Write JPEGs one after another, without any container."""
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in FRAMES))
    return path


def write_gif(path: Path) -> Path:
    """Write a GIF, whose times are hundredths of a second."""
    small = np.stack([cv2.resize(frame, (32, 24)) for frame in FRAMES])
    return write_pixels(path, "rgb8", "gif", small)


def _encode(
    container: av.container.OutputContainer, stream: av.VideoStream, frames: Frames
) -> None:
    for picture in frames:
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode())


def pairs(number: int) -> list[int]:
    """Ticks of frames of which every second follows at once, as VFR cameras write them."""
    return list(itertools.accumulate([0, *([1, 3] * number)]))[:NUM_FRAMES]
