"""From a training run's result to ONNX and OpenVINO IR, checked against PyTorch before anything is put in place.

Both formats come from one graph: torch.export -> ONNX -> IR. Each takes `input` (1, 3, T, H, W) float32 and gives `output` (1, C).
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnx
import openvino
import torch
from torch import nn

from action_recognition import __version__
from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends import (
    INPUT_NAME,
    OUTPUT_NAME,
    OpenVinoBackend,
    Pixels,
    Scores,
    TorchBackend,
    load_backend,
)
from action_recognition.deploy.backends.model_files import IR_FILE, ONNX_FILE
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.card import NOT_STATED
from action_recognition.deploy.delivery.folder import (
    CLASSES_FILE,
    IR_FP16_FILE,
    put_in_place,
    staging_folder,
)
from action_recognition.deploy.delivery.made_clips import NUM_PLAIN_CLIPS, made_clips
from action_recognition.deploy.delivery.model_api import is_expressible, write_model_api
from action_recognition.deploy.delivery.operation_names import settle_names
from action_recognition.deploy.delivery.timing import measure_latency, num_cores
from action_recognition.deploy.metadata import DeployMetadata, write_onnx, write_openvino
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.export.accuracy_checker import (
    ACCURACY_CHECKER_FILE,
    configuration,
    is_possible,
)
from action_recognition.export.graph import build_deploy_network, onnx_names, strip_exporter_notes
from action_recognition.export.stateful_export import (
    PROOF_FRAMES,
    STREAM_LIMIT,
    StatefulProof,
    check_frames_per_call,
    made_video,
    stateful_network,
    write_stateful,
)
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.template import CausalConfig

ONNX_OPSET: Final = 18
FP32_LIMIT: Final = 1e-3
FP16_LIMIT: Final = 1e-2
MANY_FRAMES_PER_S: Final = 12.0
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


@dataclass(frozen=True)
class ExportOptions:
    """What to write. `fp16` adds an IR whose weights are stored as FP16; `command` is recorded; what follows it stands in the model card.

    `stream_frames`: for each number a network that is fed so many frames a call; None is 4 for a causal network
    (1 at less than 12 frames a second), else none.
    """

    onnx: bool = True
    openvino: bool = True
    fp16: bool = False
    embed_normalization: bool = True
    color_order: Literal["RGB", "BGR"] = "RGB"
    check_clips: int = 6
    stream_frames: tuple[int, ...] | None = None
    command: str = ""
    evaluations: Sequence[Path] = ()
    intended_use: str = NOT_STATED
    data_licence: str = NOT_STATED
    weights_licence: str = NOT_STATED


@dataclass(frozen=True)
class Parity:
    """The largest difference of any cosine between an exported file and PyTorch, over the check clips."""

    file: str
    runs_as: str
    max_difference: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.max_difference <= self.limit  # False for NaN

    def __str__(self) -> str:
        return f"{self.file}: largest difference to PyTorch {self.max_difference:.2e} (limit {self.limit:g}; {self.runs_as})"


def export_model(
    trained: TrainedModel, folder: Path, options: ExportOptions, say: Callable[[str], None] = print
) -> list[Path]:
    """Write the chosen files into `folder` and return their paths.

    They are made and checked in a folder beside and then renamed: an interrupted or failed export changes nothing.
    Errors: a difference to PyTorch above the limit, a folder that cannot be written.
    """
    if options.fp16 and not options.openvino:
        raise user_error(
            "--fp16",
            "asks for an IR with FP16 weights while OpenVINO is switched off",
            fix="add --openvino or leave --fp16 out",
        )
    metadata = replace(
        from_trained(trained, trained.weights_sha256),
        color_order=options.color_order,
        normalization="embedded" if options.embed_normalization else "external",
        **_in_color_order(trained, options.color_order),
    )
    stream_frames = _stateful_frames(trained, metadata, options)
    with staging_folder(folder) as staging:
        limits = _write_models(trained, metadata, options, staging)
        clips = made_clips(metadata, options.check_clips)
        parities = _check(trained, clips, staging, limits, say)
        parities += _export_stateful(
            trained, metadata, clips, replace(options, stream_frames=stream_frames), staging, say
        )
        _refuse_failed(parities)
        if options.openvino and is_expressible(metadata):
            write_model_api(staging / IR_FILE, metadata, staging)
        (staging / CLASSES_FILE).write_text(
            json.dumps(list(metadata.labels), indent=1) + "\n", encoding="utf-8"
        )
        if is_possible(metadata):
            (staging / ACCURACY_CHECKER_FILE).write_text(configuration(metadata), encoding="utf-8")
        record = _record(trained, metadata, options, parities, _latency(staging))
        return put_in_place(staging, folder, record)


# --- the files ----------------------------------------------------------------------------------------------


def _in_color_order(trained: TrainedModel, color_order: str) -> dict[str, Any]:
    """Mean and scale in the order of the input's channels."""
    clip_input = trained.template.input
    step = -1 if color_order == "BGR" else 1
    return {
        "mean_values": tuple(clip_input.mean_values[::step]),
        "scale_values": tuple(clip_input.scale_values[::step]),
    }


