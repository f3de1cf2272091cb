"""Painter of one frame, RGB uint8 throughout.

A frame has a background with moving clutter, a hand before it, and light and noise over all.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from action_recognition.dataset_tools.drawn_hands.backdrops import BACKDROPS
from action_recognition.dataset_tools.drawn_hands.hands import HandLook, draw_look, paint_hand
from action_recognition.dataset_tools.drawn_hands.poses import HandPath
from action_recognition.dataset_tools.drawn_hands.strokes import (
    Image,
    Points,
    polygon,
    random_colour,
    ring,
)
from action_recognition.dataset_tools.drawn_hands.style import Rgb, Style

MARGIN = 12  # pixels around the background, for the camera's own slow movement
NOISE_TILES = 4


@dataclass(frozen=True, slots=True)
class Distractor:
    """A shape that moves to and fro behind the hand.

    Lengths are in pixels, speeds in cycles per second.
    """

    kind: str
    colour: Rgb
    centre: Points
    reach: Points
    speed_hz: float
    phase: float
    radius: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the camera sees except the hand's pose."""

    backdrop: Image  # larger than the frame by MARGIN on each side
    pan: Points  # (2,) pixels per second
    distractors: tuple[Distractor, ...]
    hand: HandLook
    gain: Points  # brightness: mean, swing, cycles per second, phase
    noise: npt.NDArray[np.int16]  # (NOISE_TILES, H, W, 3)


def draw_scene(rng: np.random.Generator, style: Style, frame_size: tuple[int, int]) -> Scene:
    """Draw everything that stays the same through a clip. `frame_size` is (width, height)."""
    width, height = frame_size
    draw_backdrop = BACKDROPS[str(rng.choice(style.textures))]
    backdrop = draw_backdrop(rng, style, width + 2 * MARGIN, height + 2 * MARGIN)
    sigma = rng.uniform(*style.noise_sigma)

    return Scene(
        backdrop=backdrop,
        pan=rng.uniform(-4.0, 4.0, 2),
        distractors=tuple(
            _draw_distractor(rng, style, frame_size) for _ in range(rng.integers(0, 4))
        ),
        hand=draw_look(rng, style),
        gain=_draw_gain(rng),
        noise=_draw_noise(rng, frame_size, sigma),
    )


def _draw_gain(rng: np.random.Generator) -> Points:
    """Draw the four numbers of `Scene.gain`."""
    mean, swing = rng.uniform(0.75, 1.15), rng.uniform(0.0, 0.12)
    cycles_hz, phase = rng.uniform(0.1, 0.8), rng.uniform(0, 2 * np.pi)
    return np.array([mean, swing, cycles_hz, phase])


def _draw_noise(
    rng: np.random.Generator, frame_size: tuple[int, int], sigma: float
) -> npt.NDArray[np.int16]:
    """Draw `NOISE_TILES` pictures of normal noise, `sigma` in steps of brightness."""
    width, height = frame_size
    normal = rng.standard_normal((NOISE_TILES, height, width, 3), dtype=np.float32)
    return (normal * sigma).astype(np.int16)


def paint_frame(scene: Scene, path: HandPath, index: int, seconds: float) -> Image:
    """Paint frame `index` of a clip, (H, W, 3), `seconds` after its start."""
    height, width = scene.noise.shape[1:3]
    # The part of the background that the camera sees, which pans slowly.
    left, top = np.clip(np.round(MARGIN + scene.pan * seconds), 0, 2 * MARGIN).astype(int)
    frame = scene.backdrop[top : top + height, left : left + width].copy()
    for distractor in scene.distractors:
        _paint_distractor(frame, distractor, seconds)

    # A pose is in short sides from the middle.
    side = min(width, height)
    centre = np.array([width / 2 + path.x[index] * side, height / 2 + path.y[index] * side])
    paint_hand(frame, scene.hand, centre, float(path.size[index]) * side, float(path.tilt[index]))

    return _lit(frame, scene, index, seconds)


def _lit(frame: Image, scene: Scene, index: int, seconds: float) -> Image:
    """Return a frame with the brightness and noise of its time."""
    mean, swing, cycles_hz, phase = scene.gain
    gain = mean * (1.0 + swing * np.sin(2 * np.pi * cycles_hz * seconds + phase))

    # The tiles are shifted by steps without a short common period, so that no noise pattern comes
    # back soon.
    noise = np.roll(scene.noise[index % NOISE_TILES], (index * 37) % len(frame), axis=0)
    bright = cv2.convertScaleAbs(frame, alpha=float(gain))
    return cv2.add(bright, noise, dtype=cv2.CV_8U)  # type: ignore[no-any-return]


def _draw_distractor(
    rng: np.random.Generator, style: Style, frame_size: tuple[int, int]
) -> Distractor:
    """Draw a distractor. `frame_size` is (width, height)."""
    side = min(frame_size)
    return Distractor(
        kind=str(rng.choice(style.distractors)),
        colour=random_colour(rng, style),
        centre=rng.uniform((0.0, 0.0), frame_size),
        reach=rng.uniform(-0.35, 0.35, 2) * side,
        speed_hz=float(rng.uniform(0.1, 1.0)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        radius=float(rng.uniform(0.04, 0.12) * side),
    )


def _paint_distractor(frame: Image, distractor: Distractor, seconds: float) -> None:
    """Paint a distractor in its place at this time."""
    turns = 2 * np.pi * distractor.speed_hz * seconds
    centre = distractor.centre + distractor.reach * np.sin(turns + distractor.phase)
    radius, colour = distractor.radius, distractor.colour
    if distractor.kind == "ring":
        ring(frame, centre, radius, colour)
        return

    # The other shapes are polygons, a little wider than high.
    num_corners = {"ellipse": 16, "box": 4, "triangle": 3}[distractor.kind]
    angles = np.linspace(0, 2 * np.pi, num_corners, endpoint=False) + distractor.phase
    corners = np.stack([1.4 * np.cos(angles), np.sin(angles)], axis=1)
    polygon(frame, centre + radius * corners, colour)
