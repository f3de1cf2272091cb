"""One interface to a trained model, whatever it runs in: PyTorch, ONNX Runtime or OpenVINO."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
import openvino
import torch

from action_recognition.checkpoint import TrainedModel, load_trained_model
from action_recognition.deploy.metadata import DeployMetadata, from_strings, from_trained, read_openvino
from action_recognition.errors import UserError, user_error
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Normalize

INPUT_NAME: Final = "input"
OUTPUT_NAME: Final = "output"
RECORD_FILE: Final = "export_record.json"
MODEL_SUFFIXES: Final = (".pth", ".onnx", ".xml", ".bin")

Precision = Literal["f32", "default"]
Pixels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


class Backend(Protocol):
    """A model that scores clips. `runs_as` says engine, precision and threads, for reports."""

    metadata: DeployMetadata
    runs_as: str

    def scores(self, clips: Pixels) -> Scores:
        """Clips (N, 3, T, H, W) uint8 RGB 0..255 -> (N, C) float32, the cosine of each label."""
        ...


def load_backend(path: Path, num_threads: int | None = None, precision: Precision = "f32") -> Backend:
    """Open a model by its suffix: `.pth` of ours, `.onnx`, `.xml` or its `.bin`; `num_threads` None is the engine's choice.

    `precision="default"` lets OpenVINO compute as it likes (bf16 on CPUs that have it); the others compute in f32.
    Errors: a missing, damaged or foreign file; one without metadata; metadata that does not fit the network.
    """
    if path.suffix not in MODEL_SUFFIXES:
        raise user_error(str(path), f"the suffix {path.suffix!r} says no model", ", ".join(MODEL_SUFFIXES))
    path = path.with_suffix(".xml") if path.suffix == ".bin" else path
    if not path.is_file():
        raise user_error(str(path), "there is no such model file", fix="export.py writes model.xml, model.bin and model.onnx")
    if path.suffix == ".pth":
        return TorchBackend(load_trained_model(path), num_threads)
    check_against_record(path)
    if path.suffix == ".onnx":
        return OnnxBackend(path, num_threads)
    return OpenVinoBackend(path, num_threads, precision)


class TorchBackend:
    """A training run's result in PyTorch, f32; sets the number of threads of the whole process."""

    def __init__(self, trained: TrainedModel, num_threads: int | None = None) -> None:
        self.metadata = from_trained(trained, trained.weights_sha256)
        self._network = build_recogniser(trained.model, len(trained.labels))
        self._network.load_state_dict(trained.state_dict)
        self._network.eval()
        self._normalize = Normalize(self.metadata.mean_values, self.metadata.scale_values)
        if num_threads is not None:
            torch.set_num_threads(num_threads)
        self.runs_as = f"PyTorch {torch.__version__}, f32, {torch.get_num_threads()} threads"

    def scores(self, clips: Pixels) -> Scores:
        _check_clips(clips, self.metadata)
        with torch.inference_mode():
            cosine = self._network(self._normalize(torch.from_numpy(np.ascontiguousarray(clips))))
        return np.asarray(cosine, np.float32)