def _write_models(
    trained: TrainedModel, metadata: DeployMetadata, options: ExportOptions, staging: Path
) -> dict[str, float]:
    """Write what the options name; the allowed difference by file name."""
    limits: dict[str, float] = {}
    onnx_path = staging / ONNX_FILE
    network = onnx_graph(build_deploy_network(trained, metadata), metadata.clip_shape)
    onnx.save(network, str(onnx_path))
    if options.openvino:
        model = _to_openvino(network, onnx_path, metadata)
        _save_ir(model, staging / IR_FILE, compress_to_fp16=False)
        limits[IR_FILE] = FP32_LIMIT
        if options.fp16:
            _save_ir(model, staging / IR_FP16_FILE, compress_to_fp16=True)
            limits[IR_FP16_FILE] = FP16_LIMIT
    onnx_path.unlink()
    if options.onnx:
        # Annotated after the conversion, which would copy the keys into the IR a second time.
        write_onnx(network, metadata)
        onnx.save(network, str(onnx_path))
        limits[ONNX_FILE] = FP32_LIMIT
    return limits


def onnx_graph(network: nn.Module, clip_shape: tuple[int, ...]) -> onnx.ModelProto:
    """A network in evaluation mode as a checked ONNX graph of one clip (1, *clip_shape) float32, without metadata."""
    program = torch.onnx.export(
        network,
        (torch.zeros((1, *clip_shape)),),
        dynamo=True,
        opset_version=ONNX_OPSET,
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    strip_exporter_notes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def openvino_network(
    trained: TrainedModel, metadata: DeployMetadata, folder: Path
) -> openvino.Model:
    """The FP32 network that `export_model` writes as model.xml, in memory; `folder` takes a file on the way."""
    graph, path = (
        onnx_graph(build_deploy_network(trained, metadata), metadata.clip_shape),
        folder / ONNX_FILE,
    )
    onnx.save(graph, str(path))
    model = _to_openvino(graph, path, metadata)
    path.unlink()
    return model


def _to_openvino(
    graph: onnx.ModelProto, onnx_path: Path, metadata: DeployMetadata
) -> openvino.Model:
    """The IR of a graph that lies in `onnx_path`."""
    model = openvino.convert_model(onnx_path)
    model.get_parameters()[0].set_layout(openvino.Layout("NCDHW"))
    write_openvino(model, metadata)
    settle_names(model, onnx_names(graph))
    return model


def _save_ir(model: openvino.Model, path: Path, *, compress_to_fp16: bool) -> None:
    try:
        openvino.save_model(model, path, compress_to_fp16=compress_to_fp16)
    except RuntimeError as error:
        raise user_error(
            str(path),
            f"could not be written ({str(error).splitlines()[-1].strip()})",
            fix="free space or name another folder",
        ) from None


# --- parity -------------------------------------------------------------------------------------------------


def _check(
    trained: TrainedModel,
    clips: Pixels,
    staging: Path,
    limits: dict[str, float],
    say: Callable[[str], None],
) -> list[Parity]:
    """Compare every file, read back from the disk, with the network that was trained (not with its exported form)."""
    expected = TorchBackend(trained).scores(clips)
    parities = []
    # A plain clip is far from all that a network was trained on, so that rounding its weights (not its computation) can move the
    # cosines by more than the limit: 0.08 with the original's reference weights, 0.002 on real clips. FP16 is not judged by it.
    pictures = slice(0, len(clips) - NUM_PLAIN_CLIPS)
    for name, limit in limits.items():
        judged = pictures if limit == FP16_LIMIT else slice(None)
        parities.append(_compare(staging / name, clips[judged], expected[judged], limit))
        say(str(parities[-1]))
        if name == IR_FILE:
            _say_own_precision(staging / name, clips[pictures], expected[pictures], say)
    return parities


def _refuse_failed(parities: list[Parity]) -> None:
    failed = [item for item in parities if not item.passed]
    if failed:
        raise UserError(
            Problem(
                item.file,
                f"differs from PyTorch by {item.max_difference:.2e}",
                f"at most {item.limit:g}",
                "nothing was put in place; report it",
            )
            for item in failed
        )


def _compare(path: Path, clips: Pixels, expected: Scores, limit: float) -> Parity:
    backend = load_backend(path)
    return Parity(
        path.name, backend.runs_as, float(np.abs(backend.scores(clips) - expected).max()), limit
    )


def _say_own_precision(
    path: Path, clips: Pixels, expected: Scores, say: Callable[[str], None]
) -> None:
    """What a consumer gets that sets nothing: on some CPUs OpenVINO computes in bf16 by itself."""
    backend = OpenVinoBackend(path, precision="default")
    difference = float(np.abs(backend.scores(clips) - expected).max())
    say(
        f"{path.name}: by itself OpenVINO computes in {backend.precision} on this CPU, largest difference then {difference:.2e}"
    )


def _stateful_frames(
    trained: TrainedModel, metadata: DeployMetadata, options: ExportOptions
) -> tuple[int, ...]:
    """What was asked for, or what suits the frame rate: a score should not wait for the rest of a slow call."""
    is_causal = isinstance(trained.model, CausalConfig)
    if options.stream_frames is None:
        return (4 if metadata.frame_rate_fps >= MANY_FRAMES_PER_S else 1,) if is_causal else ()
    if not is_causal:
        found = f"a network of type {trained.model.type} sees later frames: it cannot be fed call by call"
        raise user_error("--stream-frames", found, fix="leave it out, or train a causal template")
    check_frames_per_call(options.stream_frames, metadata.clip_len)
    return options.stream_frames


def _export_stateful(
    trained: TrainedModel,
    metadata: DeployMetadata,
    clips: Pixels,
    options: ExportOptions,
    staging: Path,
    say: Callable[[str], None],
) -> list[Parity]:
    """Write the step forms of a causal network into `staging` and hold them against its clip form."""
    numbers = options.stream_frames or ()
    proof = (
        StatefulProof(trained, made_video(clips[: len(clips) - NUM_PLAIN_CLIPS], PROOF_FRAMES))
        if numbers
        else None
    )
    parities = []
    for number in numbers:
        network, described = stateful_network(trained, metadata, number)
        for name in write_stateful(
            network, described, staging, as_onnx=options.onnx, as_openvino=options.openvino
        ):
            assert proof is not None
            found = proof.differences(staging / name)
            parities.append(Parity(name, found.runs_as, found.largest, STREAM_LIMIT))
            say(
                f"{parities[-1]}; {len(proof.video)} frames, after a reset, two streams side by side"
            )
    return parities


# --- the folder ---------------------------------------------------------------------------------------------


def _record(
    trained: TrainedModel,
    metadata: DeployMetadata,
    options: ExportOptions,
    parities: list[Parity],
    latency: list[dict[str, Any]],
) -> dict[str, Any]:
    """What was made from what: versions, command, measured differences and times, and what the model card says of the model."""
    return {
        "package_version": __version__,
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _RECORDED_PACKAGES},
        },
        "command": options.command,
        "options": {
            key: value for key, value in asdict(options).items() if key in _SHAPING_OPTIONS
        },
        "weights_sha256": trained.weights_sha256,
        "parity": [asdict(item) for item in parities],
        "latency": latency,
        "model": _model_facts(trained, metadata, options),
        "evaluations": [_checked_evaluation(item, trained) for item in options.evaluations],
    }


