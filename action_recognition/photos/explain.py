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
from action_recognition.deploy.prediction import Prediction
from action_recognition.deploy.predictor import Predictor
from action_recognition.deploy.scores import probabilities
from action_recognition.lettering import fitted, shown_names, write_text

NUM_CELLS: Final = 9
"""Places along each side. A square of twice the distance between them is covered at each."""
# The side of a heat map in pixels, and the largest share of colour in it.
_SHOWN_SIDE: Final = 448
_STRENGTH: Final = 0.5
_FOR, _AGAINST = (255.0, 30.0, 0.0), (0.0, 60.0, 255.0)
# The caption above the picture and the legend below it, in pixels.
_CAPTION: Final = 28
_LEGEND: Final = 52
_LETTERS: Final = 15
_SHADES: Final = 120  # width of the legend's bar
_LONGEST_NAME: Final = 30  # letters of a file name

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
    colour = np.where(smooth[..., None] > 0, _FOR, _AGAINST)
    return np.asarray(np.clip(seen * (1.0 - weight) + colour * weight, 0, 255).astype(np.uint8))


def explained_picture(picture: Photo, heat: Heat, found: Prediction, name: str) -> Photo:
    """Return a heat picture with file name and answer above it, and a legend below it."""
    label = shown_names(found.labels)[found.labels[0]]
    framed = np.pad(picture, ((_CAPTION, _LEGEND), (0, 0), (0, 0)), constant_values=255)
    rejected = ", rejected" if found.is_rejected else ""
    answer = f"{_shortened(name)}: {label} {100 * found.probability:.0f} %{rejected}"
    _write(framed, answer, 4, _CAPTION - 9)

    # The bar fades as the colours over the photo do.
    first = _CAPTION + picture.shape[0]
    _draw_shades(framed[first + 6 : first + 20, 4 : 4 + _SHADES])
    _write(framed, f"blue speaks against {label}, red for it", _SHADES + 12, first + 18)
    _write(framed, _strongest_in_words(heat), 4, first + 42)
    return np.asarray(framed)


def _strongest_in_words(heat: Heat) -> str:
    """Return what covering the strongest place does to the odds of the label.

    >>> _strongest_in_words(np.log([[2.0, 0.2]]))
    'covering the strongest place multiplies its odds by 5'
    """
    strongest = float(heat.flat[np.abs(heat).argmax()])
    change = "divides" if strongest > 0 else "multiplies"
    return f"covering the strongest place {change} its odds by {np.exp(abs(strongest)):.3g}"


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _write(picture: Photo, text: str, left: int, baseline: int) -> None:
    shown = fitted(text, picture.shape[1] - left, _LETTERS)
    write_text(picture, shown, (left, baseline), _LETTERS, (0, 0, 0))


def _draw_shades(bar: Photo) -> None:
    """Draw from the colour against the label to that for it, in place, over grey as of a photo."""
    share = np.linspace(-1.0, 1.0, bar.shape[1])[None, :, None]
    weight = np.abs(share) * _STRENGTH
    bar[:] = (200.0 * (1.0 - weight) + np.where(share > 0, _FOR, _AGAINST) * weight).astype(
        np.uint8
    )


def _enlarged(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a picture (h, w, ...) at the size that is shown."""
    size = (_SHOWN_SIDE, _SHOWN_SIDE)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
