"""Where the person is in a clip: an OpenVINO detector on some of its frames, and one box for all of them.

Source: CONTRACT 1.8 and the original's `crop_images.py`: of the persons of a frame that are sure enough, the largest; a frame in which it
covers less than 0.15 of the picture says nothing; the clip's box goes from the 5th to the 95th percentile of what its frames say.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.errors import user_error
from action_recognition.openvino_core import openvino_core

if TYPE_CHECKING:
    import openvino as ov

_MIN_CONFIDENCE = 0.1
_MIN_AREA_SHARE = 0.15
_CONTRACTS = "an output (N, 5) of x_min, y_min, x_max, y_max, confidence, or one (1, 1, N, 7) as SSD gives it"


class PersonBox(NamedTuple):
    """Corners in pixels of the picture."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class PersonDetector:
    """A detector of one kind of object as Open Model Zoo publishes them; takes BGR pictures, as those do.

    It is known by the shape of an output: (N, 5) in pixels of its input (person-detection-asl-0001, whose `labels` are not needed),
    or (1, 1, N, 7) of image, label, confidence and corners in parts of the picture (SSD). A `UserError` names a file that is neither.

    Source: docs.openvino.ai, omz_models_model_person_detection_asl_0001 and _0201.
    """

    def __init__(self, file: Path, device: str = "CPU", num_threads: int | None = None) -> None:
        if not file.is_file():
            raise user_error(f"--detector {file}", "there is no such file", "the .xml of an OpenVINO model, its .bin beside it")
        core = openvino_core()
        try:
            model = core.read_model(file)
        except RuntimeError:
            raise user_error(f"--detector {file}", "is no readable OpenVINO model", "an .xml with its .bin beside it") from None
        self._size = _input_size(model, file)
        self._output, self._is_ssd = _boxes_output(model, file)
        self._dtype = model.input(0).element_type.to_dtype()
        settings = {"INFERENCE_NUM_THREADS": num_threads} if num_threads and device == "CPU" else {}
        try:
            self._compiled = core.compile_model(model, device, settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise user_error(f"--device {device}", f"cannot run the detector ({reason})", ", ".join(core.available_devices)) from None

    def boxes(self, picture_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, 5) x_min, y_min, x_max, y_max in pixels of an (H, W, 3) RGB picture, and confidence 0..1."""
        height, width = picture_rgb.shape[:2]
        in_height, in_width = self._size
        resized = cv2.resize(np.ascontiguousarray(picture_rgb[..., ::-1]), (in_width, in_height))
        found = self._compiled(resized.transpose(2, 0, 1)[None].astype(self._dtype))[self._output]
        scale_x, scale_y = width / in_width, height / in_height
        if self._is_ssd:
            rows = np.asarray(found, dtype=np.float64).reshape(-1, 7)
            rows = rows[rows[:, 0] >= 0]  # an image of -1 ends the list
            found, scale_x, scale_y = rows[:, [3, 4, 5, 6, 2]], float(width), float(height)
        return np.asarray(found, dtype=np.float64) * (scale_x, scale_y, scale_x, scale_y, 1.0)


def _input_size(model: ov.Model, file: Path) -> tuple[int, int]:
    shapes = [node.partial_shape for node in model.inputs]
    if len(shapes) == 1 and shapes[0].is_static and len(shapes[0]) == 4:
        batch, channels, height, width = (int(side) for side in shapes[0].to_shape())
        if (batch, channels) == (1, 3):
            return height, width
    raise user_error(f"--detector {file}", f"its inputs are {', '.join(map(str, shapes))}", "one of (1, 3, height, width)")


def _boxes_output(model: ov.Model, file: Path) -> tuple[int, bool]:
    """Number of the output with the boxes, and whether it is SSD's."""
    shapes = [node.partial_shape for node in model.outputs]
    lasts = [(len(shape), shape[-1].to_string()) if shape.rank.is_static and len(shape) else (0, "") for shape in shapes]
    fitting = [number for number, kind in enumerate(lasts) if kind in ((2, "5"), (4, "7"))]
    if len(fitting) != 1:
        raise user_error(f"--detector {file}", f"its outputs are {', '.join(map(str, shapes))}", _CONTRACTS)
    return fitting[0], lasts[fitting[0]] == (4, "7")


@functools.lru_cache(maxsize=1)
def loaded_detector(file: Path, device: str, num_threads: int | None) -> PersonDetector:
    """The detector, read once in each process."""
    return PersonDetector(file, device, num_threads)


def main_person(boxes: NDArray[np.float64], height: int, width: int) -> PersonBox | None:
    """The largest box of (N, 5) that is sure enough; None where that is small.

    >>> main_person(np.array([[0, 0, 9, 9, 0.05], [1, 1, 9, 9, 0.9], [0, 0, 2, 2, 1.0]]), 10, 10)
    PersonBox(x_min=1.0, y_min=1.0, x_max=9.0, y_max=9.0)
    """
    sure = boxes[boxes[:, 4] >= _MIN_CONFIDENCE]
    areas = np.maximum(0, sure[:, 2] - sure[:, 0]) * np.maximum(0, sure[:, 3] - sure[:, 1])
    if not len(areas) or areas.max() < _MIN_AREA_SHARE * height * width:
        return None
    return PersonBox(*sure[int(np.argmax(areas)), :4].tolist())


def global_box(boxes: Sequence[PersonBox]) -> PersonBox:
    """One box for a clip, from those of its frames (at least one): a single frame that is wrong does not decide."""
    table = np.array(boxes)
    corners = np.concatenate([np.percentile(table[:, :2], 5.0, axis=0), np.percentile(table[:, 2:], 95.0, axis=0)])
    return PersonBox(*corners.tolist())


def clip_box(detector: PersonDetector, frames_thwc_rgb: NDArray[np.uint8]) -> PersonBox | None:
    """The person's box over frames (T, H, W, 3) of a clip; None where no frame shows one."""
    height, width = frames_thwc_rgb.shape[1:3]
    found = [main_person(detector.boxes(frame), height, width) for frame in frames_thwc_rgb]
    boxes = [box for box in found if box is not None]
    return global_box(boxes) if boxes else None
