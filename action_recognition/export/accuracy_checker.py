"""Configuration for Open Model Zoo's accuracy checker.

That program reads the same annotation lines over folders of frames:

    accuracy_check -c export/accuracy-check.yml -m export -s DATA_ROOT

Source: open_model_zoo, tools/accuracy_checker: the converter `continuous_clip_action_recognition`
(it numbers frames from 1, as `img_00001.jpg`), and
models/intel/asl-recognition-0004/accuracy-check.yml.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.metadata import DeployMetadata

ACCURACY_CHECKER_FILE: Final = "accuracy-check.yml"


def is_possible(metadata: DeployMetadata) -> bool:
    """Return True if that program can prepare the frames of the model.

    It gives whole clips, pixels 0..255, and a crop within the scaled frame.
    """
    short_side = metadata.resize.short_side
    return (
        short_side is not None
        and metadata.resize.crop_size <= short_side
        and metadata.normalization == "embedded"
        and not metadata.crop
    )


def configuration(metadata: DeployMetadata) -> str:
    """Write the configuration as YAML.

    `test.txt` and the frames are below the folder that `-s` names.
    """
    model = {
        "name": metadata.template,
        "launchers": [_launcher()],
        "datasets": [_dataset(metadata)],
    }
    return str(yaml.safe_dump({"models": [model]}, sort_keys=False))


def _launcher() -> dict[str, Any]:
    return {
        "framework": "openvino",
        "device": "CPU",
        "adapter": "classification",
        "model": IR_FILE,
        "weights": IR_FILE.replace(".xml", ".bin"),
        # Batch, channels, frames, height, width.
        "inputs": [{"type": "INPUT", "name": "input", "layout": "NCDHW"}],
    }


def _dataset(metadata: DeployMetadata) -> dict[str, Any]:
    # Top-5 says nothing about fewer than 5 labels.
    ranks = [k for k in (1, 5) if k <= len(metadata.labels)]

    return {
        "name": "test",
        "data_source": ".",
        "annotation_conversion": _annotation_conversion(metadata),
        "preprocessing": _preprocessing(metadata),
        "metrics": [{"type": "accuracy", "name": f"rank@{k}", "top_k": k} for k in ranks],
    }


def _annotation_conversion(metadata: DeployMetadata) -> dict[str, Any]:
    return {
        "converter": "continuous_clip_action_recognition",
        "annotation_file": "test.txt",
        "data_dir": ".",
        "out_fps": metadata.frame_rate_fps,
        "clip_length": metadata.clip_len,
    }


def _preprocessing(metadata: DeployMetadata) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {"type": "resize", "size": metadata.resize.short_side, "aspect_ratio_scale": "greater"},
        {"type": "crop", "size": metadata.resize.crop_size},
    ]

    # The program reads frames as BGR.
    if metadata.color_order == "RGB":
        steps.append({"type": "bgr_to_rgb"})
    return steps
