"""Paint one frame: a background with moving clutter, a hand before it, light and noise over all. RGB uint8 throughout."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from action_recognition.dataset_tools.drawn_hands.motion import HandPath
from action_recognition.dataset_tools.drawn_hands.style import Rgb, Style

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

SHIFT = 4  # OpenCV takes coordinates in 1/16 pixel, so that slow movements do not jump
MARGIN = 12  # pixels around the background, for the camera's own slow movement
NOISE_TILES = 4

# In palm half-widths, hand upright, thumb at -x: where each finger is rooted, how it leans (radians), how long it is when stretched.
FINGERS = (
    ((-0.72, -0.72), -0.16, 1.25),
    ((-0.25, -0.88), -0.05, 1.50),
    ((0.24, -0.86), 0.06, 1.40),
    ((0.68, -0.68), 0.18, 1.05),
)
THUMB_ROOT, THUMB_LEAN, THUMB_LENGTH = (-0.85, 0.15), -0.95, 0.95
FOLDED_LENGTH = 0.30
FINGER_POSES = (
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
    """A hand's colours and shape for a whole clip."""

    skin: Rgb
    outline: Rgb
    sleeve: Rgb
    sleeve_start: float  # down the forearm, in palm half-widths
    stretched: tuple[int, ...]  # four fingers, then the thumb
    spread: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Distractor:
    """A shape that moves to and fro behind the hand; lengths in pixels, speeds in cycles per second."""

    kind: str
    colour: Rgb
    centre: Points
    reach: Points
    speed_hz: float
    phase: float
    radius: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What the camera sees beside the hand's pose."""

    backdrop: Image  # larger than the frame by MARGIN on each side
    pan: Points  # (2,) pixels per second
    distractors: tuple[Distractor, ...]
    hand: HandLook
    gain: Points  # brightness: mean, swing, cycles per second, phase
    noise: npt.NDArray[np.int16]  # (NOISE_TILES, H, W, 3)


def draw_scene(rng: np.random.Generator, style: Style, frame_size: tuple[int, int]) -> Scene:
    """Draw everything that stays the same through a clip."""
    width, height = frame_size
    backdrop = BACKDROPS[str(rng.choice(style.textures))](
        rng, style, width + 2 * MARGIN, height + 2 * MARGIN
    )
    sigma = rng.uniform(*style.noise_sigma)
    return Scene(
        backdrop=backdrop,
        pan=rng.uniform(-4.0, 4.0, 2),
        distractors=tuple(
            _draw_distractor(rng, style, frame_size) for _ in range(rng.integers(0, 4))
        ),
        hand=_draw_look(rng, style),
        gain=np.array(
            [
                rng.uniform(0.75, 1.15),
                rng.uniform(0.0, 0.12),
                rng.uniform(0.1, 0.8),
                rng.uniform(0, 2 * np.pi),
            ]
        ),
        noise=(
            rng.standard_normal((NOISE_TILES, height, width, 3), dtype=np.float32) * sigma
        ).astype(np.int16),
    )


def paint_frame(scene: Scene, path: HandPath, index: int, seconds: float) -> Image:
    """Frame `index` of a clip, (H, W, 3)."""
    height, width = scene.noise.shape[1:3]
    left, top = np.clip(np.round(MARGIN + scene.pan * seconds), 0, 2 * MARGIN).astype(int)
    frame = scene.backdrop[top : top + height, left : left + width].copy()
    for distractor in scene.distractors:
        _paint_distractor(frame, distractor, seconds)
    side = min(width, height)
    centre = np.array([width / 2 + path.x[index] * side, height / 2 + path.y[index] * side])
    _paint_hand(frame, scene.hand, centre, float(path.size[index]) * side, float(path.tilt[index]))
    mean, swing, cycles, phase = scene.gain
    gain = mean * (1.0 + swing * np.sin(2 * np.pi * cycles * seconds + phase))
    # The tiles are shifted by steps without a short common period, so that no noise pattern comes back soon.
    noise = np.roll(scene.noise[index % NOISE_TILES], (index * 37) % height, axis=0)
    return cv2.add(cv2.convertScaleAbs(frame, alpha=float(gain)), noise, dtype=cv2.CV_8U)  # type: ignore[no-any-return]


