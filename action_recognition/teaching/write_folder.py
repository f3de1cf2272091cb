"""Write what a model was taught into all files of its folder."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from action_recognition import console
from action_recognition.deploy.backends.model_files import ONNX_FILE, check_against_record
from action_recognition.deploy.delivery.folder import (
    CLASSES_FILE,
    IR_FP16_FILE,
    put_in_place,
    read_record,
    staging_folder,
)
from action_recognition.deploy.metadata import SECTION, DeployMetadata, write_onnx, write_openvino
from action_recognition.errors import user_error
from action_recognition.files import write_json
from action_recognition.openvino_core import openvino_core
from action_recognition.teaching.directions import (
    Directions,
    replace_ir_directions,
    replace_onnx_directions,
)
from action_recognition.teaching.prototypes import ThresholdFit
from action_recognition.teaching.taught_file import TAUGHT_FILE, Taught, write_taught
from action_recognition.teaching.teachable_model import TeachableModel

Say = Callable[[str], None]


def write_taught_model(
    model: TeachableModel, taught: Taught, say: Say = console.say
) -> dict[str, ThresholdFit]:
    """Put gestures into every form of the model, with the record, the card and the signature.

    Returns the threshold of each gesture. All files are made before the first is put in place.
    Raises UserError: a file that is damaged or cannot be changed.
    """
    began = time.perf_counter()
    folder = model.folder
    metadata, directions, fits = model.with_taught(taught)
    with staging_folder(folder) as staging:
        record = read_record(folder)
        for path in _irs(model):
            check_against_record(path)
            _write_ir(path, staging, metadata, directions)
        _write_onnx(folder / ONNX_FILE, staging, metadata, directions, say)
        write_json(staging / CLASSES_FILE, list(metadata.labels))
        write_taught(staging / TAUGHT_FILE, taught)
        put_in_place(staging, folder, None if record is None else _record(record, metadata))

    say(f"learned and written in {time.perf_counter() - began:.2f} s: {folder}")
    return dict(zip(taught.gestures, fits, strict=True))


def _irs(model: TeachableModel) -> list[Path]:
    fp16 = model.folder / IR_FP16_FILE
    return [model.path, *([fp16] if fp16.is_file() else [])]


def _write_ir(path: Path, staging: Path, metadata: DeployMetadata, directions: Directions) -> None:
    import openvino

    network = openvino_core().read_model(path)
    replace_ir_directions(network, directions, str(path))
    write_openvino(network, metadata)
    if not metadata.taught:
        # The file had the key before, and nothing removes one.
        network.set_rt_info("{}", [SECTION, "taught"])
    # Without compression FP16 weights stay as they are stored.
    openvino.save_model(network, staging / path.name, compress_to_fp16=False)


def _write_onnx(
    path: Path, staging: Path, metadata: DeployMetadata, directions: Directions, say: Say
) -> None:
    if not path.is_file():
        return
    check_against_record(path)
    if importlib.util.find_spec("onnx") is None:
        found = "can only be changed with the package onnx, which is not installed here"
        fix = f"install the training packages, or delete {path.name} from the folder"
        raise user_error(str(path), found, fix=fix)
    import onnx

    network = onnx.load(str(path))
    replace_onnx_directions(network, directions, str(path))
    write_onnx(network, metadata)
    onnx.save(network, str(staging / path.name))


def _record(record: dict[str, Any], metadata: DeployMetadata) -> dict[str, Any]:
    """Return the record with the labels and what was taught."""
    facts = record.get("model", {})
    changed = record | {"taught": dict(metadata.taught)}
    return changed | ({"model": facts | {"labels": list(metadata.labels)}} if facts else {})
