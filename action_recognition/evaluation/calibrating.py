"""`calibrate.py`: fit a model's probabilities on validation clips and on negatives.

The fit is written as a report with two pictures, and into the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recognition.checkpoint import save_calibration
from action_recognition.console import say
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.labels import training_labels
from action_recognition.data.people import people_by_regex
from action_recognition.data.shards.path import ShardPath
from action_recognition.deploy.backends import Backend, load_backend
from action_recognition.deploy.calibration.fit import (
    CalibrationFit,
    CalibrationRules,
    ScoredVal,
    fit_calibration,
)
from action_recognition.errors import user_error
from action_recognition.evaluation.calibration_report import say_result, write_report
from action_recognition.evaluation.clip_scores import ScoredClips, check_class_list, score_clips
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


def calibrate(options: CalibrateOptions) -> CalibrationFit:
    """Fit on the validation clips, write the report and pictures, then the model's own files."""
    # The clips, before anything is scored: what is wrong with them is an error at once.
    backend = load_backend(options.load_weights)
    labels = list(backend.metadata.labels)
    check_class_list(options.val_ann_files, options.val_data_roots, labels)
    records = read_annotations(options.val_ann_files, options.val_data_roots, labels)
    groups = clip_groups(records, options.val_data_roots, options.person_regex)
    negatives = _negative_records(backend, options)

    # Scores of the clips that can be read, and the fit on them.
    scored = _score(backend, records, options, "--val-ann-files")
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


def clip_groups(
    records: Sequence[ClipRecord], roots: Sequence[Path], person_regex: str | None
) -> dict[str, int]:
    """Return a number for the person in each clip, by the clip's annotation line.

    Without an expression every file is its own group.
    """
    people = {record.line: _below_root(record.path, roots) for record in records}
    if person_regex is not None:
        people = {
            line: people_by_regex([name], person_regex)[name] for line, name in people.items()
        }

    # Numbers in the order in which the people come.
    numbers = {person: number for number, person in enumerate(dict.fromkeys(people.values()))}
    return {line: numbers[person] for line, person in people.items()}


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


def _below_root(path: MediaPath, roots: Sequence[Path]) -> str:
    """Return a clip's path below its data root, or the path within its shard."""
    if isinstance(path, ShardPath):
        return path.inner

    # The first root that holds the clip, or the whole path.
    below = (str(path.relative_to(root)) for root in roots if path.is_relative_to(root))
    return next(below, str(path))
