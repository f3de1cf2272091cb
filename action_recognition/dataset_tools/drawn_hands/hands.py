"""The look of a drawn hand, and the hand in a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from action_recognition.dataset_tools.drawn_hands.strokes import (
    Image,
    Points,
    as_rgb,
    disc,
    random_colour,
    thick_line,
)
from action_recognition.dataset_tools.drawn_hands.style import Rgb, Style


class _Finger(NamedTuple):
    """A finger of an upright hand with the thumb at -x. Lengths are in palm half-widths."""

    root_x: float
    root_y: float
    lean: float  # radians
    length: float  # when it is stretched


_FINGERS = (
    _Finger(-0.72, -0.72, -0.16, 1.25),
    _Finger(-0.25, -0.88, -0.05, 1.50),
    _Finger(0.24, -0.86, 0.06, 1.40),
    _Finger(0.68, -0.68, 0.18, 1.05),
)
_THUMB = _Finger(-0.85, 0.15, -0.95, 0.95)
_FOLDED_LENGTH = 0.30
# Four fingers, then the thumb; 1 is stretched.
_FINGER_POSES = (
    (1, 1, 1, 1, 1),
    (1, 1, 1, 1, 0),
    (0, 0, 0, 0, 0),
    (1, 0, 0, 0, 0),
    (1, 1, 0, 0, 0),
    (1, 1, 0, 0, 1),
    (1, 0, 0, 1, 0),
)


@dataclass(frozen=True, slots=True)
class HandLook:
    """Colours and shape of a hand for a whole clip."""

    skin: Rgb
    outline: Rgb
    sleeve: Rgb
    sleeve_start: float  # down the forearm, in palm half-widths
    stretched: tuple[int, ...]  # four fingers, then the thumb
    spread: float  # factor of the fingers' lean
    mirrored: bool


def draw_look(rng: np.random.Generator, style: Style) -> HandLook:
    """Draw the look of a hand."""
    colour = np.array(style.hand_colours[rng.integers(len(style.hand_colours))])
    skin = np.clip(colour * rng.uniform(0.9, 1.1), 0, 255)
    return HandLook(
        skin=as_rgb(skin),
        outline=as_rgb(skin * rng.uniform(0.45, 0.75)),
        sleeve=random_colour(rng, style),
        sleeve_start=float(rng.uniform(1.2, 4.0)),
        stretched=_FINGER_POSES[rng.integers(len(_FINGER_POSES))],
        spread=float(rng.uniform(0.7, 1.8)),
        mirrored=bool(rng.integers(2)),
    )


def paint_hand(frame: Image, look: HandLook, centre: Points, unit: float, tilt: float) -> None:
    """Paint a hand with its forearm.

    `centre` is the middle of the palm and `unit` half of its width, both in pixels. `tilt` is in
    radians.
    """
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) * unit
    place = _Place(centre, unit, turn, -1.0 if look.mirrored else 1.0)

    # The outline is the same shapes, painted first, a little larger and darker.
    outline = _Layer(max(1.0, 0.12 * unit), look.outline, look.outline)
    for layer in (outline, _Layer(0.0, look.skin, look.sleeve)):
        _paint_arm(frame, place, look.sleeve_start, layer)
        disc(frame, centre, unit + layer.grown, layer.colour)
        _paint_fingers(frame, place, look, layer)


class _Layer(NamedTuple):
    """Colours of one pass over the shapes of a hand, and the growth of these shapes."""

    grown: float  # pixels
    colour: Rgb
    sleeve_colour: Rgb


class _Place(NamedTuple):
    """Position of a hand in a frame: `unit` in pixels, `turn` (2, 2) with the unit as its scale."""

    centre: Points
    unit: float
    turn: Points
    mirror: float  # -1 for a hand with the thumb at the other side

    def point(self, x: float, y: float) -> Points:
        """Return the pixel (x, y) of a point of the upright hand in palm half-widths."""
        turned = self.turn @ np.array([self.mirror * x, y])
        return np.asarray(turned + self.centre, dtype=np.float64)


def _paint_arm(frame: Image, place: _Place, sleeve_start: float, layer: _Layer) -> None:
    """Paint the forearm, out of the frame, and the sleeve over it."""
    wrist, end = place.point(0.0, 0.7), place.point(0.0, 14.0)
    sleeve = place.point(0.0, sleeve_start)
    thick_line(frame, wrist, end, 0.62 * place.unit + layer.grown, layer.colour)
    thick_line(frame, sleeve, end, 0.78 * place.unit + layer.grown, layer.sleeve_colour)


def _paint_fingers(frame: Image, place: _Place, look: HandLook, layer: _Layer) -> None:
    """Paint the four fingers, then the thumb. Only the fingers are spread."""
    *fingers_stretched, thumb_stretched = look.stretched
    for finger, stretched in zip(_FINGERS, fingers_stretched, strict=True):
        spread = finger._replace(lean=finger.lean * look.spread)
        length = finger.length if stretched else _FOLDED_LENGTH
        _paint_finger(frame, place, spread._replace(length=length), 0.24 * place.unit, layer)

    thumb = _THUMB if thumb_stretched else _THUMB._replace(length=_FOLDED_LENGTH)
    _paint_finger(frame, place, thumb, 0.26 * place.unit, layer)


def _paint_finger(
    frame: Image, place: _Place, finger: _Finger, radius: float, layer: _Layer
) -> None:
    """Paint one finger from its root, `finger.length` long."""
    tip_x = finger.root_x + np.sin(finger.lean) * finger.length
    tip_y = finger.root_y - np.cos(finger.lean) * finger.length
    root, tip = place.point(finger.root_x, finger.root_y), place.point(tip_x, tip_y)
    thick_line(frame, root, tip, radius + layer.grown, layer.colour)
