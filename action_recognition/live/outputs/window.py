"""A window of OpenCV that shows pictures and reports the keys that are pressed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import cv2
import numpy as np

from action_recognition.data.photo import Photo
from action_recognition.errors import user_error
from action_recognition.lettering import write_text
from action_recognition.live.regions import Box

# Colours in RGB.
GREEN: Final = (46, 204, 64)
QUIT_KEY: Final = "q"
_WHITE: Final = (255, 255, 255)
_BOX_HELP: Final = "draw a box with the mouse; Enter: take it, C: the whole picture"


class PictureWindow:
    """A window that opens with its first picture. Closing it counts as pressing `QUIT_KEY`.

    `fix` is the repair that an error message proposes, such as a flag that runs without a window.
    Raises UserError: there is no display, or OpenCV was built without windows.
    """

    def __init__(self, title: str, fix: str) -> None:
        self._title, self._fix = title, fix
        self._is_open = False
        self._was_visible = False

        # OpenCV is not asked: its window library ends the process where there is no display.
        if sys.platform.startswith("linux") and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            raise user_error("display", "there is none to show on", fix=fix)

    def show(self, picture: Photo) -> str:
        """Show an RGB picture (H, W, 3) and return the key as `key` does."""
        # cv2.imshow would open again what the user has closed.
        if self._is_closed():
            return QUIT_KEY

        with self._naming_the_fix():
            if not self._is_open:
                # Qt would put a toolbar over the picture.
                cv2.namedWindow(self._title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
            cv2.imshow(self._title, picture[:, :, ::-1])
            self._is_open = True
            return self.key()

    def key(self, wait_ms: int = 1) -> str:
        """Wait for a key and return it, or an empty text for none.

        Once the user has closed the window, the key is `QUIT_KEY`.
        """
        if not self._is_open:
            return ""

        # Waiting also processes a click on the X of any window.
        code = cv2.waitKey(wait_ms)
        if self._is_closed():
            return QUIT_KEY

        # -1 is no key, and some window libraries return 255.
        return "" if code < 0 or code & 0xFF == 0xFF else chr(code & 0xFF)

    def select_box(self, picture: Photo) -> Box | None:
        """Let the user draw a box on an RGB picture (H, W, 3). Return None if nothing was drawn.

        The picture says which keys end it.
        """
        shown = np.ascontiguousarray(picture).copy()
        write_line(shown, _BOX_HELP, 0)
        with self._naming_the_fix():
            left, top, width, height = cv2.selectROI(
                self._title, shown[:, :, ::-1], showCrosshair=False
            )
        if not width or not height:
            return None

        picture_height, picture_width = picture.shape[:2]
        return Box(
            left / picture_width,
            top / picture_height,
            (left + width) / picture_width,
            (top + height) / picture_height,
        )

    def close(self) -> None:
        """Close the window, together with all other windows of OpenCV in this process."""
        # An OpenCV without windows fails here too. `show` has reported that.
        with suppress(cv2.error):
            cv2.destroyAllWindows()

    def _is_closed(self) -> bool:
        """Return True once the window was visible and is not any more.

        Some window libraries never report a window as visible. There, closing goes unnoticed.
        """
        if not self._is_open:
            return False

        is_visible = False
        # Qt raises an error once the last window of the process is closed.
        with suppress(cv2.error):
            is_visible = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) > 0

        self._was_visible = self._was_visible or is_visible
        return self._was_visible and not is_visible

    @contextmanager
    def _naming_the_fix(self) -> Iterator[None]:
        """Turn an error of OpenCV into a UserError that proposes `fix`."""
        try:
            yield
        except cv2.error as error:
            what = error.err or "OpenCV without windows"
            raise user_error("display", f"cannot be used ({what})", fix=self._fix) from None


def draw_square(drawn: Photo, left: int, top: int, side: int) -> None:
    """Draw a green square into the picture (H, W, 3)."""
    corner, opposite = (left, top), (left + side - 1, top + side - 1)
    cv2.rectangle(drawn, corner, opposite, GREEN, max(2, drawn.shape[0] // 160))


def write_line(drawn: Photo, text: str, line: int) -> None:
    """Write a line of text into the picture on a darkened strip. Line 0 is the uppermost.

    Text of any script can be written.
    """
    height = max(12, drawn.shape[0] // 24)
    line_height = height + height // 2
    top = line * line_height

    strip = drawn[top : top + line_height]
    strip[:] = (strip * 0.4).astype(drawn.dtype)
    baseline = (height // 2, top + height)
    write_text(drawn, text, baseline, height * 3 // 4, _WHITE)
