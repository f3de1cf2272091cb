"""Films of a drawn hand that the networks of hands really see: a camera plays them, or a file holds
them.

The hand has skin, joints and a sleeve, and stands before a room. Gestures and a rest differ by
motion and by the fingers. A seed draws the skin, the room, the place, the size and the speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.dataset_tools.drawn_hands import write_video

GESTURES = ("wave", "push", "two fingers")
MORE_GESTURES = ("lift", "fist")
REST = "rest"
RATE_FPS = 15.0
SECONDS = 1.2
_SKINS = ((232, 190, 160), (214, 162, 128), (186, 130, 96), (140, 94, 70))
_WALLS = ((196, 202, 206), (178, 190, 176), (204, 194, 178), (160, 172, 188))
_SHIFT = 4

Points = NDArray[np.float64]
# Root, direction in degrees from upright, and length of each finger, in palms: thumb first. The
# wrist is the origin.
_FINGERS = (
    ((-0.34, -0.30), -46.0, 0.86),
    ((-0.36, -0.98), -13.0, 0.92),
    ((-0.08, -1.06), -2.0, 1.04),
    ((0.19, -1.00), 8.0, 0.95),
    ((0.43, -0.86), 20.0, 0.74),
)
_JOINTS = (0.0, 0.44, 0.75, 1.0)  # along a finger
_WIDTHS = (0.155, 0.14, 0.125, 0.105)  # half of a finger there, in palms


@dataclass(frozen=True)
class Pose:
    """Where the wrist is, in heights of the picture from its middle, the size of the palm in them,
    the tilt in degrees, and how far each finger is stretched.
    """

    x: float
    y: float
    palm: float
    tilt: float = 0.0
    fingers: tuple[float, ...] = (1.0,) * 5


def pose(gesture: str, phase: float) -> Pose:
    """The pose of a gesture at its phase, 0..1. All begin and end alike."""
    swing = np.sin(2 * np.pi * phase)
    there_and_back = np.sin(np.pi * phase) ** 2
    if gesture == "wave":
        return Pose(0.3 * swing, 0.3, 0.24, 18.0 * swing)
    if gesture == "push":
        return Pose(0.0, 0.28 + 0.12 * there_and_back, 0.18 + 0.16 * there_and_back)
    if gesture == "two fingers":
        fingers = (0.45, 1.0, 1.0, 0.3, 0.3)
        return Pose(0.0, 0.34 - 0.22 * there_and_back, 0.24, fingers=fingers)
    if gesture == "lift":
        return Pose(0.0, 0.42 - 0.3 * there_and_back, 0.24)
    if gesture == "fist":
        return Pose(0.0, 0.28 + 0.08 * there_and_back, 0.24, fingers=(0.3,) * 5)
    # A hand that rests is half closed.
    return Pose(0.02 * swing, 0.32, 0.24, 4.0 * swing, (0.45, 0.3, 0.3, 0.3, 0.3))


@cache
def film(gesture: str, seed: int, size: tuple[int, int] = (480, 360)) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) RGB of one gesture, at `RATE_FPS`. `size` is (width, height).

    The same film is painted once. Nobody may write into it.
    """
    rng = np.random.default_rng(seed)
    num_frames = round(SECONDS * rng.uniform(0.85, 1.15) * RATE_FPS)
    skin = np.array(_SKINS[int(rng.integers(len(_SKINS)))], np.float64)
    room = _room(rng, size)
    place, scale = rng.uniform(-0.06, 0.06, 2), rng.uniform(0.92, 1.08)
    sleeve = rng.uniform(40, 190, 3)

    noise = rng.normal(0, 3, (*room.shape[:2], 1)).astype(np.int16).repeat(3, axis=2)
    frames = []
    for index in range(num_frames):
        found = pose(gesture, index / num_frames)
        frame = room.copy()
        middle = (place[0] + found.x, place[1] + found.y)
        paint_hand(frame, found, middle, found.palm * scale, (skin, sleeve))
        soft = cv2.GaussianBlur(frame, (3, 3), 0)
        frames.append(cv2.add(soft, np.roll(noise, 37 * index, axis=0), dtype=cv2.CV_8U))
    whole = np.stack(frames)
    whole.setflags(write=False)
    return whole


def paint_hand(
    frame: NDArray[np.uint8],
    found: Pose,
    middle: tuple[float, float],
    palm: float,
    colours: tuple[Points, Points],
) -> None:
    """Paint a hand with its forearm. `colours` are those of skin and sleeve."""
    height, width = frame.shape[:2]
    angle = np.radians(found.tilt)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wrist = np.array([width / 2, height / 2]) + np.array(middle) * height
    unit = palm * height
    at: Callable[[tuple[float, float]], Points] = partial(_place, wrist, turn * unit)

    skin, sleeve = colours
    tube = partial(_tube, frame)
    tube([at((0.0, 0.05)), at((0.05, 4.0))], [0.33 * unit, 0.5 * unit], skin)
    tube([at((0.03, 1.0)), at((0.08, 4.0))], [0.46 * unit, 0.62 * unit], sleeve)
    # The palm is broad: bones side by side, then the ball of the thumb.
    for root, _, _ in (_FINGERS[4], *_FINGERS[1:4]):
        tube([at((root[0] * 0.45, -0.06)), at(root)], [0.24 * unit, 0.19 * unit], skin)
    tube([at((-0.14, -0.14)), at(_FINGERS[0][0])], [0.27 * unit, 0.19 * unit], skin)
    for (root, way, length), stretched in zip(_FINGERS, found.fingers, strict=True):
        points = [at(point) for point in _joints(root, way, length, stretched)]
        tube(points, [wide * unit for wide in _WIDTHS], skin)
        nail = points[-1] + 0.03 * unit * (points[-1] - points[-2]) / unit
        _disc(frame, nail, 0.055 * unit, np.minimum(skin * 1.12, 255))


