"""One interface to a trained model in PyTorch, ONNX Runtime or OpenVINO.

An engine is imported when a model asks for it. IR and ONNX files need neither PyTorch nor the
other engine.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from action_recognition.deploy.backends.model_files import (
    RECORD_FILE,
    check_against_record,
    model_in,
)
from action_recognition.deploy.backends.protocol import (
    Backend,
    Clips,
    Hint,
    Precision,
    Scores,
    network_input,
)
from action_recognition.deploy.backends.stateful import StatefulBackend
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error

if TYPE_CHECKING:
    from action_recognition.deploy.backends.onnx_runtime import OnnxBackend
    from action_recognition.deploy.backends.openvino_files import OpenVinoSettings
    from action_recognition.deploy.backends.openvino_runtime import OpenVinoBackend
    from action_recognition.deploy.backends.pytorch import TorchBackend

__all__ = [
    "INPUT_NAME",
    "MODEL_SUFFIXES",
    "OUTPUT_NAME",
    "RECORD_FILE",
    "Backend",
    "Clips",
    "Hint",
    "OnnxBackend",
    "OpenVinoBackend",
    "Precision",
    "Scores",
    "StatefulBackend",
    "TorchBackend",
    "check_against_record",
    "load_backend",
    "model_in",
    "network_input",
]

# Names of the input and the output in every exported file.
INPUT_NAME: Final = "input"
OUTPUT_NAME: Final = "output"
MODEL_SUFFIXES: Final = (".pth", ".onnx", ".xml", ".bin")
# Imported at the first use, so that a model needs no other engine than its own.
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
    """Open a model by its suffix: `.pth` of train.py, `.onnx`, `.xml` or its `.bin`.

    Of an exported folder it is `model.xml`, else `model.onnx`.

    Raises UserError: a missing, damaged or foreign file, one without metadata, metadata of another
    network, or a device that is not available.

    Args:
        path: the model file.
        num_threads: None leaves the choice to the engine.
        precision: `default` lets OpenVINO compute as it likes (bf16 on CPUs that have it).
            The other engines compute in f32.
        device: OpenVINO's name of a device. The other engines run on the CPU.
        hint: OpenVINO's, for one clip at a time or for several.
        metadata: those of an ONNX file or IR that carries none.

    """
    path = _checked_path(model_in(path))
    if path.suffix == ".xml":
        from action_recognition.deploy.backends.openvino_files import OpenVinoSettings

        settings = OpenVinoSettings(num_threads, precision, device, hint)
        return _load_openvino(path, settings, metadata)

    # The other engines run on the CPU alone, which AUTO may mean.
    if device not in ("CPU", "AUTO"):
        found = f"{device!r} is not available for {path.suffix} files"
        raise user_error("device", found, "CPU", "for other devices take the .xml file")
    if path.suffix == ".onnx":
        return _load_onnx(path, num_threads, metadata)
    # A checkpoint of train.py always carries its own.
    if metadata is not None:
        raise ValueError("metadata are for files that carry none; a .pth of train.py has its own")
    return _load_torch(path, num_threads)


def _checked_path(path: Path) -> Path:
    """Return the file to open: the .xml for a .bin. Raises UserError: no model file."""
    if path.suffix not in MODEL_SUFFIXES:
        found = f"the suffix {path.suffix!r} is not that of a model"
        raise user_error(str(path), found, ", ".join(MODEL_SUFFIXES))

    # An IR is opened by its .xml, whichever of its two files is named.
    path = path.with_suffix(".xml") if path.suffix == ".bin" else path
    if not path.is_file():
        fix = "export.py writes model.xml, model.bin and model.onnx"
        raise user_error(str(path), "there is no such model file", fix=fix)
    return path


def _load_openvino(
    path: Path, settings: OpenVinoSettings, metadata: DeployMetadata | None
) -> Backend:
    from action_recognition.deploy.backends.openvino_files import open_ir
    from action_recognition.deploy.backends.openvino_runtime import OpenVinoBackend
    from action_recognition.deploy.backends.openvino_stateful import stateful_ir

    opened = open_ir(path, settings, metadata)
    return (stateful_ir if opened.keeps_state else OpenVinoBackend)(opened, settings)


def _load_onnx(path: Path, num_threads: int | None, metadata: DeployMetadata | None) -> Backend:
    from action_recognition.deploy.backends.onnx_runtime import OnnxBackend, open_onnx
    from action_recognition.deploy.backends.onnx_stateful import stateful_onnx

    opened = open_onnx(path, num_threads, metadata)
    return (stateful_onnx if opened.keeps_state else OnnxBackend)(opened, num_threads)


def _load_torch(path: Path, num_threads: int | None) -> Backend:
    # The base installation has no PyTorch.
    if importlib.util.find_spec("torch") is None:
        fix = (
            "install the training packages too (init_venv.sh, or pip install -e .[train]), "
            "or take the .xml or .onnx that export.py writes"
        )
        raise user_error(str(path), "needs PyTorch, which is not installed here", fix=fix)

    from action_recognition.deploy.backends.pytorch import open_checkpoint

    return open_checkpoint(path, num_threads)
