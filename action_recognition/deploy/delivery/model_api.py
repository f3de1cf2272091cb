"""A network for photos in the form that OpenVINO Model API's `ClassificationModel` takes: model_api.xml beside model.xml.

It is a file of its own because that wrapper reads `rt_info/model_info` under names that mean something else here (`model_type` is its
class, `mean_values` are subtracted again), takes one picture with four axes, and makes a softmax of what comes out. So this form has
the scale and the temperature inside, and says under Model API's names how a photo becomes its input; our own metadata lie beside these,
under `rt_info/action_recognition`. Weights are stored as FP16.

Source: github.com/open-edge-platform/model_api (earlier openvinotoolkit/model_api), python/model_api: models/model.py, image_model.py,
classification.py and types.py, adapters/openvino_adapter.py and utils.py, 2024.
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
    """Whether Model API can make the input: one photo, fitted into the square or cut from its centre, not beyond its edges."""
    short_side = metadata.resize.short_side
    return (
        metadata.clip_len == 1
        and metadata.stream is None
        and (short_side is None or metadata.resize.crop_size <= short_side)
    )


def write_model_api(ir: Path, metadata: DeployMetadata, folder: Path) -> Path:
    """Write the form of the exported `ir` with these metadata into `folder`; the path of its .xml."""
    import openvino

    target = folder / MODEL_API_FILE
    openvino.save_model(
        _single_picture(openvino_core().read_model(ir), metadata), target, compress_to_fp16=True
    )
    return target


def model_api_keys(metadata: DeployMetadata) -> dict[str, str]:
    """What Model API reads, in its spelling.

    `reverse_input_channels`: it takes pictures as OpenCV reads them, blue first. Lists are joined by blanks; True is spelt so.
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
        "output_raw_scores": "True",  # the probability of every label, beside the best one
    }
    if fitted:
        keys["pad_value"] = str(
            round(sum(metadata.mean_values) / 3)
        )  # it knows one value for all colours
    if metadata.normalization == "external":
        keys |= {name: to_strings(metadata)[name] for name in ("mean_values", "scale_values")}
    return keys


def _single_picture(model: openvino.Model, metadata: DeployMetadata) -> Any:
    """Pictures (1, 3, H, W) -> logits (1, C): the crop from the centre before, scale and temperature after the network."""
    import openvino
    from openvino import opset13

    known, (old,) = names_of(model), model.get_parameters()
    crop = metadata.resize.crop_size
    side = metadata.resize.short_side or crop
    picture = opset13.parameter([1, 3, side, side], np.float32, name="image")
    picture.output(0).set_names({"image"})
    picture.set_layout(openvino.Layout("NCHW"))
    cut, start = picture, (side - crop) // 2
    if side > crop:
        rows = (
            np.array([start, start]),
            np.array([start + crop] * 2),
            np.array([1, 1]),
            np.array([2, 3]),
        )
        cut = opset13.slice(
            picture, *(opset13.constant(values.astype(np.int64)) for values in rows)
        )
    clip = opset13.unsqueeze(cut, opset13.constant(np.int64(2)))
    for item in old.output(0).get_target_inputs():
        item.replace_source_output(clip.output(0))
    factor = (
        metadata.score_scale if metadata.output_kind == "cosine" else 1.0
    ) / metadata.temperature
    scores = model.outputs[0].get_node().input_value(0)
    logits = opset13.multiply(scores, opset13.constant(np.float32(factor)))
    logits.output(0).set_names({"logits"})
    found = openvino.Model([opset13.result(logits)], [picture], "classification")
    settle_names(found, {*known, "image"})
    for section, keys in ((SECTION, model_api_keys(metadata)), (OWN_SECTION, to_strings(metadata))):
        for key, text in keys.items():
            found.set_rt_info(text, [section, key])
    return found
