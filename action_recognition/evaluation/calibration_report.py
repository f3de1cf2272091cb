"""The report on a calibration: calibration.json, two pictures, and lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from action_recognition.console import say
from action_recognition.deploy.calibration.fit import CalibrationFit
from action_recognition.deploy.calibration.measures import (
    Floats,
    Labels,
    confidence_and_hits,
    reliability_bins,
)
from action_recognition.deploy.calibration.rejection import risk_coverage
from action_recognition.files import write_json
from action_recognition.plots import draw_reliability_diagram, draw_risk_coverage

RESULT_FILE = "calibration.json"
RELIABILITY_FILE = "reliability.png"
RISK_COVERAGE_FILE = "risk_coverage.png"


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

    # Reliability and the cost of rejection, each with both curves in one picture.
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

    # The quality before and after, with what chance alone would give.
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
    # The range of the thresholds, where labels have their own.
    limits = ""
    if thresholds:
        lowest, highest = min(thresholds.values()), max(thresholds.values())
        limits = f", thresholds of labels {lowest:.3f} to {highest:.3f}"

    source = f"{described['num_negatives']} clips ({described['source'].replace('_', ' ')})"
    passing = f"{100 * (described['accepted_gestures'] or 0):.0f} % of validation gestures pass"
    spread = fit.calibration.spread_threshold
    say(f"  least spread of the cosines {spread:.4f}{limits}, from {source}; {passing}")


def _bins(probabilities: Floats, truth: Labels) -> tuple[list[float], list[float], list[int]]:
    """Return confidence, accuracy and count of each bin of a reliability diagram."""
    bins = reliability_bins(*confidence_and_hits(probabilities, truth))
    return bins.confidence.tolist(), bins.accuracy.tolist(), bins.count.tolist()


def _curve(probabilities: Floats, truth: Labels) -> tuple[list[float], list[float]]:
    """Return coverage and risk along a risk-coverage curve."""
    curve = risk_coverage(*confidence_and_hits(probabilities, truth))
    return curve.coverage.tolist(), curve.risk.tolist()
