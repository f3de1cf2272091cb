"""Sources of frames: a file, a folder of frames, a camera or an address.

Each of them yields timed RGB pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.data.media.film import Film
from action_recognition.data.video import probe, read_frames
from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.address_source import AddressSource
from action_recognition.live.sources.addresses import is_address
from action_recognition.live.sources.camera_source import Camera, is_camera
from action_recognition.live.sources.connection import Connection, is_photo
from action_recognition.live.sources.retrying import Patience
from action_recognition.live.sources.snapshot_source import SnapshotSource

# Images of a folder that are read at once.
_FOLDER_BATCH: Final = 32


class FrameSource(Protocol):
    """A source to recognise gestures in.

    `frame_rate_fps` is nominal, and the times of the frames count. A live source does not wait for
    its reader.
    """

    name: str
    frame_rate_fps: float
    is_live: bool

    def frames(self) -> Iterator[TimedFrame]:
        """Yield the frames in order of display."""
        ...

    def stop(self) -> None:
        """Make `frames` end soon, also while it waits for a lost source. Any thread may call it."""
        ...


def open_source(
    text: str,
    folder_rate_fps: float,
    say: Callable[[str], None] = lambda _: None,
    patience: Patience | None = None,
) -> FrameSource:
    """Open the source that a text names.

    A number or a device is a camera, and a URL or pipe is an address. Any other text is a video
    file or a folder of numbered images, which plays at `folder_rate_fps`.

    A camera or address that is lost later is opened again with `patience`, and `say` reports it.
    Raises UserError: a missing path, a file without video, a folder without frames, or a camera or
    address that does not answer.
    """
    path, patience = Path(text), patience or Patience(say)

    if path.is_dir():
        return FrameFolder(path, folder_rate_fps)
    # A file may be named like a number.
    if is_camera(text) and not path.is_file():
        return Camera(text, patience)
    if is_address(text):
        return _open_address(text, folder_rate_fps, say, patience)
    return VideoFile(path, say)


def _open_address(
    text: str, snapshot_rate_fps: float, say: Callable[[str], None], patience: Patience
) -> FrameSource:
    """Open an address. One that gives single pictures is asked at `snapshot_rate_fps`."""
    connection = Connection(text)
    container = connection.open()
    if is_photo(container) and not connection.is_pipe:
        return SnapshotSource(connection, container, snapshot_rate_fps, patience, say)
    return AddressSource(connection, container, patience, say)


class VideoFile:
    """A video file, played from its start, with the pictures and times that training sees.

    `say` gets what is not read as the file states it.
    Raises UserError: a file that is missing or is not a video, and a damaged part while reading.
    """

    is_live = False

    def __init__(self, path: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.name = str(path)
        self._film = Film(path, say)
        self.frame_rate_fps = self._film.frame_rate_fps

    def frames(self) -> Iterator[TimedFrame]:
        """Yield the frames with their times, the first at 0."""
        for time_s, picture in self._film.pictures():
            yield TimedFrame(time_s, picture)

    def close(self) -> None:
        """Close a file that is not played."""
        self._film.close()

    def stop(self) -> None:
        """Do nothing: this source never waits."""


class FrameFolder:
    """A folder of numbered images."""

    is_live = False

    def __init__(self, path: Path, frame_rate_fps: float) -> None:
        images = any(item.suffix.lower() in IMAGE_SUFFIXES for item in path.iterdir())
        if not images:
            raise user_error(
                str(path),
                "the folder holds no frames",
                "numbered images such as img_00001.jpg",
                "for a video, name its file",
            )

        self.name = str(path)
        self.frame_rate_fps = frame_rate_fps
        self._path = path
        self._num_frames = probe(path).num_frames

    def frames(self) -> Iterator[TimedFrame]:
        """Yield the images in the order of their numbers, evenly spaced."""
        # In batches, so that a long folder does not fill the memory.
        for start in range(0, self._num_frames, _FOLDER_BATCH):
            numbers = range(start, min(start + _FOLDER_BATCH, self._num_frames))
            for number, picture in zip(numbers, read_frames(self._path, numbers), strict=True):
                yield TimedFrame(number / self.frame_rate_fps, picture)

    def stop(self) -> None:
        """Do nothing: this source never waits."""
