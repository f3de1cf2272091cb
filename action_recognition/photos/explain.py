"""Which part of a photo a label hangs on: parts are covered one after another, and what that costs the label is the heat.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (2014), section 4.2, occlusion sensitivity. It asks the
model as it is, so it explains an IR, an ONNX file and an INT8 network alike.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from action_recognition.data.photo import Photo
from action_recognition.deploy.predictor import Predictor
from action_recognition.deploy.scores import probabilities

NUM_CELLS: Final = 9
"""Places along each side; at each a square of twice the distance between them is covered."""
_SHOWN_SIDE: Final = 448
_STRENGTH: Final = 0.5

Heat = npt.NDArray[np.float64]


def occlusion_heat(
    predictor: Predictor, photo: Photo, label: str, num_cells: int = NUM_CELLS
) -> Heat:
    """(num_cells, num_cells): by how much the label's logarithmic odds fall where that place is covered by the mean colour.

    Places are those of what the network sees of the photo (H, W, 3) uint8 RGB; below 0 covering helps the label.
    """
    metadata = predictor.backend.metadata
    clip = predictor.prepare(photo[None], metadata.frame_rate_fps)
    index = metadata.labels.index(label)
    colour = np.clip(np.round(metadata.mean_rgb), 0, 255).astype(np.uint8).reshape(3, 1, 1, 1)
    side = clip.shape[-1]
    edges = np.linspace(0, side, num_cells + 1)
    half = max(1, round(side / num_cells / 2))

    def odds(covered: npt.NDArray[np.uint8]) -> float:
        share = float(
            np.clip(
                probabilities(predictor.backend.scores(covered[None])[0], metadata)[index],
                1e-6,
                1 - 1e-6,
            )
        )
        return float(np.log(share / (1.0 - share)))

    whole, heat = odds(clip), np.zeros((num_cells, num_cells))
    for row in range(num_cells):
        for column in range(num_cells):
            covered = clip.copy()
            top, bottom = max(0, int(edges[row]) - half), int(edges[row + 1]) + half
            left, right = max(0, int(edges[column]) - half), int(edges[column + 1]) + half
            covered[:, :, top:bottom, left:right] = colour
            heat[row, column] = whole - odds(covered)
    return heat


def heat_picture(predictor: Predictor, photo: Photo, heat: Heat) -> Photo:
    """What the network sees of the photo with the heat over it, (448, 448, 3) uint8 RGB: red where the label hangs on it, blue against."""
    clip = predictor.prepare(photo[None], predictor.backend.metadata.frame_rate_fps)
    size = (_SHOWN_SIDE, _SHOWN_SIDE)
    seen = cv2.resize(
        np.ascontiguousarray(clip[:, 0].transpose(1, 2, 0)), size, interpolation=cv2.INTER_CUBIC
    ).astype(np.float64)
    smooth = cv2.resize(
        heat / max(float(np.abs(heat).max()), 1e-6), size, interpolation=cv2.INTER_CUBIC
    )
    weight = np.clip(np.abs(smooth), 0.0, 1.0)[..., None] * _STRENGTH
    colour = np.where(smooth[..., None] > 0, (255.0, 30.0, 0.0), (0.0, 60.0, 255.0))
    return np.asarray(np.clip(seen * (1.0 - weight) + colour * weight, 0, 255).astype(np.uint8))
