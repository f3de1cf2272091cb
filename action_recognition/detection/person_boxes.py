"""The place of the person in a clip: a detector on some of its frames, and one box for all of them.

Source: CONTRACT 1.8 and the original's `crop_images.py`. Of the persons of a frame that are sure
enough the largest is taken. A frame in which it covers less than 0.15 of the picture does not
count. The clip's box reaches from the 5th to the 95th percentile of the boxes of its frames.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from action_recognition.detection.detector_contracts import find_contract
from action_recognition.errors import user_error
from action_recognition.openvino_core import openvino_core

if TYPE_CHECKING:
    import openvino as ov

_MIN_CONFIDENCE = 0.1
_MIN_AREA_SHARE = 0.15
_FILES = "an .xml of OpenVINO, its .bin beside it, or an .onnx"


class PersonBox(NamedTuple):
    """Corners in pixels of the picture."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class PersonDetector:
    """A detector of one kind of object (persons, hands) in OpenVINO, from an IR or an ONNX file.

    It computes in f32 on the CPU, and its inputs and outputs are one of the contracts of
    `detector_contracts`. Raises UserError: the file keeps none of them.
    """

    def __init__(self, file: Path, device: str = "CPU", num_threads: int | None = None) -> None:
        model = _read_model(file)
        self.contract, self._outputs = find_contract(model, file)
        self._size = _input_size(model, file)
        self._dtype = model.input(0).element_type.to_dtype()
        self._compiled = _compiled(model, device, num_threads)

    def boxes(self, picture_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Find the objects in an (H, W, 3) RGB picture.

        Returns (N, 5) x_min, y_min, x_max, y_max in pixels, and confidence 0..1.
        """
        found = self._compiled(self._network_input(picture_rgb))
        results = {role: np.asarray(found[number]) for role, number in self._outputs.items()}

        # From parts of the picture to its pixels.
        height, width = picture_rgb.shape[:2]
        return self.contract.rows(results, self._size) * (width, height, width, height, 1.0)

    def _network_input(self, picture_rgb: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the picture as (1, 3, height, width) levels, as the contract wants them."""
        contract, (height, width) = self.contract, self._size
        ordered = picture_rgb[..., ::-1] if contract.is_bgr else picture_rgb
        resized = cv2.resize(np.ascontiguousarray(ordered), (width, height))
        levels: NDArray[Any] = resized.transpose(2, 0, 1)[None].astype(self._dtype)
        if contract.scale != 1.0:
            levels = (levels - contract.mean) / contract.scale
        return levels


def _read_model(file: Path) -> ov.Model:
    """Read a network. Raises UserError: the file does not exist, or is no network."""
    if not file.is_file():
        raise user_error(f"--detector {file}", "there is no such file", _FILES)
    try:
        return openvino_core().read_model(file)
    except RuntimeError:
        found = "is not a readable OpenVINO model"
        raise user_error(f"--detector {file}", found, _FILES) from None


def _compiled(model: ov.Model, device: str, num_threads: int | None) -> ov.CompiledModel:
    """Compile a network for a device. Raises UserError: it does not run there."""
    settings: dict[str, int | str | bool] = {}
    if device == "CPU":
        settings["INFERENCE_PRECISION_HINT"] = "f32"  # bf16 moves boxes
    if device == "CPU" and num_threads:
        settings["INFERENCE_NUM_THREADS"] = num_threads
        # Pinned threads of several processes would all share the first cores.
        settings["ENABLE_CPU_PINNING"] = False

    core = openvino_core()
    try:
        return core.compile_model(model, device, settings)
    except RuntimeError as error:
        found = f"cannot run the detector ({str(error).strip().splitlines()[-1]})"
        devices = ", ".join(core.available_devices)
        raise user_error(f"--device {device}", found, devices) from None


def _input_size(model: ov.Model, file: Path) -> tuple[int, int]:
    """Return height and width of the input. A batch of any size is set to 1.

    Raises UserError: the model has other inputs than one picture.
    """
    shapes = [node.partial_shape for node in model.inputs]
    if len(shapes) == 1 and shapes[0].rank.is_static and len(shapes[0]) == 4:
        batch, channels, height, width = (
            -1 if side.is_dynamic else int(side.get_length()) for side in shapes[0]
        )
        if batch in (1, -1) and channels == 3 and min(height, width) > 0:
            # One picture at a time.
            model.reshape([1, 3, height, width])
            return height, width

    found = f"its inputs are {', '.join(map(str, shapes))}"
    raise user_error(f"--detector {file}", found, "one of (1, 3, height, width)")


@functools.lru_cache(maxsize=1)
def loaded_detector(file: Path, device: str, num_threads: int | None) -> PersonDetector:
    """Return the detector, read once in each process."""
    return PersonDetector(file, device, num_threads)


def main_person(boxes: NDArray[np.float64], height: int, width: int) -> PersonBox | None:
    """Return the largest box of (N, 5) that is sure enough, None where that is small.

    >>> main_person(np.array([[0, 0, 9, 9, 0.05], [1, 1, 9, 9, 0.9], [0, 0, 2, 2, 1.0]]), 10, 10)
    PersonBox(x_min=1.0, y_min=1.0, x_max=9.0, y_max=9.0)
    """
    # Corners that are exchanged have no area.
    sure = boxes[boxes[:, 4] >= _MIN_CONFIDENCE]
    areas = np.maximum(0, sure[:, 2] - sure[:, 0]) * np.maximum(0, sure[:, 3] - sure[:, 1])

    if not len(areas) or areas.max() < _MIN_AREA_SHARE * height * width:
        return None
    return PersonBox(*sure[int(np.argmax(areas)), :4].tolist())


def global_box(boxes: Sequence[PersonBox]) -> PersonBox:
    """Return one box for a clip, from those of its frames (at least one).

    A single frame that is wrong does not decide.
    """
    table = np.array(boxes)
    first_corner = np.percentile(table[:, :2], 5.0, axis=0)
    last_corner = np.percentile(table[:, 2:], 95.0, axis=0)
    return PersonBox(*first_corner.tolist(), *last_corner.tolist())


def clip_box(detector: PersonDetector, frames_thwc_rgb: NDArray[np.uint8]) -> PersonBox | None:
    """Return the person's box over frames (T, H, W, 3) of a clip, None where no frame shows one."""
    height, width = frames_thwc_rgb.shape[1:3]
    found = [main_person(detector.boxes(frame), height, width) for frame in frames_thwc_rgb]
    boxes = [box for box in found if box is not None]
    return global_box(boxes) if boxes else None
