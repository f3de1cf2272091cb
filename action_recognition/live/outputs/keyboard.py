"""The keys that control a run while its window is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from action_recognition.deploy.stream_models import Picture
from action_recognition.files import write_bytes

KEYS: Final = (
    ("space", "pause"),
    ("m", "show as a mirror"),
    ("b", "draw a box to look at"),
    ("n", "the last event was no gesture"),
    ("s", "snapshot"),
    ("1 to 9", "pick a person"),
    ("0", "everybody"),
    ("h", "this help"),
    ("q", "quit"),
)
"""Every key, and its effect."""
KEYS_HELP: Final = "h: help, q: quit"
_ESCAPE: Final = "\x1b"
_QUIT: Final = ("q", _ESCAPE)


@dataclass
class Controls:
    """Everything that keys have set so far.

    `picked` is the number of the person to look at. While it is None, everybody counts, or with
    `pick` the person of the lowest number.
    """

    pick: bool = False
    picked: int | None = None
    # The code that fulfils a wish sets it back.
    is_paused: bool = False
    is_mirrored: bool = False
    shows_help: bool = False
    wants_quit: bool = False
    wants_box: bool = False
    wants_snapshot: bool = False
    denies_event: bool = False

    def press(self, key: str) -> None:
        """Do what a key asks for. An empty text is no key."""
        if key in _QUIT:
            self.wants_quit = True
        elif key == " ":
            self.is_paused = not self.is_paused
        elif key == "m":
            self.is_mirrored = not self.is_mirrored
        elif key == "h":
            self.shows_help = not self.shows_help
        elif key == "b":
            self.wants_box = True
        elif key == "n":
            self.denies_event = True
        elif key == "s":
            self.wants_snapshot = True
        # 0 ends the picking.
        elif "0" <= key <= "9":
            self.picked = None if key == "0" else int(key)
            self.pick = key != "0"

    def looks_at(self, number: int, there: Sequence[int]) -> bool:
        """Return True if the person `number` counts. `there` are the numbers of all present."""
        if not self.pick:
            return True
        return number == (self.picked if self.picked is not None else min(there, default=number))


def help_lines() -> list[str]:
    """Return a line for every key."""
    return [f"{key}: {effect}" for key, effect in KEYS]


def save_snapshot(picture: Picture, folder: Path) -> Path:
    """Save an RGB picture (H, W, 3) as the first `snapshot_N.png` that is free. Return its path."""
    number = 1
    while (path := folder / f"snapshot_{number}.png").exists():
        number += 1
    # Pillow, which it also loads, is needed at the first snapshot only.
    from action_recognition.data.photo import encoded_picture

    write_bytes(path, encoded_picture(picture, path.suffix))
    return path
