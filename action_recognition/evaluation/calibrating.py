"""`calibrate.py`: score validation clips and negatives, fit, draw, and put the result where the model is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.checkpoint import save_calibration
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.clip_table import MediaPath
from action_recognition.data.labels import training_labels
from action_recognition.data.people import people_by_regex
from action_recognition.data.shard_path import ShardPath
from action_recognition.deploy.backends import Backend, load_backend
from action_recognition.deploy.calibration.fit import (
    CalibrationFit,
    CalibrationRules,
    ScoredVal,
    fit_calibration,
)
from action_recognition.deploy.calibration.measures import (
    Floats,
    Labels,
    confidence_and_hits,
    reliability_bins,
)
from action_recognition.deploy.calibration.rejection import risk_coverage
from action_recognition.errors import user_error
from action_recognition.evaluation.evaluate_clips import check_class_list, score_clips
from action_recognition.export.calibrated_files import write_into_export
from action_recognition.plots import draw_reliability_diagram, draw_risk_coverage

RESULT_FILE = "calibration.json"
RELIABILITY_FILE = "reliability.png"
RISK_COVERAGE_FILE = "risk_coverage.png"


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions:
    """The flags of `calibrate.py`; `save_to` None is the folder of the weights."""

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
    """Fit on the validation clips, write the report and pictures, then the model's own file or files."""
    backend = load_backend(options.load_weights)
    labels = list(backend.metadata.labels)
    check_class_list(options.val_ann_files, options.val_data_roots, labels)
    val = read_annotations(options.val_ann_files, options.val_data_roots, labels)
    groups = clip_groups(val, options.val_data_roots, options.person_regex)
    negatives = _negative_records(backend, options)
    scored = score_clips(
        backend, val, options.num_workers, options.strict, "--val-ann-files", options.hand_detector
    )
    truth = np.array([record.label for record in scored.records])
    kept = np.array([groups[record.line] for record in scored.records])
    negative_cosines = None
    if negatives:
        flag = "--negative-ann-files"
        negative_cosines = score_clips(
            backend, negatives, options.num_workers, options.strict, flag, options.hand_detector
        ).scores
    fit = fit_calibration(
        ScoredVal(scored.scores, truth, kept),
        negative_cosines,
        rules_for(backend, options.false_alarm_rate),
    )
    folder = options.save_to or options.load_weights.parent
    folder.mkdir(parents=True, exist_ok=True)
    written = write_report(folder, fit, truth, backend.metadata.weights_sha256)
    for path in [*written, *_put_into_model(options.load_weights, fit)]:
        print(f"wrote {path}", flush=True)
    say_result(fit)
    return fit


def rules_for(backend: Backend, false_alarm_rate: float) -> CalibrationRules:
    """What the model's own metadata say of its labels and scores."""
    metadata = backend.metadata
    scale = metadata.score_scale if metadata.output_kind == "cosine" else 1.0
    return CalibrationRules(metadata.labels, scale, metadata.negative_label, false_alarm_rate)


def clip_groups(
    records: Sequence[ClipRecord], roots: Sequence[Path], person_regex: str | None
) -> dict[str, int]:
    """A number for who is in each clip, by its annotation line; without an expression every file is its own group."""
    names = {record.line: _below_root(record.path, roots) for record in records}
    people = (
        names
        if person_regex is None
        else {line: people_by_regex([name], person_regex)[name] for line, name in names.items()}
    )
    numbers = {person: number for number, person in enumerate(dict.fromkeys(people.values()))}
    return {line: numbers[person] for line, person in people.items()}


def write_report(
    folder: Path, fit: CalibrationFit, truth: Labels, weights_sha256: str
) -> list[Path]:
    """calibration.json and the two pictures, each before and after with every clip held out from its own fit."""
    document = fit.calibration.as_plain() | {"weights_sha256": weights_sha256}
    path = folder / RESULT_FILE
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    tables = {"before": fit.before, "fitted (held out)": fit.held_out}
    draw_reliability_diagram(
        folder / RELIABILITY_FILE, {name: _bins(table, truth) for name, table in tables.items()}
    )
    draw_risk_coverage(
        folder / RISK_COVERAGE_FILE, {name: _curve(table, truth) for name, table in tables.items()}
    )
    return [path, folder / RELIABILITY_FILE, folder / RISK_COVERAGE_FILE]


def say_result(fit: CalibrationFit) -> None:
    """The figures for people, and every sentence on what is not certain."""
    summary = fit.calibration.summary
    low, high = summary["temperature_interval"]
    fitted = summary["temperature_fitted"]
    print(
        f"temperature {fit.calibration.temperature:.3f}; fitted {fitted:.3f} (95 % interval {low:.3f} to {high:.3f})"
    )
    for name, table in (
        ("before", summary["validation"]["before"]),
        ("fitted, held out", summary["validation"]["after_held_out"]),
    ):
        chance = table["ece_by_chance"]
        print(
            f"  {name}: NLL {table['nll']:.3f}, Brier {table['brier']:.3f}, ECE {table['ece']:.3f} "
            f"(a perfectly calibrated model: {chance[0]:.3f} to {chance[1]:.3f})"
        )
    described, thresholds = summary["thresholds"], fit.calibration.thresholds
    limits = (
        f", thresholds of labels {min(thresholds.values()):.3f} to {max(thresholds.values()):.3f}"
        if thresholds
        else ""
    )
    print(
        f"  least spread of the cosines {fit.calibration.spread_threshold:.4f}{limits}, from {described['num_negatives']} clips "
        f"({described['source'].replace('_', ' ')}); {100 * (described['accepted_gestures'] or 0):.0f} % of validation gestures pass"
    )
    for note in fit.notes:
        print(f"note: {note}")


def _put_into_model(path: Path, fit: CalibrationFit) -> list[Path]:
    if path.suffix == ".pth":
        save_calibration(path, fit.calibration)
        return [path]
    return write_into_export(
        path.with_suffix(".xml") if path.suffix == ".bin" else path, fit.calibration
    )


def _negative_records(backend: Backend, options: CalibrateOptions) -> Sequence[ClipRecord]:
    """Clips of people who do other things; where they are annotated with the model's own labels, those of its negative label.

    Errors: all of them show gestures of the model.
    """
    if not options.negative_ann_files:
        return []
    files, roots = options.negative_ann_files, options.negative_data_roots
    names, _ = training_labels(files, None, (), roots)
    records = read_annotations(files, roots, names)
    metadata = backend.metadata
    if list(names) != list(metadata.labels):
        return records
    negative = [record for record in records if names[record.label] == metadata.negative_label]
    if not negative:
        raise user_error(
            "--negative-ann-files",
            "its clips are annotated with the model's own labels: they are its gestures",
            "clips of people who do other things"
            + (f", or of {metadata.negative_label!r}" if metadata.negative_label else ""),
        )
    return negative


def _below_root(path: MediaPath, roots: Sequence[Path]) -> str:
    if isinstance(path, ShardPath):
        return path.inner
    return next(
        (str(path.relative_to(root)) for root in roots if path.is_relative_to(root)), str(path)
    )


def _bins(probabilities: Floats, truth: Labels) -> tuple[list[float], list[float], list[int]]:
    bins = reliability_bins(*confidence_and_hits(probabilities, truth))
    return bins.confidence.tolist(), bins.accuracy.tolist(), bins.count.tolist()


def _curve(probabilities: Floats, truth: npt.NDArray[Any]) -> tuple[list[float], list[float]]:
    curve = risk_coverage(*confidence_and_hits(probabilities, truth))
    return curve.coverage.tolist(), curve.risk.tolist()
