"""The palm detector and the landmark network, run by OpenVINO on the CPU in f32.

Both take the picture as the camera gives it. A mirrored picture, or BGR for RGB, is another input,
in which hands are missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.hands.delivered_networks import delivered_networks, read_delivered
from action_recognition.hands.geometry import (
    Floats,
    Square,
    crop_to_picture,
    landmarks_in_picture,
    merge_palms,
    palm_anchors,
    square_of_palm,
    turned_world,
    whole_square,
)
from action_recognition.hands.network_files import checked_hand_models
from action_recognition.hands.network_names import HAND, HAND_IR, PALM, PALM_IR, SOURCE
from action_recognition.openvino_core import openvino_core

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

_PALM_SIZE, _HAND_SIZE = 192, 224
MIN_PALM_SCORE = 0.5
_MAX_LOGIT = 100.0
# Numbers of the outputs, in the order of the files.
_BOXES, _LOGITS = 0, 1
_LANDMARKS, _PRESENCE, _RIGHT, _WORLD = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class SeenHand:
    """The answer of the landmark network for one square of a picture.

    `right` is the probability of a right hand, in a picture that is not mirrored. `world_m` are
    metres, as the picture shows the hand; their origin lies near the base of the middle finger.
    """

    landmarks_px: NDArray[np.float32]  # (21, 3), z towards the camera is negative
    world_m: NDArray[np.float32]  # (21, 3)
    presence: float
    right: float
    square: Square


class HandNetworks:
    """Finds palms in a picture, and the landmarks of a hand in a square of it.

    `folder` has the networks as fetched, or as IR, which `write_irs` makes.
    Raises UserError: a network is missing, or is another file than this toolkit knows.
    """

    def __init__(self, folder: Path | None = None, num_threads: int | None = None) -> None:
        palms, hands = network_paths(folder)
        self._palms = _request(pixel_network(palms), num_threads)
        self._hands = _request(pixel_network(hands), num_threads)
        self._anchors_px = palm_anchors(_PALM_SIZE) * _PALM_SIZE

    def palms(
        self, picture_rgb: Picture, view: Square | None = None, min_score: float = MIN_PALM_SCORE
    ) -> list[Square]:
        """Return the squares around the hands that the palm detector finds, the surest first.

        It sees the upright square `view`, black outside of the picture, by default all of it.
        """
        whole = whole_square(*picture_rgb.shape[:2]) if view is None else view
        outputs = self._palms.infer(_crop(picture_rgb, whole, _PALM_SIZE, cv2.BORDER_CONSTANT))

        logits = np.clip(outputs[_LOGITS].reshape(-1), -_MAX_LOGIT, _MAX_LOGIT)
        scores = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
        sure = scores >= min_score
        raw = outputs[_BOXES].reshape(-1, 18)[sure].astype(np.float64)

        merged, _ = merge_palms(self._in_picture(raw, self._anchors_px[sure], whole), scores[sure])
        return [square_of_palm(palm) for palm in merged]

    @staticmethod
    def _in_picture(raw: Floats, anchors_px: Floats, whole: Square) -> Floats:
        """Turn outputs (N, 18) into boxes and points in pixels of the picture."""
        matrix = crop_to_picture(whole, _PALM_SIZE)
        scale, offset = matrix[0, 0], matrix[:, 2]

        # All but the size of the box are places, relative to the anchor's centre.
        palms = raw.copy()
        places = [0, 1, *range(4, 18)]
        palms[:, places] += np.tile(anchors_px, (1, 8))
        palms *= scale
        palms[:, places] += np.tile(offset, 8)
        return palms

    def hand(self, picture_rgb: Picture, square: Square) -> SeenHand:
        """Return the landmarks of the hand in a square. `presence` says whether there is one."""
        outputs = self._hands.infer(_crop(picture_rgb, square, _HAND_SIZE, cv2.BORDER_REPLICATE))
        landmarks = outputs[_LANDMARKS].reshape(21, 3).astype(np.float64)
        world = outputs[_WORLD].reshape(21, 3).astype(np.float64)
        return SeenHand(
            landmarks_in_picture(landmarks, square, _HAND_SIZE).astype(np.float32),
            turned_world(world, square.rotation).astype(np.float32),
            presence=float(outputs[_PRESENCE].item()),
            right=float(outputs[_RIGHT].item()),
            square=square,
        )


def network_paths(folder: Path | None) -> tuple[Path, Path]:
    """Return the files of both networks: the IRs of a delivered folder, else the fetched ones.

    Raises UserError: a network is missing, or is another file than this toolkit knows.
    """
    if folder is not None and (delivered := delivered_networks(folder)):
        return delivered
    place = checked_hand_models(folder)
    return place / PALM, place / HAND


def write_irs(folder: Path | None, target: Path) -> list[Path]:
    """Write both networks of `folder` as IR for pixels in uint8 into `target`. Return the `.xml`s.

    The weights have 16 bits, as in the fetched files.
    """
    from openvino import save_model

    written = []
    for source, name in zip(network_paths(folder), (PALM_IR, HAND_IR), strict=True):
        network = pixel_network(source)
        network.set_rt_info(SOURCE, ["model_info", "source"])
        save_model(network, target / name, compress_to_fp16=True)
        written.append(target / name)
    return written


def pixel_network(file: Path) -> Any:
    """Return a network that takes pixels 0..255 in uint8, NHWC. An IR of ours does so already.

    Raises UserError: an IR is damaged, or is another network.
    """
    if file.suffix == ".xml":
        return read_delivered(file)
    network = openvino_core().read_model(file)
    # Slow to import.
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(network)
    # The front end of TFLite sets no layout.
    steps.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    steps.input().model().set_layout(Layout("NHWC"))
    steps.input().preprocess().convert_element_type(Type.f32).scale(255.0)
    return steps.build()


def _request(network: Any, num_threads: int | None) -> Any:
    """Compile a network for the CPU in f32. Returns an infer request."""
    # Pinned threads of several processes would all share the first cores.
    hints: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    if num_threads is not None:
        hints["INFERENCE_NUM_THREADS"] = num_threads
    return openvino_core().compile_model(network, "CPU", hints).create_infer_request()


def _crop(picture_rgb: Picture, square: Square, size: int, border: int) -> dict[int, Picture]:
    """Return the network's input (1, size, size, 3): the square, with OpenCV's `border` outside."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = crop_to_picture(square, size)
    picture = np.ascontiguousarray(picture_rgb)
    crop = cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=border)
    return {0: crop[None].astype(np.uint8, copy=False)}