# --- the hand -----------------------------------------------------------------------------------------------


def _draw_look(rng: np.random.Generator, style: Style) -> HandLook:
    skin = np.clip(
        np.array(style.hand_colours[rng.integers(len(style.hand_colours))]) * rng.uniform(0.9, 1.1),
        0,
        255,
    )
    return HandLook(
        skin=_rgb(skin),
        outline=_rgb(skin * rng.uniform(0.45, 0.75)),
        sleeve=random_colour(rng, style),
        sleeve_start=float(rng.uniform(1.2, 4.0)),
        stretched=FINGER_POSES[rng.integers(len(FINGER_POSES))],
        spread=float(rng.uniform(0.7, 1.8)),
        mirrored=bool(rng.integers(2)),
    )


def _paint_hand(frame: Image, look: HandLook, centre: Points, unit: float, tilt: float) -> None:
    """`unit`: palm half-width in pixels; the outline is the same shapes painted first, a little larger and darker."""
    mirror = -1.0 if look.mirrored else 1.0
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) * unit

    def place(x: float, y: float) -> Points:
        return np.asarray(turn @ np.array([mirror * x, y]) + centre, dtype=np.float64)

    arm_end, wrist, sleeve = place(0.0, 14.0), place(0.0, 0.7), place(0.0, look.sleeve_start)
    for grown, colour, sleeve_colour in (
        (max(1.0, 0.12 * unit), look.outline, look.outline),
        (0.0, look.skin, look.sleeve),
    ):
        _thick_line(frame, wrist, arm_end, 0.62 * unit + grown, colour)
        _thick_line(frame, sleeve, arm_end, 0.78 * unit + grown, sleeve_colour)
        _disc(frame, centre, unit + grown, colour)
        for (root, lean, length), stretched in zip(FINGERS, look.stretched, strict=False):
            _finger(
                frame,
                place,
                (root, lean * look.spread, length if stretched else FOLDED_LENGTH),
                0.24 * unit + grown,
                colour,
            )
        thumb_length = THUMB_LENGTH if look.stretched[4] else FOLDED_LENGTH
        _finger(frame, place, (THUMB_ROOT, THUMB_LEAN, thumb_length), 0.26 * unit + grown, colour)


def _finger(
    frame: Image,
    place: Callable[[float, float], Points],
    bone: tuple[tuple[float, float], float, float],
    radius: float,
    colour: Rgb,
) -> None:
    (x, y), lean, length = bone
    _thick_line(
        frame,
        place(x, y),
        place(x + np.sin(lean) * length, y - np.cos(lean) * length),
        radius,
        colour,
    )


def _thick_line(frame: Image, start: Points, end: Points, radius: float, colour: Rgb) -> None:
    """A line with round ends."""
    cv2.line(
        frame, _fixed(start), _fixed(end), colour, max(1, round(2 * radius)), cv2.LINE_AA, SHIFT
    )


def _disc(frame: Image, centre: Points, radius: float, colour: Rgb) -> None:
    cv2.circle(
        frame,
        _fixed(centre),
        max(1, round(radius * (1 << SHIFT))),
        colour,
        cv2.FILLED,
        cv2.LINE_AA,
        SHIFT,
    )


def _fixed(point: Points) -> tuple[int, int]:
    return round(float(point[0]) * (1 << SHIFT)), round(float(point[1]) * (1 << SHIFT))


# --- what moves behind it -----------------------------------------------------------------------------------


def _draw_distractor(
    rng: np.random.Generator, style: Style, frame_size: tuple[int, int]
) -> Distractor:
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
    centre = distractor.centre + distractor.reach * np.sin(
        2 * np.pi * distractor.speed_hz * seconds + distractor.phase
    )
    radius, colour = distractor.radius, distractor.colour
    if distractor.kind == "ring":
        cv2.circle(
            frame,
            _fixed(centre),
            round(radius * (1 << SHIFT)),
            colour,
            max(1, round(radius / 3)),
            cv2.LINE_AA,
            SHIFT,
        )
        return
    corners = {"ellipse": 16, "box": 4, "triangle": 3}[distractor.kind]
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + distractor.phase
    outline = centre + radius * np.stack([1.4 * np.cos(angles), np.sin(angles)], axis=1)
    cv2.fillPoly(
        frame, [np.round(outline * (1 << SHIFT)).astype(np.int32)], colour, cv2.LINE_AA, SHIFT
    )


