"""Make films of odd input out of real clips, to see what live recognition does with them.

    python experiments/odd_films.py --data-root ../shared/data --out films

Every film but the poster shows the same gestures of one validation person, changed in one way. Run
`demo.py --no-show --events FILM.jsonl --input FILM.mp4` over each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.data.video import read_frames
from action_recognition.dataset_tools.drawn_hands import write_video
from action_recognition.hands.drawing import BONES
from action_recognition.hands.networks import HandNetworks
from action_recognition.hands.tracker import HandTracker

Film = NDArray[np.uint8]
RATE_FPS = 30.0
CLIPS = ("FanUp/p12_FanUp_1", "Num5/p12_Num5_1", "LightOn/p12_LightOn_1")
POSTER = "hand_images/hagrid_380/palm/palm_00000.jpg"
CLIP_FRAMES = 150
POSTER_S = 15.0
GLOVE = np.array([30.0, 60.0, 150.0])
DARK = 0.02
DARK_S = (0.8, 2.4)  # of every clip
KEPT_WIDTH = 0.45


def main() -> None:
    """Write the films."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data-root", type=Path, required=True, help="Folder of the data sets.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the films.")
    arguments = parser.parse_args()

    clips = [clip(arguments.data_root, name) for name in CLIPS]
    plain = np.concatenate(clips)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, change in CHANGES.items():
        write_video(arguments.out / f"{name}.mp4", change(plain), RATE_FPS)
    write_video(arguments.out / "five_fps.mp4", plain[::6], RATE_FPS / 6)
    write_video(arguments.out / "two_people.mp4", two_people(clips), RATE_FPS)

    # A poster hangs still, or is carried past.
    room = np.full((480, 640, 3), 150, np.uint8)
    photo = read_frames(arguments.data_root / POSTER, [0])[0]
    write_video(arguments.out / "poster.mp4", poster(room, photo, sway=0.0), RATE_FPS)
    write_video(arguments.out / "poster_carried.mp4", poster(room, photo, sway=150.0), RATE_FPS)


def clip(data_root: Path, name: str) -> Film:
    """Return the frames (T, H, W, 3) of a clip, RGB."""
    path = data_root / "smarthome_gestures" / "videos" / f"{name}.mp4"
    return read_frames(path, range(CLIP_FRAMES))


def cut_off(film: Film) -> Film:
    """Return the film with only a strip of its width, which cuts the hand."""
    kept = film.copy()
    kept[:, :, round(KEPT_WIDTH * film.shape[2]) :] = 0
    return kept


def upside_down(film: Film) -> Film:
    """Return the film as a camera on its head gives it."""
    return np.ascontiguousarray(film[:, ::-1, ::-1])


def light_switched(film: Film) -> Film:
    """Return the film with the light off for a while in every clip."""
    switched = film.copy()
    off, on = (round(RATE_FPS * second) for second in DARK_S)
    for start in range(0, len(film), CLIP_FRAMES):
        dark = switched[start + off : start + on]
        dark[:] = (DARK * dark).astype(np.uint8)
    return switched


def gloved(film: Film) -> Film:
    """Return the film with plain gloves: what the skeleton covers has the colour of cloth."""
    tracker = HandTracker(HandNetworks())
    frames = []
    for number, frame in enumerate(film):
        painted = frame.copy()
        for hand in tracker.track(frame, number / RATE_FPS):
            _paint_glove(painted, hand.landmarks_px[:, :2])
        frames.append(painted)
    return np.stack(frames)


def _paint_glove(frame: Film, points: NDArray[np.float32]) -> None:
    """Paint a glove over a hand (21, 2), with the light and shade of the hand."""
    palm = float(np.linalg.norm(points[9] - points[0]))
    mask = np.zeros(frame.shape[:2], np.uint8)
    places = np.round(points).astype(np.int32)
    for start, end in BONES:
        first, last = places[start].tolist(), places[end].tolist()
        cv2.line(mask, first, last, 255, max(2, round(0.27 * palm)))
    cv2.fillConvexPoly(mask, cv2.convexHull(places[[0, 1, 5, 9, 13, 17]]), 255)
    light = frame.mean(axis=2, keepdims=True) / 160.0
    cloth = np.clip(light * GLOVE, 0, 255).astype(np.uint8)
    frame[mask > 0] = cloth[mask > 0]


def two_people(clips: Sequence[Film]) -> Film:
    """Return the clips beside themselves in another order: two people who gesture at once."""
    return np.concatenate([np.concatenate(order) for order in (clips, clips[::-1])], axis=2)


def poster(room: Film, photo: Film, sway: float) -> Film:
    """Return a photo on a wall that moves to and fro by `sway` pixels every four seconds."""
    height = room.shape[0] // 2
    small = cv2.resize(photo, (photo.shape[1] * height // photo.shape[0], height))
    frames = []
    for number in range(round(POSTER_S * RATE_FPS)):
        frame = room.copy()
        moved = sway * np.sin(2 * np.pi * number / RATE_FPS / 4)
        left = round((room.shape[1] - small.shape[1]) / 2 + moved)
        frame[height // 2 : height // 2 + height, left : left + small.shape[1]] = small
        frames.append(frame)
    return np.stack(frames)


CHANGES: dict[str, Callable[[Film], Film]] = {
    "plain": lambda film: film,
    "cut_off": cut_off,
    "upside_down": upside_down,
    "light": light_switched,
    "gloves": gloved,
}


if __name__ == "__main__":
    main()