def _joints(
    root: tuple[float, float], way: float, length: float, stretched: float
) -> list[tuple[float, float]]:
    """Where the joints of a finger are. A bent one comes towards the camera and back."""
    angle = np.radians(way)
    ahead = np.array([np.sin(angle), -np.cos(angle)])
    reach = np.array(_JOINTS) if stretched > 0.6 else np.array([0.0, 0.3, 0.22, -0.02])
    return [
        (root[0] + ahead[0] * part * length, root[1] + ahead[1] * part * length) for part in reach
    ]


def _place(wrist: Points, turn: Points, point: tuple[float, float]) -> Points:
    return np.asarray(wrist + turn @ np.array(point))


def _tube(
    frame: NDArray[np.uint8], points: list[Points], radii: list[float], colour: Points
) -> None:
    """Paint a round limb: dark at its edge, light along its middle, lit from the left above."""
    for share in np.linspace(1.0, 0.25, 6):
        shade = colour * (0.62 + 0.42 * (1.0 - share) ** 0.6)
        lit = np.array([-0.18, -0.14]) * (1.0 - share)
        moved = [point + lit * radius for point, radius in zip(points, radii, strict=True)]
        for point, radius in zip(moved, radii, strict=True):
            _disc(frame, point, radius * share, shade)
        for place in range(len(moved) - 1):
            ends, widths = moved[place : place + 2], radii[place : place + 2]
            _quad(frame, ends, [width * share for width in widths], shade)


def _quad(frame: NDArray[np.uint8], ends: list[Points], radii: list[float], colour: Points) -> None:
    """Paint the part of a limb between two joints."""
    way = ends[1] - ends[0]
    side = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-6)
    corners = [ends[0] + side * radii[0], ends[1] + side * radii[1]]
    corners += [ends[1] - side * radii[1], ends[0] - side * radii[0]]
    fixed = np.round(np.array(corners) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(frame, fixed, _rgb(colour), cv2.LINE_AA, _SHIFT)


def _disc(frame: NDArray[np.uint8], centre: Points, radius: float, colour: Points) -> None:
    x, y = (round(float(value) * (1 << _SHIFT)) for value in centre)
    fixed = max(1, round(radius * (1 << _SHIFT)))
    cv2.circle(frame, (x, y), fixed, _rgb(colour), cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _rgb(colour: Points) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(colour, 0, 255))
    return red, green, blue


def _room(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A wall with a picture and a shelf, out of focus, darker to one side."""
    width, height = size
    wall = np.array(_WALLS[int(rng.integers(len(_WALLS)))], np.float64)
    light = (
        np.linspace(1.08, 0.78, width)[None, :, None] * np.linspace(1, 0.9, height)[:, None, None]
    )
    room = np.clip(wall * light, 0, 255).astype(np.uint8)
    for left, top, wide, high in ((0.06, 0.1, 0.2, 0.26), (0.74, 0.16, 0.2, 0.05)):
        corner = np.array([left * width, top * height]) + rng.uniform(-12, 12, 2)
        end = corner + np.array([wide * width, high * height])
        colour = tuple(int(value) for value in rng.uniform(60, 190, 3))
        cv2.rectangle(room, corner.astype(int).tolist(), end.astype(int).tolist(), colour, -1)
    for book in range(5):
        left = 0.75 + 0.035 * book
        colour = tuple(int(value) for value in rng.uniform(50, 180, 3))
        first = (int(left * width), int((0.05 + 0.02 * (book % 3)) * height))
        cv2.rectangle(room, first, (first[0] + width // 40, int(0.16 * height)), colour, -1)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), width / 160), np.uint8)


def write_camera_film(path: Path, frames: NDArray[np.uint8]) -> Path:
    """Write a film for Chromium's fake camera, which plays MJPEG at 30 frames a second.

    It takes the place of an earlier one at once, since a camera may be reading that.
    """
    jpegs = [cv2.imencode(".jpg", frame[:, :, ::-1])[1].tobytes() for frame in frames]
    part = path.with_suffix(".part")
    part.write_bytes(b"".join(jpeg + jpeg for jpeg in jpegs))
    return part.replace(path)


def write_film(path: Path, frames: NDArray[np.uint8]) -> Path:
    """Write a film as a video file."""
    write_video(path, frames, RATE_FPS)
    return path
