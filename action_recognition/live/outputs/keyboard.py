"""What keys do while a window is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from action_recognition.deploy.stream_models import Picture

KEYS_HELP: Final = (
    "space: pause, b: draw a box, s: snapshot, 1 to 9: pick a person, 0: everybody, q: quit"
)
_QUIT: Final = (ord("q"), 27)


@dataclass
class Controls:
    """What the keys have set so far. `picked` None looks at everybody, or with `pick` at the first person who is there."""

    pick: bool = False
    picked: int | None = None
    is_paused: bool = False
    wants_quit: bool = False
    wants_box: bool = False
    wants_snapshot: bool = False

    def press(self, key: int) -> None:
        """A key's code as OpenCV gives it; 255 or -1 is none."""
        if key in _QUIT:
            self.wants_quit = True
        elif key == ord(" "):
            self.is_paused = not self.is_paused
        elif key == ord("b"):
            self.wants_box = True
        elif key == ord("s"):
            self.wants_snapshot = True
        elif ord("0") <= key <= ord("9"):
            self.picked = None if key == ord("0") else key - ord("0")
            self.pick = key != ord("0")

    def looks_at(self, number: int, there: Sequence[int]) -> bool:
        """Whether that person counts, of those who are there."""
        if not self.pick:
            return True
        return number == (self.picked if self.picked is not None else min(there, default=number))


def save_snapshot(picture: Picture, folder: Path) -> Path:
    """An RGB picture as the first `snapshot_N.png` that is not there yet."""
    number = 1
    while (path := folder / f"snapshot_{number}.png").exists():
        number += 1
    cv2.imwrite(str(path), picture[:, :, ::-1])
    return path
