"""Fit of a calibration to tables of cosines, with figures of its quality. Uses no files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.calibration_values import Calibration
from action_recognition.deploy.calibration.fit_rejection import fit_rejection
from action_recognition.deploy.calibration.measures import (
    Floats,
    Labels,
    bootstrap_interval,
    brier_scores,
    calibration_error_by_chance,
    confidence_and_hits,
    expected_calibration_error,
    log_losses,
    softmax,
)
from action_recognition.deploy.calibration.rejection import risk_coverage
from action_recognition.deploy.calibration.scored_clips import (
    CalibrationRules,
    ScoredVal,
    as_array,
)
from action_recognition.deploy.calibration.temperature import (
    TemperatureFit,
    cross_validated,
    fit_temperature,
    temperature_statistic,
)

__all__ = [
    "CalibrationFit",
    "CalibrationRules",
    "ScoredVal",
    "as_array",
    "fit_calibration",
    "measures",
]

# Each resample of the temperature needs a fit, so there are fewer than of other measures.
_RESAMPLED_FITS = 200
# With fewer people than this, a note says that the intervals are too narrow.
_FEW_GROUPS = 10


@dataclass(frozen=True)
class CalibrationFit:
    """A calibration, and validation probabilities (N, C) before it and after it.

    For the latter each clip is held out from its fit.
    `notes` are the sentences that say what is not certain.
    """

    calibration: Calibration
    before: Floats
    held_out: Floats
    notes: list[str] = field(default_factory=list)


def fit_calibration(
    val: ScoredVal, negative_cosines: npt.NDArray[np.floating] | None, rules: CalibrationRules
) -> CalibrationFit:
    """Fit the temperature and the rejection to validation clips and negatives' cosines (M, C).

    A temperature other than 1 is taken if it certainly lowers the NLL of clips that were held out.
    `fit_rejection` chooses the least spread and the thresholds.
    """
    notes: list[str] = []
    logits = np.asarray(val.cosines, np.float64) * rules.logit_scale

    # The temperature, judged by clips that were held out.
    fitted = fit_temperature(logits, val.labels)
    before, held_out = softmax(logits), _held_out(logits, val, rules, notes)
    if not fitted.determined:
        notes.append(
            "the clips do not determine the temperature (all are right, or none): "
            "it stays 1, as trained; more or harder clips do"
        )
    validation = _validation(before, held_out, val, rules, notes)
    temperature = fitted.temperature if validation["nll_change_interval"][1] < 0 else 1.0

    # The rejection works on probabilities at that temperature.
    factor = rules.logit_scale / temperature
    rejection, described = fit_rejection(val, negative_cosines, factor, rules, notes)

    summary = {
        **_fitted_temperature(fitted, logits, val, rules),
        "logit_scale": rules.logit_scale,
        "validation": validation,
        "thresholds": described,
        "notes": notes,
    }
    thresholds = rejection.by_label(rules.labels)
    calibration = Calibration(
        rules.labels, temperature, thresholds, rejection.least_spread, summary
    )
    return CalibrationFit(calibration, before, held_out, notes)


def measures(
    probabilities: Floats, labels: Labels, groups: npt.NDArray[np.integer]
) -> dict[str, Any]:
    """Return NLL, Brier score and ECE with 95 % bootstrap intervals over groups.

    `ece_by_chance` is the ECE that a perfectly calibrated model shows at this number of clips.
    """
    losses, scores = log_losses(probabilities, labels), brier_scores(probabilities, labels)
    confidence, hits = confidence_and_hits(probabilities, labels)

    return {
        "nll": float(losses.mean()),
        "nll_interval": list(bootstrap_interval(lambda rows: float(losses[rows].mean()), groups)),
        "brier": float(scores.mean()),
        "brier_interval": list(bootstrap_interval(lambda rows: float(scores[rows].mean()), groups)),
        "ece": expected_calibration_error(confidence, hits),
        # Few clips have an error even if every probability is right.
        "ece_by_chance": list(calibration_error_by_chance(confidence)),
        "risk_coverage_area": risk_coverage(confidence, hits).area,
    }


def _held_out(logits: Floats, val: ScoredVal, rules: CalibrationRules, notes: list[str]) -> Floats:
    """Return probabilities (N, C), each clip under a temperature of clips of other people."""
    # Clips of one person are alike, so a person is never in two folds.
    groups = val.groups
    if len(np.unique(groups)) < 2:
        notes.append(
            "all clips are of one person: the figures after calibration are "
            "cross-validated by clip, and promise too much"
        )
        groups = np.arange(len(groups))

    if len(groups) < 2:
        notes.append("one clip: nothing could be held out")
        return softmax(logits / fit_temperature(logits, val.labels).temperature)
    return cross_validated(logits, val.labels, groups, rules.num_folds, rules.seed)


def _fitted_temperature(
    fitted: TemperatureFit, logits: Floats, val: ScoredVal, rules: CalibrationRules
) -> dict[str, Any]:
    """Return the fitted temperature, taken or not, with its interval over groups."""
    statistic = temperature_statistic(logits, val.labels)
    interval = bootstrap_interval(statistic, val.groups, rules.seed, _RESAMPLED_FITS)
    return {"temperature_fitted": fitted.temperature, "temperature_interval": list(interval)}


def _validation(
    before: Floats, held_out: Floats, val: ScoredVal, rules: CalibrationRules, notes: list[str]
) -> dict[str, Any]:
    """Return measures before and after, and the paired difference of the NLL.

    The interval of the difference tells whether the gain is certain.
    """
    # Below 0 for a clip whose NLL the temperature lowers.
    gain = log_losses(held_out, val.labels) - log_losses(before, val.labels)
    num_groups = len(np.unique(val.groups))
    # A single person cannot be resampled: then every clip is its own group.
    groups = val.groups if num_groups > 1 else np.arange(len(gain))
    interval = bootstrap_interval(lambda rows: float(gain[rows].mean()), groups, rules.seed)

    if not interval[1] < 0:
        notes.append(
            f"{len(gain)} clips are too few for a temperature, or the model needs none: "
            f"it stays 1. The NLL of held-out clips would change by {gain.mean():+.3f} "
            f"(95 % interval {interval[0]:+.3f} to {interval[1]:+.3f})"
        )
    if num_groups < _FEW_GROUPS:
        notes.append(
            f"{num_groups} people (clips, where people are not named) are too few to resample: "
            "the intervals given are too narrow"
        )
    return {
        "num_clips": len(gain),
        "num_groups": num_groups,
        "before": measures(before, val.labels, val.groups),
        "after_held_out": measures(held_out, val.labels, val.groups),
        "nll_change": float(gain.mean()),
        "nll_change_interval": list(interval),
    }
