"""`compress.py`: an INT8 network beside the exported ones, with an accuracy gate over training and validation clips.

Quantise on training clips; measure what is lost on clips that the quantisation did not see, fold by fold; give the layers back to
floating point whose quantisation changes the scores most, until the loss is within the limit; write the network with as many given back.
With `qat_epochs` the same again from fine-tuned weights, each fold's without its clips. Networks for streams and the ONNX of networks for
photos go through the same gate (`compressing_forms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.checkpoint import load_trained_model
from action_recognition.compression.accuracy_gate import fold_of_clips
from action_recognition.compression.clip_store import store_clips
from action_recognition.compression.compress_forms import GateRun, compress_onnx, compress_stateful
from action_recognition.compression.compression_report import (
    Compression,
    holds,
    summary,
    write_tables,
)
from action_recognition.compression.gated_quantisation import GateClips, GateRules
from action_recognition.compression.network_kinds import ClipForm
from action_recognition.compression.qat import FineTuning
from action_recognition.compression.quantised_layers import quantised_layers
from action_recognition.compression.tuned_networks import fine_tuned_networks, tuned_form
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.delivery.folder import (
    IR_FP16_FILE,
    IR_INT8_FILE,
    put_in_place,
    read_record,
    staging_folder,
)
from action_recognition.deploy.delivery.operation_names import names_of, settle_names
from action_recognition.deploy.metadata import DeployMetadata, write_openvino
from action_recognition.errors import user_error
from action_recognition.evaluation.calibrating import CalibrateOptions, calibrate, clip_groups
from action_recognition.evaluation.clip_scores import check_class_list
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.openvino_core import openvino_core


@dataclass(frozen=True, kw_only=True)
class CompressOptions:
    """The flags of `compress.py`; `save_model_to` None is the folder of an IR, and `export` in the work dir for a checkpoint."""

    load_weights: Path
    train_ann_files: Sequence[Path]
    train_data_roots: Sequence[Path]
    val_ann_files: Sequence[Path]
    val_data_roots: Sequence[Path]
    save_model_to: Path | None = None
    max_drop: float = 1.0
    num_folds: int = 3
    calibration_clips: int = 128
    max_clips: int = 600
    person_regex: str | None = None
    calibrate: bool = True
    negative_ann_files: Sequence[Path] = ()
    negative_data_roots: Sequence[Path] = ()
    false_alarm_rate: float = 0.01
    num_workers: int = 2
    strict: bool = False
    hand_detector: Path | None = None
    seed: int = 0
    qat_epochs: int = 0
    command: str = "compress.py"


def compress(work_dir: Path, options: CompressOptions) -> Compression:
    """Export where needed, quantise, hold the gate, write model_int8.xml with its table, calibrate."""
    folder = _exported_folder(work_dir, options)
    backend = load_backend(folder / IR_FILE)
    metadata, original = backend.metadata, openvino_core().read_model(folder / IR_FILE)
    if quantised_layers(original):
        raise user_error(
            str(folder / IR_FILE),
            "is quantised already",
            "the IR that export.py wrote, in floating point",
        )
    with staging_folder(folder) as staging:
        clips = _read_clips(staging / "clips", metadata, options)
        gate = GateRun(
            clips, metadata, GateRules(options.max_drop, options.calibration_clips, options.seed)
        )
        compression, network = _within_gate(gate, original, staging, options)
        _write(staging, folder, network, original, metadata, compression)
        others = compress_stateful(gate, folder, staging) | compress_onnx(
            gate, folder, staging, compression
        )
        (staging / "clips").unlink()
        stale = [
            name for name in others if not (staging / name).is_file()
        ]  # what an earlier run left where the gate now refuses
        written = put_in_place(
            staging, folder, _with_result(folder, compression, others, options.command), stale
        )
    for path in written:
        print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB)", flush=True)
    for sentence in [
        *compression.facts["notes"],
        *(note for other in others.values() for note in other.facts["notes"]),
    ]:
        print(f"note: {sentence}", flush=True)
    if options.calibrate:
        _calibrate(folder, options)
    return compression


# --- what is compressed, and on which clips -----------------------------------------------------------------


def _exported_folder(work_dir: Path, options: CompressOptions) -> Path:
    """The folder of the FP32 IR; a checkpoint is exported unless that folder holds its export already."""
    path = options.load_weights
    if path.suffix in (".xml", ".bin"):
        if options.qat_epochs:
            raise user_error(
                "--qat-epochs",
                f"trains the weights of a checkpoint, and {path.name} holds none",
                "outputs/best.pth, say",
            )
        if path.stem != Path(IR_FILE).stem:
            raise user_error(
                str(path),
                "is not the FP32 IR of an exported folder",
                f"its {IR_FILE}, or a checkpoint of train.py",
            )
        if options.save_model_to not in (None, path.parent):
            raise user_error(
                "--save-model-to",
                "names another folder than that of the IR",
                str(path.parent),
                "leave it out",
            )
        return path.parent
    folder = options.save_model_to or work_dir / "export"
    trained = load_trained_model(path)
    record = read_record(folder)
    is_there = record is not None and record.get("weights_sha256") == trained.weights_sha256
    if is_there and all((folder / name).is_file() for name in (IR_FILE, IR_FP16_FILE)):
        print(f"{folder} holds the export of {path}")
        return folder
    print(f"exporting {path} into {folder}", flush=True)
    color_order = trained.template.output_format.openvino.input_format
    export_model(
        trained, folder, ExportOptions(fp16=True, color_order=color_order, command=options.command)
    )
    return folder


def _read_clips(file: Path, metadata: DeployMetadata, options: CompressOptions) -> GateClips:
    labels = list(metadata.labels)
    for files, roots in (
        (options.train_ann_files, options.train_data_roots),
        (options.val_ann_files, options.val_data_roots),
    ):
        check_class_list(files, roots, labels)
    train: Sequence[ClipRecord] = read_annotations(
        options.train_ann_files, options.train_data_roots, labels
    )
    val: Sequence[ClipRecord] = read_annotations(
        options.val_ann_files, options.val_data_roots, labels
    )
    groups = clip_groups(
        [*train, *val], [*options.train_data_roots, *options.val_data_roots], options.person_regex
    )
    train, val = (
        _at_most(train, max(1, options.max_clips - len(val)), options.seed),
        _at_most(val, options.max_clips, options.seed),
    )
    flags = "--train-ann-files, --val-ann-files"
    stored = store_clips(
        file,
        [*train, *val],
        metadata,
        options.num_workers,
        options.strict,
        flags,
        options.hand_detector,
    )
    val_lines = {record.line for record in val}
    is_val = np.array([record.line in val_lines for record in stored.records])
    fold = fold_of_clips(
        np.array([groups[record.line] for record in stored.records]),
        options.num_folds,
        options.seed,
    )
    return GateClips(stored, is_val, fold)


def _at_most(records: Sequence[ClipRecord], count: int, seed: int) -> Sequence[ClipRecord]:
    """That many of them, drawn with the seed, in their order."""
    if len(records) <= count:
        return records
    return [
        records[index]
        for index in sorted(np.random.default_rng(seed).permutation(len(records))[:count])
    ]


# --- the network of clips -----------------------------------------------------------------------------------


def _within_gate(
    gate: GateRun, original: Any, staging: Path, options: CompressOptions
) -> tuple[Compression, Any]:
    """Quantised as it is, and fine-tuned where that was asked for: then the better of the two."""
    found = gate.run(ClipForm(gate.metadata), original)
    if not options.qat_epochs:
        return found
    trained, tuning = (
        load_trained_model(options.load_weights),
        FineTuning(options.qat_epochs, seed=options.seed),
    )
    print(
        f"fine-tuning: {options.qat_epochs} epochs for each fold and for all training clips",
        flush=True,
    )
    tuned = gate.run(
        tuned_form(gate.metadata, tuning),
        original,
        fine_tuned_networks(trained, gate, tuning, staging),
    )
    kept = max(found, tuned, key=lambda result: _merit(result[0], options.max_drop))
    written = "fine-tuned" if kept is tuned else "not fine-tuned"
    print(f"written: the network that was {written}", flush=True)
    facts = {
        "without_fine_tuning": summary(found[0]),
        "fine_tuned": summary(tuned[0]),
        "written": written,
    }
    return replace(kept[0], facts={**kept[0].facts, **facts}), kept[1]


def _merit(compression: Compression, max_drop: float) -> tuple[bool, int, float]:
    """Holds the gate; with few layers in floating point; with the answers of FP32."""
    return (
        holds(compression, max_drop),
        -len(compression.given_back),
        compression.trials[-1][1].agreement,
    )


# --- files --------------------------------------------------------------------------------------------------


def _write(
    staging: Path,
    folder: Path,
    network: Any,
    original: Any,
    metadata: DeployMetadata,
    compression: Compression,
) -> None:
    """model_int8.xml, the table in two forms, and model_fp16.xml where the export left it out."""
    import openvino

    write_openvino(network, metadata)
    settle_names(network, names_of(original))
    openvino.save_model(network, staging / IR_INT8_FILE, compress_to_fp16=False)
    if not (folder / IR_FP16_FILE).is_file():
        openvino.save_model(
            openvino_core().read_model(folder / IR_FILE),
            staging / IR_FP16_FILE,
            compress_to_fp16=True,
        )
    write_tables(staging, compression)
    load_backend(staging / IR_INT8_FILE)


def _with_result(
    folder: Path, compression: Compression, others: Mapping[str, Compression], command: str
) -> dict[str, Any] | None:
    """The folder's record with the results of the gate."""
    record = read_record(folder)
    found = summary(compression) | {
        "command": command,
        "other_forms": {name: summary(other) for name, other in others.items()},
    }
    return None if record is None else record | {"compression": found}


def _calibrate(folder: Path, options: CompressOptions) -> None:
    """Temperature, spread and thresholds, fitted on the FP32 IR's scores, into every model of the folder."""
    print("calibrating", flush=True)
    calibrate(
        CalibrateOptions(
            load_weights=folder / IR_FILE,
            val_ann_files=options.val_ann_files,
            val_data_roots=options.val_data_roots,
            negative_ann_files=options.negative_ann_files,
            negative_data_roots=options.negative_data_roots,
            false_alarm_rate=options.false_alarm_rate,
            person_regex=options.person_regex,
            num_workers=options.num_workers,
            strict=options.strict,
            hand_detector=options.hand_detector,
        )
    )
