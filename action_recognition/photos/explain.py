"""Heat maps: the parts of a photo that a label depends on.

Parts of the photo are covered one after another. The drop of the label's odds is the heat. This
asks the model as it is, so it explains an IR, an ONNX file and an INT8 network alike.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (2014), section
4.2, occlusion sensitivity.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from action_recognition.data.photo import Photo
from action_recognition.deploy.predictor import Predictor
from action_recognition.deploy.scores import probabilities

NUM_CELLS: Final = 9
"""Places along each side. A square of twice the distance between them is covered at each."""
# The side of a heat map in pixels, and the largest share of colour in it.
_SHOWN_SIDE: Final = 448
_STRENGTH: Final = 0.5

Heat = npt.NDArray[np.float64]


def occlusion_heat(
    predictor: Predictor, photo: Photo, label: str, num_cells: int = NUM_CELLS
) -> Heat:
    """Compute the heat (num_cells, num_cells) of a label in a photo (H, W, 3) uint8 RGB.

    It is the drop of the label's logarithmic odds while a place is covered with the mean colour.
    Below 0, covering helps the label. The places divide the part of the photo that the network
    sees.
    """
    metadata = predictor.backend.metadata
    clip = predictor.prepare(photo[None], metadata.frame_rate_fps)
    colour = np.clip(np.round(metadata.mean_rgb), 0, 255).astype(np.uint8).reshape(3, 1, 1, 1)
    side = clip.shape[-1]
    edges = np.linspace(0, side, num_cells + 1)
    half = max(1, round(side / num_cells / 2))

    whole, heat = _log_odds(predictor, clip, label), np.zeros((num_cells, num_cells))
    # Each square reaches half a cell into its neighbours.
    for row, column in np.ndindex(num_cells, num_cells):
        top, bottom = max(0, int(edges[row]) - half), int(edges[row + 1]) + half
        left, right = max(0, int(edges[column]) - half), int(edges[column + 1]) + half
        covered = clip.copy()
        covered[:, :, top:bottom, left:right] = colour
        heat[row, column] = whole - _log_odds(predictor, covered, label)
    return heat


def _log_odds(predictor: Predictor, clip: npt.NDArray[np.uint8], label: str) -> float:
    """Return the logarithmic odds of a label for a clip (3, T, H, W) uint8."""
    metadata = predictor.backend.metadata
    scores = predictor.backend.scores(clip[None])[0]
    chance = probabilities(scores, metadata)[metadata.labels.index(label)]
    # A certain label has no finite odds.
    share = float(np.clip(chance, 1e-6, 1 - 1e-6))
    return float(np.log(share / (1.0 - share)))


def heat_picture(predictor: Predictor, photo: Photo, heat: Heat) -> Photo:
    """Draw the heat over the part of the photo that the network sees, (448, 448, 3) uint8 RGB.

    Red parts speak for the label, blue ones against it.
    """
    clip = predictor.prepare(photo[None], predictor.backend.metadata.frame_rate_fps)
    seen = _enlarged(np.ascontiguousarray(clip[:, 0].transpose(1, 2, 0))).astype(np.float64)
    smooth = _enlarged(heat / max(float(np.abs(heat).max()), 1e-6))

    # The stronger the heat, the less of the photo shows through.
    weight = np.clip(np.abs(smooth), 0.0, 1.0)[..., None] * _STRENGTH
    colour = np.where(smooth[..., None] > 0, (255.0, 30.0, 0.0), (0.0, 60.0, 255.0))
    return np.asarray(np.clip(seen * (1.0 - weight) + colour * weight, 0, 255).astype(np.uint8))


def _enlarged(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a picture (h, w, ...) at the size that is shown."""
    size = (_SHOWN_SIDE, _SHOWN_SIDE)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
