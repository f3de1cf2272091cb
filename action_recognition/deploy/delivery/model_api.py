"""model_api.xml: a network for photos in the form of OpenVINO Model API's `ClassificationModel`.

It is a separate file beside model.xml for three reasons. That class reads `rt_info/model_info`
under names that mean something else here: `model_type` is its class, and it subtracts
`mean_values` again. It takes one picture with four axes. It applies a softmax to the output. So
this form has the scale and the temperature inside and describes its input in Model API's names.
Our metadata are beside these, under `rt_info/action_recognition`. Weights are stored as FP16.

Source: github.com/open-edge-platform/model_api (earlier openvinotoolkit/model_api),
python/model_api: models/model.py, image_model.py, classification.py and types.py,
adapters/openvino_adapter.py and utils.py, 2024.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from action_recognition.deploy.delivery.operation_names import names_of, settle_names
from action_recognition.deploy.metadata import SECTION, DeployMetadata, to_strings
from action_recognition.openvino_core import openvino_core

if TYPE_CHECKING:
    import openvino

MODEL_API_FILE: Final = "model_api.xml"
OWN_SECTION: Final = "action_recognition"


def is_expressible(metadata: DeployMetadata) -> bool:
    """Return True if Model API can make the input.

    It takes one photo, fitted into the square or cut from its centre, not beyond its edges. It
    knows no landmarks.
    """
    short_side = metadata.resize.short_side
    return (
        metadata.clip_len == 1
        and metadata.stream is None
        and metadata.landmarks is None
        and (short_side is None or metadata.resize.crop_size <= short_side)
    )


def write_model_api(ir: Path, metadata: DeployMetadata, folder: Path) -> Path:
    """Write the form of the exported `ir` with these metadata into `folder`.

    Returns the path of its .xml.
    """
    import openvino

    target = folder / MODEL_API_FILE
    model = _single_picture(openvino_core().read_model(ir), metadata)
    openvino.save_model(model, target, compress_to_fp16=True)
    return target


def model_api_keys(metadata: DeployMetadata) -> dict[str, str]:
    """Return the keys that Model API reads, in its spelling.

    It takes pictures as OpenCV reads them, blue first: see `reverse_input_channels`.
    Lists are joined by blanks. Truth is spelt `True`.
    """
    fitted = metadata.resize.short_side is None
    keys = {
        "model_type": "Classification",
        "labels": to_strings(metadata)["labels"],
        "resize_type": "fit_to_window_letterbox" if fitted else "crop",
        "reverse_input_channels": str(metadata.color_order == "RGB"),
        "topk": "1",
        "multilabel": "False",
        "hierarchical": "False",
        # The probability of every label, beside the best one.
        "output_raw_scores": "True",
    }
    if fitted:
        # Model API knows one value for all colours.
        keys["pad_value"] = str(round(sum(metadata.mean_values) / 3))
    # Otherwise the network does it, and Model API would do it again.
    if metadata.normalization == "external":
        keys |= {name: to_strings(metadata)[name] for name in ("mean_values", "scale_values")}
    return keys


def _single_picture(model: openvino.Model, metadata: DeployMetadata) -> Any:
    """Put a form for pictures (1, 3, H, W) and logits (1, C) around a network for clips.

    The crop from the centre comes before the network, scale and temperature after it.
    """
    import openvino
    from openvino import opset13

    known, (old,) = names_of(model), model.get_parameters()
    side = metadata.resize.short_side or metadata.resize.crop_size
    # Model API resizes every photo to this side.
    picture = opset13.parameter([1, 3, side, side], np.float32, name="image")
    picture.output(0).set_names({"image"})
    picture.set_layout(openvino.Layout("NCHW"))

    # The clip of one frame takes the place of the old input.
    cut = _centre_crop(picture, side, metadata.resize.crop_size)
    clip = opset13.unsqueeze(cut, opset13.constant(np.int64(2)))
    for item in old.output(0).get_target_inputs():
        item.replace_source_output(clip.output(0))

    scores = model.outputs[0].get_node().input_value(0)
    logits = opset13.multiply(scores, opset13.constant(np.float32(_logit_factor(metadata))))
    # Model API computes its softmax from these.
    logits.output(0).set_names({"logits"})
    found = openvino.Model([opset13.result(logits)], [picture], "classification")
    settle_names(found, {*known, "image"})
    _write_keys(found, metadata)
    return found


def _centre_crop(picture: Any, side: int, crop: int) -> Any:
    """Cut the centre of a square picture (1, 3, side, side) in the graph, if it is larger."""
    from openvino import opset13

    if side <= crop:
        return picture
    start = (side - crop) // 2
    # Start, stop, step and axes of rows and columns.
    bounds = ([start, start], [start + crop] * 2, [1, 1], [2, 3])
    return opset13.slice(
        picture, *(opset13.constant(np.array(values, np.int64)) for values in bounds)
    )


def _logit_factor(metadata: DeployMetadata) -> float:
    """Return the factor between a score of the network and the logit of a probability."""
    scale = metadata.score_scale if metadata.output_kind == "cosine" else 1.0
    return scale / metadata.temperature


def _write_keys(model: Any, metadata: DeployMetadata) -> None:
    """Write Model API's keys into its section and ours into another."""
    for section, keys in ((SECTION, model_api_keys(metadata)), (OWN_SECTION, to_strings(metadata))):
        for key, text in keys.items():
            model.set_rt_info(text, [section, key])
