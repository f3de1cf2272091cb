"""MediaPipe Tasks' HandLandmarker in VIDEO mode, as a process of its own.

    PEER_PYTHON -m benchmarks.peers.trackers.mediapipe_tracker PALM.tflite HAND.tflite

PEER_PYTHON is the Python of an environment with mediapipe in it. Both networks are put into the
bundle that Tasks wants. Thresholds are Tasks' own, and two hands are wanted.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.trackers.frame_pipe import Track, serve

_MEMBERS = ("hand_detector.tflite", "hand_landmarks_detector.tflite")
_ALIGNMENT, _LOCAL_HEADER, _EXTRA_HEADER = 4, 30, 4


def write_bundle(networks: list[Path], target: Path) -> None:
    """Write a `.task` file: a zip of files that are stored, each at a multiple of four bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
        place = 0
        for name, file in zip(_MEMBERS, networks, strict=True):
            info, data = zipfile.ZipInfo(name), file.read_bytes()
            length = _LOCAL_HEADER + len(name)
            padding = -(place + length) % _ALIGNMENT
            if padding:
                # An extra field that no reader knows, with its own header before the padding.
                info.extra = b"\x00\x00" + padding.to_bytes(2, "little") + bytes(padding)
                length += _EXTRA_HEADER + padding
            bundle.writestr(info, data)
            place += length + len(data)


def _hands(result: Any, height: int, width: int) -> list[dict[str, Any]]:
    """Return a result's hands in pixels. Its z is in widths of the picture."""
    scale = np.array([width, height, width])
    hands = []
    for points, world, sides in zip(
        result.hand_landmarks, result.hand_world_landmarks, result.handedness, strict=True
    ):
        px = np.array([[point.x, point.y, point.z] for point in points]) * scale
        metres = np.array([[point.x, point.y, point.z] for point in world])
        score = float(sides[0].score)
        right = score if sides[0].category_name == "Right" else 1.0 - score
        hands.append({
            "points": np.round(px.ravel(), 3).tolist(),
            "world": np.round(metres.ravel(), 5).tolist(),
            "right": right,
        })  # fmt: skip
    return hands


def main() -> None:
    """Serve frames from stdin."""
    mediapipe = importlib.import_module("mediapipe")
    vision = importlib.import_module("mediapipe.tasks.python.vision")
    base = importlib.import_module("mediapipe.tasks.python")
    with tempfile.TemporaryDirectory() as temporary:
        bundle = Path(temporary) / "hand_landmarker.task"
        write_bundle([Path(name) for name in sys.argv[1:3]], bundle)
        options = vision.HandLandmarkerOptions(
            base_options=base.BaseOptions(model_asset_path=str(bundle)),
            running_mode=vision.RunningMode.VIDEO,
            num_hands=2,
        )

        def new_tracker() -> Track:
            landmarker = vision.HandLandmarker.create_from_options(options)

            def track(picture_rgb: NDArray[np.uint8], time_ms: int) -> list[dict[str, Any]]:
                image = mediapipe.Image(
                    image_format=mediapipe.ImageFormat.SRGB, data=picture_rgb.copy()
                )
                result = landmarker.detect_for_video(image, time_ms)
                return _hands(result, *picture_rgb.shape[:2])

            return track

        serve(new_tracker)


if __name__ == "__main__":
    main()