class OnnxBackend:
    """An exported ONNX file in ONNX Runtime on the CPU, f32, one clip at a time."""

    def __init__(self, path: Path, num_threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no base class of their own
            raise _unreadable(path, error) from None
        self.metadata = from_strings(self._session.get_modelmeta().custom_metadata_map, str(path))
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        _check_shapes(path, self.metadata, [tuple(item.shape) for item in inputs], [tuple(item.shape) for item in outputs])
        self._input = inputs[0].name
        self.runs_as = f"ONNX Runtime {onnxruntime.__version__}, f32, {num_threads or 'all'} threads"

    def scores(self, clips: Pixels) -> Scores:
        return _one_by_one(clips, self.metadata, lambda clip: self._session.run(None, {self._input: clip})[0])


class OpenVinoBackend:
    """An exported IR in OpenVINO on the CPU, one clip at a time."""

    def __init__(self, path: Path, num_threads: int | None = None, precision: Precision = "f32") -> None:
        if not path.with_suffix(".bin").is_file():
            raise user_error(str(path.with_suffix(".bin")), "there is no such file; an IR is .xml and .bin together", fix="copy both")
        core = openvino.Core()
        try:
            model = core.read_model(path)
        except RuntimeError as error:
            raise _unreadable(path, error) from None
        self.metadata = read_openvino(model, str(path))
        _check_shapes(path, self.metadata, _static_shapes(model.inputs), _static_shapes(model.outputs))
        try:
            self._compiled = core.compile_model(model, "CPU", _openvino_settings(num_threads, precision))
        except RuntimeError as error:
            raise _unreadable(path, error) from None
        self._request = self._compiled.create_infer_request()
        threads = self._compiled.get_property("INFERENCE_NUM_THREADS")
        self.runs_as = f"OpenVINO {openvino.__version__.split('-')[0]}, {self.precision}, {threads} threads"

    @property
    def precision(self) -> str:
        """The precision that the CPU plugin computes in: `f32`, `bf16`, `f16`."""
        return str(self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())

    def scores(self, clips: Pixels) -> Scores:
        return _one_by_one(clips, self.metadata, lambda clip: self._request.infer({0: clip})[0])


def check_against_record(path: Path) -> None:
    """Compare a model's files with the sums that export.py wrote beside them: finds damage, and files of two exports mixed."""
    record_path = path.with_name(RECORD_FILE)
    if not record_path.is_file():
        return
    try:
        sums = {item["name"]: item["sha256"] for item in json.loads(record_path.read_text(encoding="utf-8"))["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise user_error(str(record_path), "is not readable as a record of an export", fix="export again") from None
    for file in (path, path.with_suffix(".bin")) if path.suffix == ".xml" else (path,):
        if file.is_file() and file.name in sums and hashlib.sha256(file.read_bytes()).hexdigest() != sums[file.name]:
            raise user_error(
                str(file), f"is not the file that {RECORD_FILE} beside it names: damaged, or of another export", fix="export or copy again"
            )


def _openvino_settings(num_threads: int | None, precision: Precision) -> dict[str, Any]:
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if num_threads is not None:
        settings["INFERENCE_NUM_THREADS"] = num_threads
    if precision == "f32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    return settings


def _one_by_one(clips: Pixels, metadata: DeployMetadata, infer: Callable[[npt.NDArray[np.float32]], Any]) -> Scores:
    """The exported graphs take one clip: a batch is a loop, no slower on a CPU."""
    _check_clips(clips, metadata)
    rows = [np.array(infer(network_input(clip[None], metadata)), np.float32)[0] for clip in clips]
    return np.stack(rows) if rows else np.zeros((0, len(metadata.labels)), np.float32)


def network_input(clips: Pixels, metadata: DeployMetadata) -> npt.NDArray[np.float32]:
    """Clips (N, 3, T, H, W) uint8 RGB -> what the exported graph takes: float32, its colour order, normalised if it does not do so."""
    ordered = clips[:, ::-1] if metadata.color_order == "BGR" else clips
    values = np.ascontiguousarray(ordered, np.float32)
    if metadata.normalization == "external":
        mean, scale = (np.array(part, np.float32).reshape(1, 3, 1, 1, 1) for part in (metadata.mean_values, metadata.scale_values))
        values = (values - mean) / scale
    return values


def _check_clips(clips: Pixels, metadata: DeployMetadata) -> None:
    """A wrong shape or type is a mistake of the calling code, not of the user."""
    if clips.ndim != 5 or clips.shape[1:] != metadata.clip_shape or clips.dtype != np.uint8:
        raise ValueError(f"clips {clips.shape} {clips.dtype}, expected (N, {', '.join(map(str, metadata.clip_shape))}) uint8")


def _static_shapes(ports: list[Any]) -> list[tuple[int | str, ...]]:
    return [tuple(size.get_length() if size.is_static else "?" for size in port.get_partial_shape()) for port in ports]


def _check_shapes(path: Path, metadata: DeployMetadata, inputs: list[tuple[int | str, ...]], outputs: list[tuple[int | str, ...]]) -> None:
    expected_input = (1, *metadata.clip_shape)
    if inputs != [expected_input]:
        raise user_error(str(path), f"takes {inputs}, its metadata say {expected_input}", fix="export the model again")
    expected_output = (1, len(metadata.labels))
    if outputs != [expected_output]:
        raise user_error(
            str(path), f"gives {outputs}, its metadata name {len(metadata.labels)} labels", str(expected_output), "export the model again"
        )


def _unreadable(path: Path, error: Exception) -> UserError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return user_error(str(path), f"is not a readable model ({reason[:200]})", fix="it is damaged or cut short; export or copy it again")
