"""The pose of a hand in each frame."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HandPath:
    """The hand's pose per frame, each array (T,).

    x points right and y down from the picture's middle. They and size, the half-width of the palm,
    are in short sides of the picture. tilt is in radians.
    """

    x: Floats
    y: Floats
    size: Floats
    tilt: Floats

    def __len__(self) -> int:
        return len(self.x)

    def reversed(self) -> HandPath:
        """Return the same poses in the opposite order."""
        return HandPath(*(getattr(self, field.name)[::-1] for field in fields(self)))

    def last_pose(self) -> HandPath:
        """Return the pose of the last frame, as a path of one frame."""
        return HandPath(*(getattr(self, field.name)[-1:] for field in fields(self)))

    def held(self, num_frames: int, y: Floats) -> HandPath:
        """Repeat a path of one frame `num_frames` times, at the heights `y` (num_frames,)."""
        repeated = (np.repeat(getattr(self, field.name), num_frames) for field in fields(self))
        return replace(HandPath(*repeated), y=y)

    @staticmethod
    def joined(paths: list[HandPath]) -> HandPath:
        """Return the paths one after another, as a single path."""
        names = [field.name for field in fields(HandPath)]
        return HandPath(
            *(np.concatenate([getattr(path, name) for path in paths]) for name in names)
        )
