"""Where frames come from: a file, a folder of frames, a camera, an address; each an iterator of timed RGB pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import av
import cv2
import numpy as np

from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.data.video import probe, read_frames
from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.address_source import AddressSource, upright
from action_recognition.live.sources.addresses import is_address
from action_recognition.live.sources.retrying import Patience

_FOLDER_BATCH: Final = 32
_CAMERA_RATE_FPS: Final = 30.0


class FrameSource(Protocol):
    """Something to recognise gestures in. `frame_rate_fps` is nominal; the frames' times count. A live one does not wait for us."""

    name: str
    frame_rate_fps: float
    is_live: bool

    def frames(self) -> Iterator[TimedFrame]:
        """The frames in order of display."""
        ...

    def stop(self) -> None:
        """From any thread: `frames` ends soon, also where the source was lost and is waited for."""
        ...


def open_source(
    text: str,
    folder_rate_fps: float,
    say: Callable[[str], None] = lambda _: None,
    patience: Patience | None = None,
) -> FrameSource:
    """A camera for a number, a network address or pipe, else a file or a folder of numbered images, shown at `folder_rate_fps`.

    A camera or address that is lost later is tried again with `patience`; `say` hears of it.
    Errors: a missing path, a file without a video stream, a folder without frames, a camera or address that does not answer.
    """
    path, patience = Path(text), patience or Patience(say)
    if path.is_dir():
        return FrameFolder(path, folder_rate_fps)
    if text.isascii() and text.isdigit() and not path.exists():
        return Camera(int(text), patience)
    if is_address(text):
        return AddressSource(text, patience, say)
    return VideoFile(path)


class VideoFile:
    """A video file, decoded from its start; the rotation that it states is applied."""

    is_live = False

    def __init__(self, path: Path) -> None:
        info = probe(path)
        self.name = str(path)
        self.frame_rate_fps = info.frame_rate_fps or _CAMERA_RATE_FPS
        self._path = path

    def frames(self) -> Iterator[TimedFrame]:
        """Frames with the container's time stamps, the first at 0."""
        with av.open(str(self._path)) as container:
            # A cover picture is a video stream too, but not the one to watch.
            cover = av.stream.Disposition.attached_pic
            stream = next(item for item in container.streams.video if not item.disposition & cover)
            first_pts: int | None = None
            try:
                for frame in container.decode(stream):
                    first_pts = frame.pts if first_pts is None else first_pts
                    time_s = float((frame.pts - first_pts) * stream.time_base)
                    picture = upright(frame.to_ndarray(format="rgb24"), frame.rotation)
                    yield TimedFrame(time_s, picture)
            except av.FFmpegError as error:
                raise user_error(
                    self.name, f"is damaged ({error.strerror})", fix="convert the video again"
                ) from None

    def stop(self) -> None:
        """Nothing waits here."""


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
        """The images in the order of their numbers, evenly spaced."""
        for start in range(0, self._num_frames, _FOLDER_BATCH):
            numbers = range(start, min(start + _FOLDER_BATCH, self._num_frames))
            for number, picture in zip(numbers, read_frames(self._path, numbers), strict=True):
                yield TimedFrame(number / self.frame_rate_fps, picture)

    def stop(self) -> None:
        """Nothing waits here."""


class Camera:
    """A camera by its number; frames are timed by the clock when they arrive. Unplugged, it is opened again when it is back."""

    is_live = True

    def __init__(self, number: int, patience: Patience) -> None:
        self.name = f"camera {number}"
        self._number, self._patience = number, patience
        # OpenCV tells of every driver that it tried; the error below says what matters.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        capture = self._open()
        if capture is None:
            fix = "check that it is plugged in, not in use and that you may read it; try 0 or 1"
            raise user_error(self.name, "cannot be opened", fix=fix)
        self._capture: cv2.VideoCapture | None = capture
        stated = capture.get(cv2.CAP_PROP_FPS)
        self.frame_rate_fps = stated if 1.0 <= stated <= 240.0 else _CAMERA_RATE_FPS

    def frames(self) -> Iterator[TimedFrame]:
        """Frames until `stop`, or until the camera is not back when patience ends."""
        start_s: float | None = None
        is_restart = False
        try:
            while self._capture is not None and not self._patience.is_over:
                there, picture = self._capture.read()
                if not there:
                    self._capture.release()
                    self._capture, is_restart = self._patience.again(self.name, self._open), True
                    continue

                now_s = time.monotonic()
                start_s = now_s if start_s is None else start_s
                rgb = np.ascontiguousarray(picture[:, :, ::-1])
                yield TimedFrame(now_s - start_s, rgb, is_restart)
                is_restart = False
        finally:
            if self._capture is not None:
                self._capture.release()

    def stop(self) -> None:
        """The next frame is the last."""
        self._patience.give_up()

    def _open(self) -> cv2.VideoCapture | None:
        capture = cv2.VideoCapture(self._number)
        if capture.isOpened():
            return capture
        capture.release()
        return None
