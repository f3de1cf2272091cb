"""Conversion of a trained network for clips: torch.export -> ONNX -> IR, all from one graph."""

from __future__ import annotations

from pathlib import Path

import onnx
import openvino
import torch
from torch import nn

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import INPUT_NAME, OUTPUT_NAME
from action_recognition.deploy.backends.model_files import IR_FILE, ONNX_FILE
from action_recognition.deploy.delivery.folder import IR_FP16_FILE
from action_recognition.deploy.delivery.operation_names import settle_names
from action_recognition.deploy.metadata import DeployMetadata, write_onnx, write_openvino
from action_recognition.errors import user_error
from action_recognition.export.graph import build_deploy_network, checked_graph, onnx_names
from action_recognition.export.options import ExportOptions


def write_models(
    trained: TrainedModel, metadata: DeployMetadata, options: ExportOptions, staging: Path
) -> list[str]:
    """Write the files that the options name into `staging`, and return the models' names."""
    names: list[str] = []
    onnx_path = staging / ONNX_FILE
    graph = onnx_graph(build_deploy_network(trained, metadata), metadata.clip_shape)
    # OpenVINO converts from a file, which is removed again.
    onnx.save(graph, str(onnx_path))

    if options.openvino:
        model = _to_openvino(graph, onnx_path, metadata)
        _save_ir(model, staging / IR_FILE, compress_to_fp16=False)
        names.append(IR_FILE)
        if options.fp16:
            _save_ir(model, staging / IR_FP16_FILE, compress_to_fp16=True)
            names.append(IR_FP16_FILE)
    onnx_path.unlink()

    if options.onnx:
        # Annotated after the conversion, which would copy the keys into the IR a second time.
        write_onnx(graph, metadata)
        onnx.save(graph, str(onnx_path))
        names.append(ONNX_FILE)
    return names


def onnx_graph(network: nn.Module, clip_shape: tuple[int, ...]) -> onnx.ModelProto:
    """Convert a network in evaluation mode to a checked ONNX graph without metadata.

    It takes one clip (1, *clip_shape) float32.
    """
    clip = torch.zeros((1, *clip_shape))
    return checked_graph(network, (clip,), [INPUT_NAME], [OUTPUT_NAME])


def openvino_network(
    trained: TrainedModel, metadata: DeployMetadata, folder: Path
) -> openvino.Model:
    """Return the FP32 network that `export_model` writes as model.xml.

    `folder` holds a file on the way.
    """
    path = folder / ONNX_FILE
    graph = onnx_graph(build_deploy_network(trained, metadata), metadata.clip_shape)

    onnx.save(graph, str(path))
    model = _to_openvino(graph, path, metadata)
    path.unlink()
    return model


def _to_openvino(
    graph: onnx.ModelProto, onnx_path: Path, metadata: DeployMetadata
) -> openvino.Model:
    """Return the IR of a graph that is stored in `onnx_path`."""
    model = openvino.convert_model(onnx_path)
    model.get_parameters()[0].set_layout(openvino.Layout("NCDHW"))
    write_openvino(model, metadata)
    settle_names(model, onnx_names(graph))
    return model


def _save_ir(model: openvino.Model, path: Path, *, compress_to_fp16: bool) -> None:
    try:
        openvino.save_model(model, path, compress_to_fp16=compress_to_fp16)
    # OpenVINO's error for a full disk, for instance.
    except RuntimeError as error:
        found = f"could not be written ({str(error).splitlines()[-1].strip()})"
        raise user_error(str(path), found, fix="free space or name another folder") from None
