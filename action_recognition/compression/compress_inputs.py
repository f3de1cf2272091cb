"""The flags of `compress.py`, and the inputs that they name: the exported folder and the clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recognition.checkpoint import load_trained_model
from action_recognition.compression.accuracy_gate import fold_of_clips
from action_recognition.compression.clip_store import GateClips, store_clips
from action_recognition.console import say
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.delivery.folder import IR_FP16_FILE, read_record
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import user_error
from action_recognition.evaluation.clip_scores import check_class_list
from action_recognition.evaluation.held_out.clips_by_person import clip_groups
from action_recognition.export.export_model import ExportOptions, export_model


@dataclass(frozen=True, kw_only=True)
class CompressOptions:
    """The flags of `compress.py`.

    If `save_model_to` is None, it is the folder of an IR, and `export` in the work dir for a
    checkpoint.
    """

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


def export_folder(work_dir: Path, options: CompressOptions) -> Path:
    """Return the folder that holds the IR, or gets it."""
    if options.load_weights.suffix in (".xml", ".bin"):
        return options.load_weights.parent
    return options.save_model_to or work_dir / "export"


def exported_folder(work_dir: Path, options: CompressOptions) -> Path:
    """Return the folder of the FP32 IR.

    A checkpoint is exported first, unless the folder holds its export already.
    Raises UserError: the flags contradict the given file.
    """
    path, folder = options.load_weights, export_folder(work_dir, options)
    if path.suffix in (".xml", ".bin"):
        _check_ir_flags(path, options)
        return folder

    # The export is recognised by the sha256 of its checkpoint.
    trained = load_trained_model(path)
    if _holds_export(folder, trained.weights_sha256):
        say(f"{folder} holds the export of {path}")
        return folder

    say(f"exporting {path} into {folder}")
    color_order = trained.template.output_format.openvino.input_format
    export = ExportOptions(fp16=True, color_order=color_order, command=options.command)
    export_model(trained, folder, export)
    return folder


def _check_ir_flags(path: Path, options: CompressOptions) -> None:
    """Check that the flags suit the IR that they name."""
    if options.qat_epochs:
        found = f"trains the weights of a checkpoint, and {path.name} holds none"
        raise user_error("--qat-epochs", found, "outputs/best.pth, say")

    if path.stem != Path(IR_FILE).stem:
        allowed = f"its {IR_FILE}, or a checkpoint of train.py"
        raise user_error(str(path), "is not the FP32 IR of an exported folder", allowed)

    if options.save_model_to not in (None, path.parent):
        found = "names another folder than that of the IR"
        raise user_error("--save-model-to", found, str(path.parent), "leave it out")


def _holds_export(folder: Path, weights_sha256: str) -> bool:
    record = read_record(folder)
    same = record is not None and record.get("weights_sha256") == weights_sha256
    return same and all((folder / name).is_file() for name in (IR_FILE, IR_FP16_FILE))


def read_clips(file: Path, metadata: DeployMetadata, options: CompressOptions) -> GateClips:
    """Decode the training and validation clips of the gate into `file`, and draw their folds."""
    labels = list(metadata.labels)
    train_files = options.train_ann_files, options.train_data_roots
    val_files = options.val_ann_files, options.val_data_roots
    # Numbers in annotation files must mean the labels of the model.
    check_class_list(*train_files, labels)
    check_class_list(*val_files, labels)

    # Groups are those of all clips: folds keep a person's clips together.
    train, val = read_annotations(*train_files, labels), read_annotations(*val_files, labels)
    roots = [*options.train_data_roots, *options.val_data_roots]
    groups = clip_groups([*train, *val], roots, options.person_regex)

    # Training clips fill the places that validation clips leave, and at least one.
    num_train = max(1, options.max_clips - len(val))
    chosen_train = _at_most(train, num_train, options.seed)
    chosen_val = _at_most(val, options.max_clips, options.seed)
    stored = store_clips(
        file,
        [*chosen_train, *chosen_val],
        metadata,
        options.num_workers,
        options.strict,
        "--train-ann-files, --val-ann-files",
        options.hand_detector,
    )

    # Damaged clips are missing now, so the masks are made from the clips that are stored.
    lines = [record.line for record in stored.records]
    val_lines = {record.line for record in chosen_val}
    is_val = np.array([line in val_lines for line in lines])
    people = np.array([groups[line] for line in lines])
    return GateClips(stored, is_val, fold_of_clips(people, options.num_folds, options.seed))


def _at_most(records: Sequence[ClipRecord], count: int, seed: int) -> Sequence[ClipRecord]:
    """Return at most `count` records, drawn with the seed, in their order."""
    if len(records) <= count:
        return records
    drawn = np.random.default_rng(seed).permutation(len(records))[:count]
    return [records[index] for index in sorted(drawn)]
