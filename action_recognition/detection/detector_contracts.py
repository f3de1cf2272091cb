"""What detectors take and give, by name: each contract turns a picture into the network's input, and its outputs into boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.errors import user_error

if TYPE_CHECKING:
    import openvino as ov

Rows = NDArray[np.float64]
"""(N, 5) corners x_min, y_min, x_max, y_max in parts of the picture, and confidence 0..1."""
Results = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class DetectorContract:
    """`outputs` says for people how it is known. The input is (1, 3, height, width), (RGB or BGR level - mean) / scale.

    `rows` takes the outputs by the names of `roles` and the input's (height, width).
    """

    name: str
    outputs: str
    is_bgr: bool
    mean: float
    scale: float
    roles: tuple[str, ...]
    rows: Callable[[Results, tuple[int, int]], Rows]


def _hands(results: Results, size: tuple[int, int]) -> Rows:
    return np.concatenate(
        [results["boxes"].reshape(-1, 4), results["scores"].reshape(-1, 1)], axis=1
    ).astype(np.float64)


def _boxes_in_pixels(results: Results, size: tuple[int, int]) -> Rows:
    height, width = size
    return np.asarray(results["boxes"], np.float64).reshape(-1, 5) / (
        width,
        height,
        width,
        height,
        1.0,
    )


def _ssd(results: Results, size: tuple[int, int]) -> Rows:
    rows = np.asarray(results["detections"], np.float64).reshape(-1, 7)
    return rows[rows[:, 0] >= 0][:, [3, 4, 5, 6, 2]]  # an image of -1 ends the list


BOXES: Final = DetectorContract(
    "person-detection-asl",
    "an output (N, 5) of x_min, y_min, x_max, y_max, confidence",
    True,
    0.0,
    1.0,
    ("boxes",),
    _boxes_in_pixels,
)
SSD: Final = DetectorContract(
    "SSD", "one (1, 1, N, 7) as SSD gives it", True, 0.0, 1.0, ("detections",), _ssd
)
HANDS: Final = DetectorContract(
    "HaGRID hands",
    "`boxes` (N, 4) with `scores` (N) as HaGRID's hand detector",
    False,
    127.0,
    128.0,
    ("boxes", "scores"),
    _hands,
)
"""The contracts of the detectors that are known.

Sources: docs.openvino.ai, omz_models_model_person_detection_asl_0001 and _0201; github.com/ai-forever/dynamic_gestures, onnx_models.py.
"""


def find_contract(model: ov.Model, file: Path) -> tuple[DetectorContract, dict[str, int]]:
    """The contract that a model keeps, and the number of its output for each role; a `UserError` names a model that keeps none."""
    shapes = [node.partial_shape for node in model.outputs]
    lasts = [
        (len(shape), shape[-1].to_string()) if shape.rank.is_static and len(shape) else (0, "")
        for shape in shapes
    ]
    names = {name: number for number, node in enumerate(model.outputs) for name in node.get_names()}
    if {"boxes", "scores"} <= names.keys() and lasts[names["boxes"]] == (2, "4"):
        return HANDS, {role: names[role] for role in HANDS.roles}
    fitting = [number for number, kind in enumerate(lasts) if kind in ((2, "5"), (4, "7"))]
    if len(fitting) != 1:
        allowed = f"{BOXES.outputs}, or {SSD.outputs}, or {HANDS.outputs}"
        raise user_error(
            f"--detector {file}", f"its outputs are {', '.join(map(str, shapes))}", allowed
        )
    contract = BOXES if lasts[fitting[0]] == (2, "5") else SSD
    return contract, {contract.roles[0]: fitting[0]}