def _latency(staging: Path) -> list[dict[str, Any]]:
    """Of the FP32 IR with one thread and with all cores."""
    cores = num_cores()
    path = staging / IR_FILE
    return (
        [measure_latency(path, threads) for threads in sorted({1, cores})] if path.is_file() else []
    )


def _model_facts(
    trained: TrainedModel, metadata: DeployMetadata, options: ExportOptions
) -> dict[str, Any]:
    """What the card says beside what was measured."""
    side = metadata.resize.crop_size
    counted = count(
        build_recogniser(trained.model, len(trained.labels)), (metadata.clip_len, side, side)
    )
    record = trained.record
    kept = ("command", "git_commit", "seed", "started", "annotation_sha256", "packages")
    return {
        "template": metadata.template,
        "labels": list(metadata.labels),
        "input": metadata.model_input,
        "complexity_gflops": counted.complexity_gflops,
        "size_mp": counted.size_mp,
        "intended_use": options.intended_use,
        "training": {key: record[key] for key in kept if record.get(key) not in (None, "", {})},
        "licences": {
            "weights": options.weights_licence,
            "start_weights": dict(record.get("start_weights") or {}).get("licence", NOT_STATED),
            "data": options.data_licence,
        },
    }


def _checked_evaluation(path: Path, trained: TrainedModel) -> dict[str, Any]:
    """What eval.py measured. Errors: not its file; measured with other weights."""
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
        weights, labels = found["weights_sha256"], [row["label"] for row in found["per_class"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise user_error(
            str(path),
            "is no result of eval.py",
            "the evaluation.json that it writes",
            "run eval.py again",
        ) from None
    if weights != trained.weights_sha256 or labels != list(trained.labels):
        raise user_error(
            str(path),
            "was measured with other weights",
            trained.weights_sha256,
            "run eval.py with these weights",
        )
    return found
