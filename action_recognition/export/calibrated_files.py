"""Calibration of exported files, in their metadata.

All files of a folder and the sums in their record change together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from action_recognition.calibration_values import Calibration
from action_recognition.deploy.backends import check_against_record
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.delivery.folder import put_in_place, read_record, staging_folder
from action_recognition.deploy.delivery.model_api import MODEL_API_FILE, write_model_api
from action_recognition.deploy.metadata import (
    DeployMetadata,
    calibrated,
    from_strings,
    read_openvino,
    write_onnx,
    write_openvino,
)
from action_recognition.errors import user_error
from action_recognition.hands.network_names import HAND_IR, PALM_IR
from action_recognition.openvino_core import openvino_core

# Files of a model that carry metadata.
_MODEL_SUFFIXES = (".xml", ".onnx")


def write_into_export(path: Path, calibration: Calibration) -> list[Path]:
    """Put a calibration into the exported model `path` (.xml or .onnx). Returns the files written.

    The other models that the folder's record names get it too. Networks stay as they are: the IR's
    .bin is the same, byte for byte.
    Raises UserError: a file is damaged, or has other labels or weights than the calibration.
    """
    folder = path.parent
    with staging_folder(folder) as staging:
        record = read_record(folder)
        # Every file is made before the first is put in place.
        weights = {_write_one(model, staging, calibration) for model in _models(path, record)}
        if len(weights) > 1:
            found, fix = "holds models of different weights", "export again into a separate folder"
            raise user_error(str(folder), found, "one export", fix)

        _renew_model_api(path, record, staging, calibration)
        changed = None if record is None else record | {"calibration": calibration.as_plain()}
        return put_in_place(staging, folder, changed)


def _models(path: Path, record: dict[str, Any] | None) -> list[Path]:
    """Return the model files to change. Raises UserError: one is not that of the record."""
    if record is None:
        return [path]

    named = [path.parent / item["name"] for item in record["outputs"]]
    # A name with a folder in it belongs to another folder.
    models = [item for item in named if _is_changed(item) and item.parent == path.parent]
    for model in models:
        check_against_record(model)
    return models if path in models else [*models, path]


def _is_changed(path: Path) -> bool:
    """Return True for a model file that keeps its network. The form for Model API does not.

    The networks that find hands are no recognisers.
    """
    others = (MODEL_API_FILE, PALM_IR, HAND_IR)
    is_model = path.suffix in _MODEL_SUFFIXES and path.name not in others
    return is_model and path.is_file()


def _write_one(path: Path, staging: Path, calibration: Calibration) -> str:
    """Write the file with other metadata into `staging`. Returns the sum of its weights."""
    write = _write_ir if path.suffix == ".xml" else _write_onnx
    return write(path, staging, calibration)


def _renew_model_api(
    path: Path, record: dict[str, Any] | None, staging: Path, calibration: Calibration
) -> None:
    """Make the form for Model API again, which has the temperature in its graph."""
    ir = path.with_name(IR_FILE)
    names = set() if record is None else {item["name"] for item in record["outputs"]}
    if MODEL_API_FILE in names and ir.is_file():
        own = read_openvino(openvino_core().read_model(ir), str(ir))
        write_model_api(ir, _calibrated(ir, own, calibration), staging)


def _write_ir(path: Path, staging: Path, calibration: Calibration) -> str:
    import openvino

    model = openvino_core().read_model(path)
    metadata = _calibrated(path, read_openvino(model, str(path)), calibration)

    write_openvino(model, metadata)
    # Without compression FP16 and INT8 weights stay as they are stored.
    openvino.save_model(model, staging / path.name, compress_to_fp16=False)

    beside = (staging / path.name).with_suffix(".bin")
    if beside.read_bytes() != path.with_suffix(".bin").read_bytes():
        found = "is written with other weights by this version of OpenVINO"
        raise user_error(str(path), found, fix="export again, then calibrate")
    # The folder keeps its weights: only the .xml is put in place.
    beside.unlink()
    return metadata.weights_sha256


def _write_onnx(path: Path, staging: Path, calibration: Calibration) -> str:
    import onnx

    model = onnx.load(str(path))
    strings = {item.key: item.value for item in model.metadata_props}
    metadata = _calibrated(path, from_strings(strings, str(path)), calibration)
    write_onnx(model, metadata)
    onnx.save(model, str(staging / path.name))
    return metadata.weights_sha256


def _calibrated(path: Path, metadata: DeployMetadata, calibration: Calibration) -> DeployMetadata:
    """Return the metadata with the calibration. Raises UserError: it has other labels."""
    if metadata.labels != calibration.labels:
        found, allowed = "its labels are not those of the calibration", calibration.labels[:8]
        raise user_error(str(path), found, ", ".join(allowed), "calibrate it itself")
    return calibrated(metadata, calibration)
