"""`calibrate.py`: fit a model's probabilities on validation clips and on negatives.

The fit is written as a report with two pictures, and into the model itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recognition.checkpoint import save_calibration
from action_recognition.console import say
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.labels import training_labels
from action_recognition.deploy.backends import Backend, load_backend
from action_recognition.deploy.calibration.fit import (
    CalibrationFit,
    CalibrationRules,
    ScoredVal,
    fit_calibration,
)
from action_recognition.deploy.delivery.sole_writer import sole_writer
from action_recognition.errors import user_error
from action_recognition.evaluation.calibration_report import say_result, write_report
from action_recognition.evaluation.clip_scores import ScoredClips, check_class_list, score_clips
from action_recognition.evaluation.held_out.clips_by_person import clip_groups
from action_recognition.evaluation.held_out.fold_scores import score_folds
from action_recognition.export.calibrated_files import write_into_export


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions:
    """The flags of `calibrate.py`. Without `save_to` the folder of the weights is used."""

    load_weights: Path
    val_ann_files: Sequence[Path]
    val_data_roots: Sequence[Path]
    negative_ann_files: Sequence[Path] = ()
    negative_data_roots: Sequence[Path] = ()
    false_alarm_rate: float = 0.01
    person_regex: str | None = None
    save_to: Path | None = None
    num_workers: int = 2
    strict: bool = False
    hand_detector: Path | None = None
    folds: Path | None = None


def calibrate(options: CalibrateOptions) -> CalibrationFit:
    """Fit on the validation clips, write the report and pictures, then the model's own files.

    The folder of an exported model is held from the first look on. Raises UserError: another
    command writes there.
    """
    path = options.load_weights
    is_export = path.suffix != ".pth" and path.is_file()
    with sole_writer(path.parent) if is_export else contextlib.nullcontext():
        return _calibrate(options)


def _calibrate(options: CalibrateOptions) -> CalibrationFit:
    # The clips, before anything is scored: what is wrong with them is an error at once.
    backend = load_backend(options.load_weights)
    labels = list(backend.metadata.labels)
    negatives = _negative_records(backend, options)

    # Scores of the clips that can be read, and the fit on them.
    scored, roots = _validation(backend, options, labels)
    groups = clip_groups(scored.records, roots, options.person_regex)
    kept = np.array([groups[record.line] for record in scored.records])
    negative_cosines = None
    if negatives:
        negative_cosines = _score(backend, negatives, options, "--negative-ann-files").scores
    val = ScoredVal(scored.scores, scored.truth, kept)
    fit = fit_calibration(val, negative_cosines, rules_for(backend, options.false_alarm_rate))

    # The report, then the model itself.
    folder = options.save_to or options.load_weights.parent
    written = write_report(folder, fit, scored.truth, backend.metadata.weights_sha256)
    for path in [*written, *_put_into_model(options.load_weights, fit)]:
        say(f"wrote {path}")
    say_result(fit)
    return fit


def _validation(
    backend: Backend, options: CalibrateOptions, labels: list[str]
) -> tuple[ScoredClips, Sequence[Path]]:
    """Return the scores of validation clips, and their data roots.

    With folds, each clip is scored by the model of the fold that held it out.
    """
    if options.folds is not None:
        found = score_folds(
            options.folds, labels, options.num_workers, options.strict, options.hand_detector
        )
        return found.scored, found.data_roots
    check_class_list(options.val_ann_files, options.val_data_roots, labels)
    records = read_annotations(options.val_ann_files, options.val_data_roots, labels)
    # A wrong expression is an error before anything is scored.
    clip_groups(records, options.val_data_roots, options.person_regex)
    return _score(backend, records, options, "--val-ann-files"), options.val_data_roots


def _score(
    backend: Backend, records: Sequence[ClipRecord], options: CalibrateOptions, flag: str
) -> ScoredClips:
    workers, strict, detector = options.num_workers, options.strict, options.hand_detector
    return score_clips(backend, records, workers, strict, flag, detector)


def rules_for(backend: Backend, false_alarm_rate: float) -> CalibrationRules:
    """Return the rules that follow from the labels and scores in the model's own metadata."""
    # Only cosines are scaled before the softmax.
    metadata = backend.metadata
    scale = metadata.score_scale if metadata.output_kind == "cosine" else 1.0
    return CalibrationRules(metadata.labels, scale, metadata.negative_label, false_alarm_rate)


def _put_into_model(path: Path, fit: CalibrationFit) -> list[Path]:
    """Write the fit into a checkpoint or an exported model, and return the changed files."""
    if path.suffix == ".pth":
        save_calibration(path, fit.calibration)
        return [path]

    # The two files of an IR are one model.
    topology = path.with_suffix(".xml") if path.suffix == ".bin" else path
    return write_into_export(topology, fit.calibration)


def _negative_records(backend: Backend, options: CalibrateOptions) -> Sequence[ClipRecord]:
    """Return the clips of people who do other things.

    Where they are annotated with the model's own labels, those of its negative label are returned.
    Errors: all of them show gestures of the model.
    """
    if not options.negative_ann_files:
        return []

    # These clips have a list of labels that need not be the model's.
    files, roots = options.negative_ann_files, options.negative_data_roots
    names, _ = training_labels(files, None, (), roots)
    records = read_annotations(files, roots, names)
    own, negative_label = list(backend.metadata.labels), backend.metadata.negative_label
    if list(names) != own:
        return records

    negatives = [record for record in records if names[record.label] == negative_label]
    if not negatives:
        or_of = f", or of {negative_label!r}" if negative_label else ""
        raise user_error(
            "--negative-ann-files",
            "its clips are annotated with the model's own labels: they are its gestures",
            f"clips of people who do other things{or_of}",
        )
    return negatives
