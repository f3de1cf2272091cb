"""`calibrate.py`: fit a model's probabilities on validation clips and on negatives.

The fit is written as a report with two pictures, and into the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
from action_recognition.deploy.calibration.measures import (
    Floats,
    Labels,
    confidence_and_hits,
    reliability_bins,
)
from action_recognition.deploy.calibration.rejection import risk_coverage
from action_recognition.errors import user_error
from action_recognition.evaluation.clip_scores import ScoredClips, check_class_list, score_clips
from action_recognition.export.calibrated_files import write_into_export
from action_recognition.files import write_json
from action_recognition.plots import draw_reliability_diagram, draw_risk_coverage

RESULT_FILE = "calibration.json"
RELIABILITY_FILE = "reliability.png"
RISK_COVERAGE_FILE = "risk_coverage.png"


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
    numbers = {person: number for number, person in enumerate(dict.fromkeys(people.values()))}
    return {line: numbers[person] for line, person in people.items()}


def write_report(
    folder: Path, fit: CalibrationFit, truth: Labels, weights_sha256: str
) -> list[Path]:
    """Write calibration.json and the two pictures, and return the three paths.

    The pictures show the model before the fit and after it, with every clip held out from its own
    fit.
    """
    names = (RESULT_FILE, RELIABILITY_FILE, RISK_COVERAGE_FILE)
    result, reliability, risk = (folder / name for name in names)
    write_json(result, fit.calibration.as_plain() | {"weights_sha256": weights_sha256})

    tables = {"before": fit.before, "fitted (held out)": fit.held_out}
    draw_reliability_diagram(reliability, {k: _bins(v, truth) for k, v in tables.items()})
    draw_risk_coverage(risk, {k: _curve(v, truth) for k, v in tables.items()})
    return [result, reliability, risk]


def say_result(fit: CalibrationFit) -> None:
    """Print the figures for people, and every sentence on what is not certain."""
    summary = fit.calibration.summary
    low, high = summary["temperature_interval"]
    fitted = summary["temperature_fitted"]
    say(
        f"temperature {fit.calibration.temperature:.3f}; "
        f"fitted {fitted:.3f} (95 % interval {low:.3f} to {high:.3f})"
    )

    _say_quality("before", summary["validation"]["before"])
    _say_quality("fitted, held out", summary["validation"]["after_held_out"])
    _say_thresholds(fit)
    for note in fit.notes:
        say(f"note: {note}")


def _say_quality(name: str, table: Mapping[str, Any]) -> None:
    low, high = table["ece_by_chance"]
    say(
        f"  {name}: NLL {table['nll']:.3f}, Brier {table['brier']:.3f}, ECE {table['ece']:.3f} "
        f"(a perfectly calibrated model: {low:.3f} to {high:.3f})"
    )


def _say_thresholds(fit: CalibrationFit) -> None:
    """Print the thresholds with their origin, and the share of gestures that pass them."""
    described, thresholds = fit.calibration.summary["thresholds"], fit.calibration.thresholds
    limits = ""
    if thresholds:
        lowest, highest = min(thresholds.values()), max(thresholds.values())
        limits = f", thresholds of labels {lowest:.3f} to {highest:.3f}"

    source = f"{described['num_negatives']} clips ({described['source'].replace('_', ' ')})"
    passing = f"{100 * (described['accepted_gestures'] or 0):.0f} % of validation gestures pass"
    spread = fit.calibration.spread_threshold
    say(f"  least spread of the cosines {spread:.4f}{limits}, from {source}; {passing}")


def _put_into_model(path: Path, fit: CalibrationFit) -> list[Path]:
    """Write the fit into a checkpoint or an exported model, and return the changed files."""
    if path.suffix == ".pth":
        save_calibration(path, fit.calibration)
        return [path]
    topology = path.with_suffix(".xml") if path.suffix == ".bin" else path
    return write_into_export(topology, fit.calibration)


def _negative_records(backend: Backend, options: CalibrateOptions) -> Sequence[ClipRecord]:
    """Return the clips of people who do other things.

    Where they are annotated with the model's own labels, those of its negative label are returned.
    Errors: all of them show gestures of the model.
    """
    if not options.negative_ann_files:
        return []
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
    below = (str(path.relative_to(root)) for root in roots if path.is_relative_to(root))
    return next(below, str(path))


def _bins(probabilities: Floats, truth: Labels) -> tuple[list[float], list[float], list[int]]:
    """Return confidence, accuracy and count of each bin of a reliability diagram."""
    bins = reliability_bins(*confidence_and_hits(probabilities, truth))
    return bins.confidence.tolist(), bins.accuracy.tolist(), bins.count.tolist()


def _curve(probabilities: Floats, truth: npt.NDArray[Any]) -> tuple[list[float], list[float]]:
    """Return coverage and risk along a risk-coverage curve."""
    curve = risk_coverage(*confidence_and_hits(probabilities, truth))
    return curve.coverage.tolist(), curve.risk.tolist()