# --- the background -----------------------------------------------------------------------------------------


def random_colour(rng: np.random.Generator, style: Style) -> Rgb:
    """A colour of the style's hues."""
    low, high = style.background_hues[rng.integers(len(style.background_hues))]
    red, green, blue = colorsys.hsv_to_rgb(
        rng.uniform(low, high) / 360.0, rng.uniform(0.05, 0.75), rng.uniform(0.15, 0.95)
    )
    return _rgb(np.array([red, green, blue]) * 255.0)


def _rgb(values: npt.NDArray[np.float64]) -> Rgb:
    red, green, blue = (int(value) for value in np.clip(np.round(values), 0, 255))
    return red, green, blue


def _blend(rng: np.random.Generator, style: Style, weight: npt.NDArray[np.float32]) -> Image:
    """Mix two colours by `weight` (H, W), 0..1."""
    first, second = (np.array(random_colour(rng, style), np.float32) for _ in range(2))
    return np.clip(np.round(first + (second - first) * weight[..., None]), 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = np.cos(angle) * columns / width + np.sin(angle) * rows / height
    return _blend(rng, style, (ramp - ramp.min()) / (ramp.max() - ramp.min()))


def _clouds(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    total = np.zeros((height, width), np.float32)
    for cells in (3, 6, 12):
        coarse = rng.random((cells, cells), dtype=np.float32) / cells
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return _blend(rng, style, np.clip((total - total.min()) / (total.max() - total.min()), 0, 1))


def _stripes(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 30)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = np.sin(2 * np.pi * (np.cos(angle) * columns + np.sin(angle) * rows) / period)
    return _blend(rng, style, np.clip(0.5 + wave, 0, 1).astype(np.float32))


def _shards(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    image = _gradient(rng, style, width, height)
    for _ in range(int(rng.integers(4, 12))):
        corners = rng.uniform((0, 0), (width, height)) + rng.uniform(-0.4, 0.4, (3, 2)) * min(
            width, height
        )
        cv2.fillPoly(
            image,
            [np.round(corners * (1 << SHIFT)).astype(np.int32)],
            random_colour(rng, style),
            cv2.LINE_AA,
            SHIFT,
        )
    return image


def _checks(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    cell = int(rng.integers(7, 20))
    rows, columns = np.mgrid[0:height, 0:width] // cell
    return _blend(rng, style, ((rows + columns) % 2).astype(np.float32))


def _blobs(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    image = np.full((height, width, 3), random_colour(rng, style), np.uint8)
    for _ in range(int(rng.integers(5, 16))):
        centre = rng.uniform((0, 0), (width, height))
        _disc(
            image, centre, rng.uniform(0.05, 0.25) * min(width, height), random_colour(rng, style)
        )
    return image


def _shelves(rng: np.random.Generator, style: Style, width: int, height: int) -> Image:
    image = np.full((height, width, 3), random_colour(rng, style), np.uint8)
    for _ in range(int(rng.integers(4, 12))):
        (left, top), (wide, high) = (
            rng.integers((0, 0), (width, height)),
            rng.integers((8, 8), (width // 2, height // 2)),
        )
        cv2.rectangle(
            image,
            (int(left), int(top)),
            (int(left + wide), int(top + high)),
            random_colour(rng, style),
            cv2.FILLED,
        )
    return image


BACKDROPS: dict[str, Callable[[np.random.Generator, Style, int, int], Image]] = {
    "gradient": _gradient,
    "clouds": _clouds,
    "stripes": _stripes,
    "shards": _shards,
    "checks": _checks,
    "blobs": _blobs,
    "shelves": _shelves,
}
