"""A window of OpenCV that shows pictures and hears keys."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

import cv2

from action_recognition.data.photo import Photo
from action_recognition.errors import user_error

GREEN: Final = (46, 204, 64)
_WHITE: Final = (255, 255, 255)


class PictureWindow:
    """Open from its first picture to `close`; `fix` is what an error proposes instead of a window."""

    def __init__(self, title: str, fix: str) -> None:
        self._title, self._fix = title, fix
        # Checked before OpenCV is asked: its window library ends the process where there is no display.
        if sys.platform.startswith("linux") and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            raise user_error("display", "there is none to show on", fix=fix)

    def show(self, picture: Photo) -> str:
        """Show an RGB picture (H, W, 3); the key that was pressed meanwhile, empty for none."""
        try:
            cv2.imshow(self._title, picture[:, :, ::-1])
            key = cv2.waitKey(1)
        except cv2.error as error:
            raise user_error(
                "display",
                f"cannot be used ({error.err or 'OpenCV without windows'})",
                fix=self._fix,
            ) from None
        return "" if key < 0 or key & 0xFF == 0xFF else chr(key & 0xFF)

    def close(self) -> None:
        with suppress(cv2.error):  # an OpenCV without windows; `show` has said so
            cv2.destroyAllWindows()


def draw_square(drawn: Photo, left: int, top: int, side: int) -> None:
    """The green square, into the picture (H, W, 3)."""
    cv2.rectangle(
        drawn, (left, top), (left + side - 1, top + side - 1), GREEN, max(2, drawn.shape[0] // 160)
    )


def write_line(drawn: Photo, text: str, line: int) -> None:
    """A line of text from above, the first is 0, into the picture; in any script, dark behind it."""
    height = max(12, drawn.shape[0] // 24)
    top = line * (height + height // 2)
    drawn[top : top + height + height // 2] = (
        drawn[top : top + height + height // 2] * 0.4
    ).astype(drawn.dtype)
    cv2.putText(
        drawn, text, (height // 2, top + height), _WHITE, cv2.FontFace("sans"), height * 3 // 4
    )
