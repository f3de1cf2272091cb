"""Tiny OpenVINO models with the outputs of person detectors.

Their boxes are fixed, and the surer, the bluer the picture is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

INPUT_SIZE = 32

Boxes = Sequence[tuple[float, float, float, float, float]]
"""Corners in parts of the picture, and the confidence that a wholly blue picture gives."""


def write_boxes_detector(file: Path, boxes: Boxes) -> Path:
    """Write a detector as person-detection-asl-0001.

    Its outputs are `boxes` (N, 5) in pixels of the input, and `labels` (N).
    """
    parameter, blue = _input()
    corners = ops.constant(np.array([box[:4] for box in boxes], np.float32) * INPUT_SIZE)
    confidence = ops.multiply(ops.constant(np.array([[box[4]] for box in boxes], np.float32)), blue)
    found = ops.concat([corners, confidence], 1)
    labels = ops.constant(np.zeros(len(boxes), np.int64))
    return _saved(file, [_named(found, "boxes"), _named(labels, "labels")], parameter)


def write_ssd_detector(file: Path, boxes: Boxes) -> Path:
    """Write a detector as SSD: (1, 1, N, 7) of image, label, confidence, corners.

    Corners are parts of the picture. A row of image -1 ends the list.
    """
    parameter, blue = _input()
    rows = [(0, 1, box[4], *box[:4]) for box in boxes] + [(-1, 0, 1.0, 0, 0, 1, 1)]
    table = np.array(rows, np.float32)[None, None]
    is_confidence = np.array([0, 0, 1, 0, 0, 0, 0], np.float32)
    factor = ops.add(
        ops.multiply(ops.constant(is_confidence), blue), ops.constant(1 - is_confidence)
    )
    return _saved(
        file, [_named(ops.multiply(ops.constant(table), factor), "detection_out")], parameter
    )


def write_classifier(file: Path) -> Path:
    """Write a model that is no detector."""
    parameter, blue = _input()
    return _saved(file, [_named(blue, "scores")], parameter)


def _input() -> tuple[ov.Node, ov.Node]:
    """Return the picture, BGR 0..255, and the share of blue in it, (1, 1): 1 if blue, 0 if red."""
    parameter = ops.parameter([1, 3, INPUT_SIZE, INPUT_SIZE], np.float32, name="image")
    # The first channel of BGR.
    first = ops.gather(parameter, ops.constant(np.array([0])), ops.constant(1))
    blue = ops.divide(
        ops.reduce_mean(first, ops.constant(np.array([2, 3])), keep_dims=False),
        ops.constant(np.float32(255)),
    )
    return parameter, blue


def _named(node: ov.Node, name: str) -> ov.Node:
    result = ops.result(node)
    result.output(0).get_tensor().set_names({name})
    return result


def _saved(file: Path, results: list[ov.Node], parameter: ov.Node) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model(results, [parameter], "detector"), file, compress_to_fp16=False)
    return file
