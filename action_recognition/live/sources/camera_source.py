"""Frames from a camera of this machine, by its number or its device."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from action_recognition.errors import user_error
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.retrying import Patience

# The rate of cameras that do not state theirs.
_CAMERA_RATE_FPS: Final = 30.0
# OpenCV takes hundreds for drivers.
_LAST_NUMBER: Final = 99
_DEVICES: Final = ("/dev/video", "/dev/v4l/")


def is_camera(text: str) -> bool:
    """Return True for the number of a camera, or for a device such as one of /dev/v4l/by-id.

    >>> [is_camera(text) for text in ("0", "/dev/video2", "/dev/v4l/by-id/usb-Cam", "clip.mp4")]
    [True, True, True, False]
    """
    return (text.isascii() and text.isdigit()) or text.startswith(_DEVICES)


class Camera:
    """A camera with a number or a device. Its frames get the times of their arrival.

    A camera that was unplugged is opened again when it is back. Its number may change then, and the
    names of /dev/v4l/by-id stay.
    Raises UserError: a camera that cannot be opened.
    """

    is_live = True

    def __init__(self, place: str, patience: Patience) -> None:
        self.name = f"camera {place}"
        self._place, self._patience = place, patience
        _check_place(place, self.name)
        # OpenCV prints every driver that it tried. The error below says what matters.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        capture = self._open()
        if capture is None:
            fix = "check that it is plugged in, not in use and that you may read it; try 0 or 1"
            raise user_error(self.name, "cannot be opened", fix=fix)

        self._capture: cv2.VideoCapture | None = capture
        # Some cameras state 0, nan or an absurd rate.
        stated = capture.get(cv2.CAP_PROP_FPS)
        self.frame_rate_fps = stated if 1.0 <= stated <= 240.0 else _CAMERA_RATE_FPS

    def frames(self) -> Iterator[TimedFrame]:
        """Yield frames until `stop`, or until patience with a lost camera ends."""
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
        """Make the next frame the last."""
        self._patience.give_up()

    def _open(self) -> cv2.VideoCapture | None:
        """Open the camera. Return None if that fails."""
        if self._place.isdigit():
            capture = cv2.VideoCapture(int(self._place))
        else:
            # Without its driver, OpenCV would look for a video file of that name.
            driver = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
            capture = cv2.VideoCapture(self._place, driver)
        if capture.isOpened():
            return capture
        capture.release()
        return None


def _check_place(place: str, name: str) -> None:
    """Raise a UserError for a number that no camera has, and for a device that is not there."""
    if place.isdigit():
        if len(place) > len(str(_LAST_NUMBER)) and int(place[:20]) > _LAST_NUMBER:
            raise user_error(name, "there is none", f"a number of 0 to {_LAST_NUMBER}")
        return

    path = Path(place)
    if not path.exists():
        near = path.parent if path.parent.is_dir() else Path("/dev")
        found = ", ".join(sorted(item.name for item in near.glob("*") if is_camera(str(item))))
        allowed = found or f"there are no cameras in {near}"
        raise user_error(name, "there is no such device", allowed, "plug it in, or name another")
