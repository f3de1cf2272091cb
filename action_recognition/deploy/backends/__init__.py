"""One interface to a trained model, whatever it runs in: PyTorch, ONNX Runtime or OpenVINO.

An engine is imported when a model asks for it: IR and ONNX files need neither PyTorch nor the other engine.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from action_recognition.deploy.backends.model_files import RECORD_FILE, check_against_record
from action_recognition.deploy.backends.protocol import (
    Backend,
    Hint,
    Pixels,
    Precision,
    Scores,
    network_input,
)
from action_recognition.deploy.backends.stateful import StatefulBackend
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.deploy.backends.onnx_runtime import OnnxBackend
    from action_recognition.deploy.backends.openvino_runtime import OpenVinoBackend
    from action_recognition.deploy.backends.pytorch import TorchBackend

__all__ = [
    "INPUT_NAME",
    "MODEL_SUFFIXES",
    "OUTPUT_NAME",
    "RECORD_FILE",
    "Backend",
    "Hint",
    "OnnxBackend",
    "OpenVinoBackend",
    "Pixels",
    "Precision",
    "Scores",
    "StatefulBackend",
    "TorchBackend",
    "check_against_record",
    "load_backend",
    "network_input",
]

INPUT_NAME: Final = "input"
OUTPUT_NAME: Final = "output"
MODEL_SUFFIXES: Final = (".pth", ".onnx", ".xml", ".bin")
_MODULE_OF: Final = {
    "TorchBackend": "pytorch",
    "OnnxBackend": "onnx_runtime",
    "OpenVinoBackend": "openvino_runtime",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def load_backend(
    path: Path,
    num_threads: int | None = None,
    precision: Precision = "f32",
    device: str = "CPU",
    hint: Hint = "latency",
    metadata: DeployMetadata | None = None,
) -> Backend:
    """Open a model by its suffix: `.pth` of ours, `.onnx`, `.xml` or its `.bin`; `num_threads` None is the engine's choice.

    `precision="default"` lets OpenVINO compute as it likes (bf16 on CPUs that have it); the others compute in f32.
    `device` and `hint` are OpenVINO's; the others run on the CPU. `metadata` replace those of an ONNX file or IR, for one without.
    Errors: a missing, damaged or foreign file; one without metadata; metadata that do not fit the network; a device that is not there.
    """
    if path.suffix not in MODEL_SUFFIXES:
        raise user_error(
            str(path), f"the suffix {path.suffix!r} says no model", ", ".join(MODEL_SUFFIXES)
        )
    path = path.with_suffix(".xml") if path.suffix == ".bin" else path
    if not path.is_file():
        raise user_error(
            str(path),
            "there is no such model file",
            fix="export.py writes model.xml, model.bin and model.onnx",
        )
    if path.suffix == ".xml":
        check_against_record(path)
        from action_recognition.deploy.backends.openvino_runtime import OpenVinoBackend
        from action_recognition.deploy.backends.openvino_stateful import ir_keeps_state, stateful_ir

        if metadata is None and ir_keeps_state(path):
            return stateful_ir(path, num_threads, precision, device, hint)
        return OpenVinoBackend(path, num_threads, precision, device, hint, metadata)
    if device not in ("CPU", "AUTO"):
        raise user_error(
            "device",
            f"{device!r} is not there for {path.suffix} files",
            "CPU",
            "for other devices take the .xml file",
        )
    if path.suffix == ".onnx":
        return _load_onnx(path, num_threads, metadata)
    if metadata is not None:
        raise ValueError("metadata are for files that carry none; a .pth of ours has its own")
    return _load_torch(path, num_threads)


def _load_onnx(path: Path, num_threads: int | None, metadata: DeployMetadata | None) -> Backend:
    check_against_record(path)
    from action_recognition.deploy.backends.onnx_runtime import OnnxBackend
    from action_recognition.deploy.backends.onnx_stateful import onnx_has_states, stateful_onnx

    if metadata is None and onnx_has_states(path):
        return stateful_onnx(path, num_threads)
    return OnnxBackend(path, num_threads, metadata)


def _load_torch(path: Path, num_threads: int | None) -> Backend:
    if importlib.util.find_spec("torch") is None:
        fix = "install the training packages too (init_venv.sh, or pip install -e .[train]), or take the .xml or .onnx that export.py writes"
        raise user_error(str(path), "needs PyTorch, which is not installed here", fix=fix)
    from action_recognition.deploy.backends.pytorch import open_checkpoint

    return open_checkpoint(path, num_threads)
