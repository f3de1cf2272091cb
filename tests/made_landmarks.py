"""Clips whose landmarks are in the store already: drawn by numbers, so that no network is needed.

A hand moves to the left, to the right, or opens. The videos themselves are noise.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.landmarks.store import LandmarkStore, default_store_folder
from action_recognition.data.landmarks.tracked_video import TrackedVideo
from action_recognition.hands.landmark_file import HandLandmarks, save_landmarks
from tests.synthetic import write_lines, write_video

LABELS = ("left", "open", "right")
RATE_FPS, NUM_FRAMES = 10.0, 16
TEMPLATE = "model_templates/hand_landmarks/hand-landmarks-clips"


def open_hand(spread: float = 1.0) -> NDArray[np.float32]:
    """Landmarks (21, 3) of an upright hand around its wrist, a palm about 60 pixels long."""
    points = np.zeros((21, 3), np.float32)
    for finger in range(5):
        angle = np.radians(-50 + 25 * finger) * spread
        way = np.array([np.sin(angle), -np.cos(angle), -0.1])
        for joint in range(4):
            points[1 + 4 * finger + joint] = way * (40 + 22 * joint if finger else 18 + 18 * joint)
    return points


def moving_hand(
    kind: str, rng: np.random.Generator, num_frames: int = NUM_FRAMES
) -> NDArray[np.float32]:
    """Landmarks (T, 21, 3) of one clip, in pixels of a picture of 640 x 480."""
    size, place = rng.uniform(0.6, 1.4), rng.uniform(200, 300, 2)
    way = {"left": -1.0, "right": 1.0, "open": 0.0}[kind]
    frames = []
    for time in np.linspace(0, 1, num_frames):
        spread = 0.1 + time if kind == "open" else 0.6
        hand = open_hand(spread) * size + rng.normal(0, 1, (21, 3))
        hand[:, 0] += place[0] + way * 120 * time * size
        hand[:, 1] += place[1]
        frames.append(hand)
    return np.array(frames, np.float32)


def as_landmarks(
    hands: NDArray[np.float32], side: str = "right", first_seen: int = 0
) -> HandLandmarks:
    """One followed hand (T, 21, 3), not seen before the frame `first_seen`."""
    numbers = np.arange(first_seen, len(hands))
    count = len(numbers)
    return HandLandmarks(
        tracked_frames=np.arange(len(hands)),
        frame_size_hw=np.array([480, 640]),
        frame_index=numbers,
        time_ms=numbers * 1000.0 / RATE_FPS,
        hand_id=np.zeros(count, np.int64),
        handedness=np.full(count, side, "<U5"),
        handedness_score=np.full(count, 0.9, np.float32),
        landmarks_px=hands[first_seen:],
        world_m=np.zeros((count, 21, 3), np.float32),
        presence=np.full(count, 0.9, np.float32),
    )


def write_set(root: Path, clips_per_class: int = 6, seed: int = 0) -> Path:
    """Write clips, annotation files and classes.json. Their landmarks go into the store."""
    rng = np.random.default_rng(seed)
    store = LandmarkStore(default_store_folder(), RATE_FPS)
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for label, kind in enumerate(LABELS):
        for number in range(clips_per_class):
            path = write_video(
                root / f"videos/{kind}_{number}.mp4",
                rng.integers(0, 255, (NUM_FRAMES, 32, 32, 3), dtype=np.uint8),
                RATE_FPS,
            )
            video = TrackedVideo(path, NUM_FRAMES, RATE_FPS, 1)
            hands = moving_hand(kind, rng)
            save_landmarks(store.file_of(video), as_landmarks(hands, first_seen=number % 3))
            split = "val" if number % 3 == 2 else "train"
            lines[split].append(f"videos/{path.name} {label}")
    for split, rows in lines.items():
        write_lines(root / f"{split}.txt", rows)
    (root / "classes.json").write_text(json.dumps(LABELS))
    return root
