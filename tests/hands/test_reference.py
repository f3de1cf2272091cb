"""The whole chain against stored outputs of MediaPipe 1.2.3 Tasks, with the real networks.

The networks come by pip, once for a machine.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from action_recognition.hands import networks as networks_module
from action_recognition.hands.geometry import Square, square_of_palm
from action_recognition.hands.networks import HandNetworks, Picture
from action_recognition.hands.tracker import HandTracker, TrackedHand

CROP = 224  # pixels: distances are in units of the landmark network's input


@pytest.fixture(scope="module")
def hand_networks(hand_models: Path) -> HandNetworks:
    return HandNetworks(hand_models, num_threads=1)


class Compared:
    """Distances between pairs of hands, in units of the crop, and how often they agree."""

    def __init__(self) -> None:
        self.distances: list[np.ndarray] = []
        self.same_side: list[bool] = []
        self.same_number: list[bool] = []

    def add(self, found: list[TrackedHand], stored: Iterable[tuple[np.ndarray, str]]) -> None:
        """Pair every stored hand with the nearest one that was found."""
        stored, left = list(stored), list(found)
        self.same_number.append(len(found) == len(stored))
        for landmarks, side in stored:
            if not left:
                return
            errors = [
                np.linalg.norm((hand.landmarks_px - landmarks)[:, :2], axis=1) for hand in left
            ]
            nearest = int(np.argmin([error.mean() for error in errors]))
            hand = left.pop(nearest)
            self.distances.append(errors[nearest] / hand.seen.square.side * CROP)
            self.same_side.append(hand.handedness == side.lower())

    @property
    def percentiles(self) -> tuple[float, float]:
        """Median and p95 of the distances."""
        median, high = np.percentile(np.concatenate(self.distances), [50, 95])
        return float(median), float(high)


def read_stored(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file. An open one would unpack an array at each look."""
    with np.load(path) as file:
        return dict(file)


def stored_rows(file: Any, chosen: np.ndarray) -> Iterable[tuple[np.ndarray, str]]:
    for row in np.flatnonzero(chosen):
        yield file["landmarks_px"][row], str(file["handedness"][row])


class AsTasks(HandTracker):
    """Looks for palms as the Tasks API does: in every frame that follows one with a hand too few,
    and in the whole picture alone.
    """

    def _is_time_for_palms(self, followed: Sequence[TrackedHand]) -> bool:
        return True

    def _palms(self, frame_rgb: Picture, followed: Sequence[TrackedHand]) -> list[Square]:
        return self._networks.palms(frame_rgb)

    def _found(self, frame_rgb: Picture, followed: Sequence[TrackedHand]) -> list[TrackedHand]:
        if len(self._hands) >= self._max_hands:
            return []
        return super()._found(frame_rgb, followed)


def compare_videos(
    compared: Compared, stored: Any, folder: Path, hand_networks: HandNetworks
) -> None:
    for number, name in enumerate(stored["clips"]):
        of_clip = stored["hands_per_frame"][stored["hands_per_frame"][:, 0] == number]
        times_ms = {int(row[1]): int(row[2]) for row in of_clip}
        tracker = AsTasks(hand_networks)
        with av.open(str(folder / str(name))) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index not in times_ms:
                    continue
                found = tracker.track(frame.to_ndarray(format="rgb24"), times_ms[index] / 1000)
                chosen = (stored["clip_index"] == number) & (stored["frame_index"] == index)
                compared.add(found, stored_rows(stored, chosen))


def compare_photos(
    compared: Compared, stored: Any, folder: Path, hand_networks: HandNetworks
) -> None:
    for number, name in enumerate(stored["photos"]):
        picture = cv2.imread(str(folder / str(name)))
        assert picture is not None, name
        found = HandTracker(hand_networks).track(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), 0.0)
        compared.add(found, stored_rows(stored, stored["photo_index"] == number))


@pytest.mark.slow
def test_hands_are_those_of_the_reference(
    hand_networks: HandNetworks, reference: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The Tasks API takes an angle of 90 degrees for radians, and turns the palm's square by it.
    monkeypatch.setattr(
        networks_module, "square_of_palm", functools.partial(square_of_palm, upright=90.0)
    )
    compared = Compared()
    hands = reference / "hands"
    for name, folder in (("smarthome", "smarthome_gestures"), ("asl", "asl_words")):
        stored = read_stored(hands / f"video_{name}.npz")
        compare_videos(compared, stored, real_data / folder, hand_networks)
    photos = real_data / "hand_images" / "hagrid_380"
    compare_photos(compared, read_stored(hands / "photos_hagrid.npz"), photos, hand_networks)

    median, high = compared.percentiles
    assert median < 0.10 and high < 1.0
    assert np.mean(compared.same_number) >= 0.98
    assert np.mean(compared.same_side) >= 0.99
