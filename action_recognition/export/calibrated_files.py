"""A calibration in the metadata of exported files: all files of a folder and the sums in their record change together."""

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
from action_recognition.openvino_core import openvino_core

_MODEL_SUFFIXES = (".xml", ".onnx")


def write_into_export(path: Path, calibration: Calibration) -> list[Path]:
    """Put a calibration into the exported model `path` (.xml or .onnx) and the others that its folder's record names; what was written.

    Without a record it is that file alone. Networks stay as they are: the IR's .bin is the same, byte for byte.
    Errors: a file is damaged, or has other labels or weights than the calibration was made for.
    """
    folder, record = path.parent, read_record(path.parent)
    with staging_folder(folder) as staging:
        weights = {_write_one(model, staging, calibration) for model in _models(path, record)}
        if len(weights) > 1:
            raise user_error(
                str(folder),
                "holds models of different weights",
                "one export",
                "export again into a folder of its own",
            )
        _renew_model_api(path, record, staging, calibration)
        changed = None if record is None else record | {"calibration": calibration.as_plain()}
        return put_in_place(staging, folder, changed)


def _models(path: Path, record: dict[str, Any] | None) -> list[Path]:
    """The model files to change. Errors: one is not the file that the record names."""
    if record is None:
        return [path]
    named = [
        path.with_name(item["name"])
        for item in record["outputs"]
        if Path(item["name"]).suffix in _MODEL_SUFFIXES
    ]
    models = [
        item
        for item in named
        if item.parent == path.parent and item.is_file() and item.name != MODEL_API_FILE
    ]
    for model in models:
        check_against_record(model)
    return models if path in models else [*models, path]


def _write_one(path: Path, staging: Path, calibration: Calibration) -> str:
    """The file with other metadata in `staging`; the sum of the weights that it was made from."""
    write = _write_ir if path.suffix == ".xml" else _write_onnx
    return write(path, staging, calibration)


def _renew_model_api(
    path: Path, record: dict[str, Any] | None, staging: Path, calibration: Calibration
) -> None:
    """The form for Model API has the temperature in its graph: it is made again."""
    ir = path.with_name(IR_FILE)
    if (
        record is None
        or MODEL_API_FILE not in {item["name"] for item in record["outputs"]}
        or not ir.is_file()
    ):
        return
    metadata = _calibrated(ir, read_openvino(openvino_core().read_model(ir), str(ir)), calibration)
    write_model_api(ir, metadata, staging)


def _write_ir(path: Path, staging: Path, calibration: Calibration) -> str:
    import openvino

    model = openvino_core().read_model(path)
    metadata = _calibrated(path, read_openvino(model, str(path)), calibration)
    write_openvino(model, metadata)
    openvino.save_model(
        model, staging / path.name, compress_to_fp16=False
    )  # FP16 and INT8 weights stay as they are stored
    beside = (staging / path.name).with_suffix(".bin")
    if beside.read_bytes() != path.with_suffix(".bin").read_bytes():
        raise user_error(
            str(path),
            "is written with other weights by this version of OpenVINO",
            fix="export again, then calibrate",
        )
    beside.unlink()
    return metadata.weights_sha256


def _write_onnx(path: Path, staging: Path, calibration: Calibration) -> str:
    import onnx

    model = onnx.load(str(path))
    metadata = _calibrated(
        path,
        from_strings({item.key: item.value for item in model.metadata_props}, str(path)),
        calibration,
    )
    write_onnx(model, metadata)
    onnx.save(model, str(staging / path.name))
    return metadata.weights_sha256


def _calibrated(path: Path, metadata: DeployMetadata, calibration: Calibration) -> DeployMetadata:
    if metadata.labels != calibration.labels:
        raise user_error(
            str(path),
            "its labels are not those of the calibration",
            ", ".join(calibration.labels[:8]),
            "calibrate it itself",
        )
    return calibrated(metadata, calibration)
