"""Inputs and outputs of detectors, by name.

Each contract turns a picture into the network's input, and its outputs into boxes.
"""

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
"""Outputs of the network by the names of the contract's roles."""


@dataclass(frozen=True)
class DetectorContract:
    """The contract of one kind of detector. `outputs` describes it for people.

    The input is (1, 3, height, width), (RGB or BGR level - mean) / scale. `rows` takes the outputs
    by the names of `roles`, and the input's (height, width).
    """

    name: str
    outputs: str
    is_bgr: bool
    mean: float
    scale: float
    roles: tuple[str, ...]
    rows: Callable[[Results, tuple[int, int]], Rows]


def _hands(results: Results, size: tuple[int, int]) -> Rows:
    corners, scores = results["boxes"].reshape(-1, 4), results["scores"].reshape(-1, 1)
    return np.concatenate([corners, scores], axis=1).astype(np.float64)


def _boxes_in_pixels(results: Results, size: tuple[int, int]) -> Rows:
    height, width = size
    boxes = np.asarray(results["boxes"], np.float64).reshape(-1, 5)
    return boxes / (width, height, width, height, 1.0)


def _ssd(results: Results, size: tuple[int, int]) -> Rows:
    rows = np.asarray(results["detections"], np.float64).reshape(-1, 7)
    return rows[rows[:, 0] >= 0][:, [3, 4, 5, 6, 2]]  # an image of -1 ends the list


BOXES: Final = DetectorContract(
    name="person-detection-asl",
    outputs="an output (N, 5) of x_min, y_min, x_max, y_max, confidence",
    is_bgr=True,
    mean=0.0,
    scale=1.0,
    roles=("boxes",),
    rows=_boxes_in_pixels,
)
"""Source: docs.openvino.ai, omz_models_model_person_detection_asl_0001."""

SSD: Final = DetectorContract(
    name="SSD",
    outputs="one (1, 1, N, 7) as SSD gives it",
    is_bgr=True,
    mean=0.0,
    scale=1.0,
    roles=("detections",),
    rows=_ssd,
)
"""Source: docs.openvino.ai, omz_models_model_person_detection_0201."""

HANDS: Final = DetectorContract(
    name="HaGRID hands",
    outputs="`boxes` (N, 4) with `scores` (N) as HaGRID's hand detector",
    is_bgr=False,
    mean=127.0,
    scale=128.0,
    roles=("boxes", "scores"),
    rows=_hands,
)
"""Source: github.com/ai-forever/dynamic_gestures, onnx_models.py."""

# Number of dimensions of an output, and its last one as a text.
_BOXES_FORM, _SSD_FORM, _CORNERS_FORM = (2, "5"), (4, "7"), (2, "4")


def find_contract(model: ov.Model, file: Path) -> tuple[DetectorContract, dict[str, int]]:
    """Return the contract that a model keeps, and the number of its output for each role.

    Raises UserError: it keeps none.
    """
    forms = [_form(node.partial_shape) for node in model.outputs]
    names = {name: number for number, node in enumerate(model.outputs) for name in node.get_names()}
    if {"boxes", "scores"} <= names.keys() and forms[names["boxes"]] == _CORNERS_FORM:
        return HANDS, {role: names[role] for role in HANDS.roles}

    # Other outputs, such as labels, may be beside the one that holds the boxes.
    fitting = [number for number, form in enumerate(forms) if form in (_BOXES_FORM, _SSD_FORM)]
    if len(fitting) != 1:
        shapes = ", ".join(str(node.partial_shape) for node in model.outputs)
        allowed = f"{BOXES.outputs}, or {SSD.outputs}, or {HANDS.outputs}"
        raise user_error(f"--detector {file}", f"its outputs are {shapes}", allowed)
    contract = BOXES if forms[fitting[0]] == _BOXES_FORM else SSD
    return contract, {contract.roles[0]: fitting[0]}


def _form(shape: ov.PartialShape) -> tuple[int, str]:
    """Return the number of dimensions and the last one as a text, (0, "") where none is known."""
    return (len(shape), shape[-1].to_string()) if shape.rank.is_static and len(shape) else (0, "")
