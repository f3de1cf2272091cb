"""The way a picture stands: turned and mirrored as its display matrix says.

The eight ways in which a rectangle lies on itself are shown exactly. Any other turn is shown as the
nearest of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

# Turns that miss a quarter by less, in degrees, are rounding.
_ROUNDING_DEGREES = 1.0


class Orientation(NamedTuple):
    """The change from a stored picture to the shown one: transposed first, then mirrored.

    `odd_degrees` is the turn that is left over, in -45..45 degrees, clockwise.
    """

    is_transposed: bool = False
    mirrors_columns: bool = False
    mirrors_rows: bool = False
    odd_degrees: float = 0.0

    @property
    def turn_degrees(self) -> int:
        """Return the turn in degrees anticlockwise, after left and right were exchanged or not."""
        if self.is_transposed:
            return 90 if self.mirrors_rows != self.is_mirrored else 270
        return 180 if self.mirrors_rows else 0

    @property
    def is_mirrored(self) -> bool:
        """Return True where left and right are exchanged, whatever the turn."""
        return self.is_transposed ^ self.mirrors_columns ^ self.mirrors_rows

    @property
    def note(self) -> str:
        """Describe the change. It is empty for a picture that is shown as it is stored."""
        turn = f"a turn by {self.turn_degrees} degrees" if self.turn_degrees else ""
        change = " and ".join(filter(None, ["a mirror" if self.is_mirrored else "", turn]))
        if not self.odd_degrees:
            return f"states {change}; it is read upright" if change else ""
        odd = f"states a turn that is {abs(self.odd_degrees):.0f} degrees off a quarter turn"
        return f"{odd}; it is read with the nearest one"


UPRIGHT = Orientation()


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the orientation that a frame states."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return UPRIGHT
    return orientation_of_matrix(np.frombuffer(bytes(side_data), dtype=np.int32).tolist())


def orientation_of_matrix(matrix: list[int]) -> Orientation:
    """Return the nearest orientation to a display matrix of nine numbers, row by row.

    A place `(p, q)`, to the right and down, is shown at `(a p + c q, b p + d q)`.
    Source: ISO/IEC 14496-12, 6.2.2, where the matrix is `a b u c d v x y w`.

    >>> one = 1 << 16
    >>> orientation_of_matrix([0, one, 0, -one, 0, 0, 0, 0, 1 << 30]).turn_degrees
    270
    >>> orientation_of_matrix([-one, 0, 0, 0, one, 0, 0, 0, 1 << 30]).note
    'states a mirror; it is read upright'
    """
    a, b, _, c, d, *_ = matrix
    # A matrix without a direction says nothing.
    if not (a or b) or not (c or d):
        return UPRIGHT

    if abs(b) + abs(c) > abs(a) + abs(d):
        odd = math.degrees(math.atan2(-a if b > 0 else a, abs(b)))
        return Orientation(True, c < 0, b < 0, _beyond_rounding(odd))
    odd = math.degrees(math.atan2(b if a > 0 else -b, abs(a)))
    return Orientation(False, a < 0, d < 0, _beyond_rounding(odd))


def _beyond_rounding(degrees: float) -> float:
    return degrees if abs(degrees) > _ROUNDING_DEGREES else 0.0


def shown(picture: NDArray[np.uint8], orientation: Orientation) -> NDArray[np.uint8]:
    """Return a view of a picture (H, W, 3) as it is shown."""
    if orientation.is_transposed:
        picture = picture.transpose(1, 0, 2)
    if orientation.mirrors_columns:
        picture = picture[:, ::-1]
    return picture[::-1] if orientation.mirrors_rows else picture
