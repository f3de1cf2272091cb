"""Looks of drawn clips.

The two styles are disjoint, so that a test on one says something about new rooms and hands.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Style:
    """Ranges from which the look and the speed of a clip are drawn.

    Lengths are in short sides of the picture, hues in degrees, times in seconds. `frame_sizes` are
    (width, height) in pixels.
    """

    name: str
    seed_offset: int  # added to every seed: the two styles never draw from one random stream
    frame_sizes: tuple[tuple[int, int], ...]
    frame_rates_fps: tuple[float, ...]
    hand_colours: tuple[Rgb, ...]
    background_hues: tuple[Range, ...]
    textures: tuple[str, ...]
    distractors: tuple[str, ...]
    palm_half_width: Range
    gesture_seconds: Range
    noise_sigma: Range


TRAIN_STYLE = Style(
    name="train",
    seed_offset=0,
    frame_sizes=((128, 96), (112, 112), (136, 102)),
    frame_rates_fps=(15.0,),
    hand_colours=(
        (236, 188, 162), (224, 172, 140), (198, 134, 98),  # skin
        (150, 98, 68), (106, 70, 52), (78, 52, 40),
        (250, 250, 245), (40, 44, 52), (70, 110, 190),  # gloves
    ),
    background_hues=((0.0, 50.0), (90.0, 150.0), (200.0, 255.0)),
    textures=("gradient", "clouds", "stripes", "shards"),
    distractors=("ellipse", "box"),
    palm_half_width=(0.085, 0.130),
    gesture_seconds=(0.70, 1.20),
    noise_sigma=(0.0, 8.0),
)  # fmt: skip

TEST_STYLE = Style(
    name="test",
    seed_offset=1 << 40,
    frame_sizes=((144, 96), (96, 128), (160, 120)),
    frame_rates_fps=(15.0, 30.0),
    hand_colours=(
        (244, 200, 178), (212, 154, 118), (176, 116, 84), (128, 84, 60), (92, 60, 46),  # skin
        (60, 150, 90), (200, 200, 205),  # gloves
    ),
    background_hues=((55.0, 85.0), (155.0, 195.0), (260.0, 350.0)),
    textures=("checks", "blobs", "shelves"),
    distractors=("triangle", "ring"),
    palm_half_width=(0.080, 0.140),
    gesture_seconds=(0.65, 1.25),
    noise_sigma=(2.0, 8.0),
)  # fmt: skip
