"""Opening of media: files, files inside shards, pipes and addresses.

Names stay what they are, tags may be in any encoding, and the stream of the film is chosen.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.stream import Disposition

from action_recognition.data.clip_table import MediaPath
from action_recognition.data.shards.path import ShardPath
from action_recognition.errors import UserError, user_error

# A playlist that calls itself a video must not reach for the network.
_LOCAL_ONLY: Final = {"protocol_whitelist": "file"}
# 8K is 33 million. A damaged header may claim a picture of gigabytes.
_MAX_PIXELS = 36_000_000
# More threads only decode frames that nobody wants.
_num_threads = min(4, os.cpu_count() or 1)
# Pictures that a file carries beside its film.
_BESIDE_THE_FILM: Final = (
    Disposition.attached_pic
    | Disposition.timed_thumbnails
    | Disposition.still_image
    | Disposition.dependent
)
# Packets that are read to find out which of several streams moves.
_LOOKED_AT_PACKETS = 2000
_LISTS: Final = frozenset({"concat", "hls", "dash", "imf", "sdp", "rtsp"})
_NAME_IT: Final = "give its name the suffix of a photo, such as .jpg; predict.py classifies photos"
ABSENT: Final = "there is no such video or frame folder"
REPAIR: Final = "convert it again (ffmpeg) or leave its lines out of the annotation file"


def set_decode_threads(num_threads: int) -> None:
    """Set the threads that decode one file, by default at most 4.

    Data workers take 1, because they are the parallel part themselves.
    """
    global _num_threads
    _num_threads = num_threads


def decode_threads() -> int:
    """Return the threads that decode one file."""
    return _num_threads


def file_address(path: Path | str) -> str:
    """Return the name by which FFmpeg reads or writes a file, whatever characters it has.

    Without it `12:30.mp4` has the scheme `12`, and `%03d.mp4` is a pattern.
    """
    return f"file:{path}"


def open_container(
    place: str | io.BytesIO,
    options: Mapping[str, str] | None = None,
    timeout_s: tuple[float, float] | None = None,
) -> InputContainer:
    """Open a file address, an address or bytes. Tags that are no UTF-8 do not matter.

    `timeout_s` are the longest waits for a connection and for its next packet. Raises what FFmpeg
    raises: av.FFmpegError, OSError or ValueError.
    """
    container: InputContainer = av.open(
        place,
        options=dict(_LOCAL_ONLY if options is None else options),
        metadata_errors="replace",
        timeout=timeout_s,
    )
    return container


class OpenedVideo:
    """A video file and the stream of its film.

    Raises UserError: the file cannot be read. It names the file, also for FFmpeg's errors inside of
    the `with` block.
    """

    def __init__(self, path: MediaPath) -> None:
        self.path = path
        self._opened: tuple[InputContainer, av.VideoStream] | None = None

    def __enter__(self) -> tuple[InputContainer, av.VideoStream]:
        return self.open()

    def open(self) -> tuple[InputContainer, av.VideoStream]:
        """Open the file before a `with` block, which then goes on with what `open` returned."""
        if self._opened is not None:
            return self._opened
        container = _open_file(self.path)
        try:
            _check_is_film(container, str(self.path))
            stream = self._choose_stream(container)
        except UserError:
            container.close()
            raise
        prepare_decoder(stream)
        self._opened = container, stream
        return self._opened

    @property
    def is_open(self) -> bool:
        """True from `open` to `close`."""
        return self._opened is not None

    @contextmanager
    def left_open(self) -> Iterator[tuple[InputContainer, av.VideoStream]]:
        """Open the file for a block, and leave it open unless the block fails."""
        try:
            yield self.open()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self.close()
        if isinstance(error, av.FFmpegError | OSError) and not isinstance(error, UserError):
            raise _damaged(self.path, error) from None

    def close(self) -> None:
        """Close what `open` opened, if it is open."""
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def _choose_stream(self, container: InputContainer) -> av.VideoStream:
        """Return the stream of the film. Raises UserError: there is none that can be decoded."""
        streams = _film_streams(container)
        if not streams:
            others = container.streams.video
            is_film = any(not item.disposition & _BESIDE_THE_FILM for item in others)
            unknown = "the codec of the video is not known"
            found = unknown if is_film else "the file holds no video stream"
            raise user_error(str(self.path), found, fix=REPAIR)
        if len(streams) == 1:
            return streams[0]

        # Another container is read, since not every one can be rewound.
        moving = _moving_streams(self.path, [stream.index for stream in streams])
        return _first_choice([item for item in streams if item.index in moving] or streams)


def _check_is_film(container: InputContainer, name: str) -> None:
    """Raise UserError for a photo, and for a list of other files that calls itself a video."""
    kind = container.format.name
    # FFmpeg reads a photo without the turn that its Exif states.
    if kind.endswith("_pipe") or kind == "image2":
        raise user_error(name, "is a photo, not a video", fix=_NAME_IT)
    if _LISTS.intersection(kind.split(",")):
        raise user_error(name, "is a list of other files, not a video", fix="name the videos")


def prepare_decoder(stream: av.VideoStream) -> None:
    """Set the limits and threads of a stream's decoder."""
    stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
    stream.codec_context.thread_type = "AUTO"
    stream.codec_context.thread_count = _num_threads


def film_stream(container: InputContainer) -> av.VideoStream | None:
    """Return the stream that players show, None if there is none that can be decoded."""
    streams = _film_streams(container)
    return _first_choice(streams) if streams else None


def _film_streams(container: InputContainer) -> list[av.VideoStream]:
    """Return the video streams that can be decoded and are no covers, thumbnails or layers."""
    return [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & _BESIDE_THE_FILM
    ]


def _first_choice(streams: Sequence[av.VideoStream]) -> av.VideoStream:
    """Return the first stream that is the default among those with more than a picture.

    `streams` holds at least one.
    """
    # MP4 states the number of frames. Elsewhere it is 0.
    moving = [stream for stream in streams if stream.frames != 1] or streams
    return next((item for item in moving if item.disposition & Disposition.default), moving[0])


def _moving_streams(path: MediaPath, indices: Sequence[int]) -> set[int]:
    """Return those streams that hold more than one packet."""
    seen: dict[int, int] = dict.fromkeys(indices, 0)
    try:
        with _open_file(path) as container:
            streams = [container.streams[index] for index in indices]
            for number, packet in enumerate(container.demux(streams)):
                seen[packet.stream_index] += bool(packet.size)
                if number > _LOOKED_AT_PACKETS or min(seen.values()) > 1:
                    break
    except (av.FFmpegError, OSError):
        # Whoever reads the stream says what is broken.
        pass
    return {index for index, number in seen.items() if number > 1}


def _open_file(path: MediaPath) -> InputContainer:
    """Open a video file, or one inside a shard. Raises UserError: it cannot be opened."""
    if not path.exists():
        raise user_error(str(path), ABSENT)
    if path.stat().st_size == 0:
        raise user_error(str(path), "the file is empty (0 bytes)", fix=REPAIR)
    try:
        if isinstance(path, ShardPath):
            return open_container(io.BytesIO(path.read_bytes()))
        return open_container(file_address(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: MediaPath, error: BaseException) -> UserError:
    reason = getattr(error, "strerror", None) or str(error)
    return user_error(str(path), f"cannot be read as a video ({reason})", fix=REPAIR)
