"""Record of an export: versions, command, measured differences and times, facts for the card."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from action_recognition import __version__
from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.delivery.card import NOT_STATED
from action_recognition.deploy.delivery.timing import measure_latency, num_cores
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import UserError, user_error
from action_recognition.export.options import ExportOptions
from action_recognition.export.parity import Parity
from action_recognition.files import check_plain_file
from action_recognition.hands.network_names import SOURCE
from action_recognition.json_files import parse_json
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count

# Options that shape the files. The others are recorded elsewhere.
_SHAPING_OPTIONS: Final = (
    "onnx",
    "openvino",
    "fp16",
    "embed_normalization",
    "color_order",
    "check_clips",
    "stream_frames",
)
_RECORDED_PACKAGES: Final = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "numpy")
# Facts that a training run records about itself, as far as it did.
_TRAINING_FACTS: Final = (
    "command",
    "git_commit",
    "seed",
    "started",
    "annotation_sha256",
    "packages",
)


def make_record(
    trained: TrainedModel,
    metadata: DeployMetadata,
    options: ExportOptions,
    parities: Sequence[Parity],
    latency: Sequence[dict[str, Any]],
    evaluations: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return the record without the files: `put_in_place` adds those."""
    versions = {name: importlib.metadata.version(name) for name in _RECORDED_PACKAGES}
    chosen = {key: value for key, value in asdict(options).items() if key in _SHAPING_OPTIONS}

    return {
        "package_version": __version__,
        "versions": {"python": platform.python_version(), **versions},
        "command": options.command,
        "options": chosen,
        "weights_sha256": trained.weights_sha256,
        "parity": [asdict(item) for item in parities],
        "latency": list(latency),
        "model": _model_facts(trained, metadata, options),
        "evaluations": list(evaluations),
    }


def measured_latency(staging: Path) -> list[dict[str, Any]]:
    """Time the FP32 IR, if it was written, with one thread and with all cores."""
    path = staging / IR_FILE
    if not path.is_file():
        return []
    # One measurement where there is one core.
    return [measure_latency(path, threads) for threads in sorted({1, num_cores()})]


def _model_facts(
    trained: TrainedModel, metadata: DeployMetadata, options: ExportOptions
) -> dict[str, Any]:
    """Return the facts of the model card beside the measured ones."""
    network = build_recogniser(trained.model, len(trained.labels))
    counted = count(network, metadata.clip_shape)

    training = {key: trained.record.get(key) for key in _TRAINING_FACTS}
    start_weights = dict(trained.record.get("start_weights") or {})
    licences = {
        "weights": options.weights_licence,
        "start_weights": start_weights.get("licence", NOT_STATED),
        "data": options.data_licence,
    }
    # The networks that find hands are delivered beside the model.
    if metadata.landmarks is not None:
        licences["hand_networks"] = SOURCE
    return {
        "template": metadata.template,
        "labels": list(metadata.labels),
        "input": metadata.model_input,
        "complexity_gflops": counted.complexity_gflops,
        "size_mp": counted.size_mp,
        "intended_use": options.intended_use,
        "training": {key: value for key, value in training.items() if value not in (None, "", {})},
        "licences": licences,
    }


def is_of(path: Path, trained: TrainedModel) -> bool:
    """Return True for a file of eval.py that measured these weights."""
    try:
        checked_evaluation(path, trained)
    except UserError:
        return False
    return True


def checked_evaluation(path: Path, trained: TrainedModel) -> dict[str, Any]:
    """Return the content of a file of eval.py.

    Raises UserError: it is none, or was measured with other weights or labels.
    """
    check_plain_file(path)
    try:
        found = dict(parse_json(path.read_text(encoding="utf-8")))
        weights, labels = found["weights_sha256"], [row["label"] for row in found["per_class"]]
    except (OSError, ValueError, KeyError, TypeError):
        allowed = "the evaluation.json that it writes"
        raise user_error(
            str(path), "is not a result of eval.py", allowed, "run eval.py again"
        ) from None

    # The card would state the accuracy of another model.
    if weights != trained.weights_sha256 or labels != list(trained.labels):
        fix = "run eval.py with these weights"
        raise user_error(str(path), "was measured with other weights", trained.weights_sha256, fix)
    return found
