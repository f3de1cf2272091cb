"""The report on one media file or frame folder: its faults, and the values that it is compared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from action_recognition.dataset_tools.checking.appearance import Look


class Fault(NamedTuple):
    """What is wrong with a file: a kind, a message, a repair; `fatal`: no frame range of it can be relied on."""

    kind: str
    message: str
    repair: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class MediaReport:
    """What was found in a file or folder; `num_frames` is 0 and `look` None where it cannot be read.

    `content` is a hash of its bytes; `frame_rate_fps` is None for a folder.
    """

    faults: tuple[Fault, ...]
    num_frames: int = 0
    frame_rate_fps: float | None = None
    width: int = 0
    height: int = 0
    content: bytes = b""
    look: Look | None = None

    @property
    def is_readable(self) -> bool:
        """False where no frame range of the file can be relied on."""
        return not any(fault.fatal for fault in self.faults)


def look_faults(look: Look, num_frames: int) -> list[Fault]:
    """Pictures of one colour, and a video that stands still."""
    if look.is_blank:
        found = "black" if look.brightness < 24 else "of one colour"
        return [
            Fault(
                "blank-video", f"every picture is {found}", "film it again, or leave its lines out"
            )
        ]
    if look.is_frozen and num_frames > 1:
        return [
            Fault(
                "frozen-video",
                f"all {num_frames} frames show the same picture",
                "film it again, or leave its lines out",
            )
        ]
    return []
