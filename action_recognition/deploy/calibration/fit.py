"""From tables of cosines to a calibration and what may be said of it; reads and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.checkpoint import Calibration
from action_recognition.deploy.calibration.measures import (
    Flags,
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
from action_recognition.deploy.calibration.rejection import (
    accepted,
    false_alarms_at_recall,
    fit_thresholds,
    leave_one_class_out,
    risk_coverage,
)
from action_recognition.deploy.calibration.temperature import cross_validated, fit_temperature, temperature_statistic
from action_recognition.metrics import wilson_interval

RECALL = 0.95
_RESAMPLED_FITS = 200
_FEW_GROUPS = 10


@dataclass(frozen=True)
class ScoredVal:
    """Cosines (N, C) of validation clips, their labels (N,), and who is in each (N,): any number per person."""

    cosines: npt.NDArray[np.floating]
    labels: Labels
    groups: npt.NDArray[np.integer]


@dataclass(frozen=True)
class CalibrationRules:
    """How a calibration is fitted: `logit_scale` times a cosine is what training's softmax saw; `false_alarm_rate` in 0..1."""

    labels: tuple[str, ...]
    logit_scale: float
    negative_label: str | None = None
    false_alarm_rate: float = 0.01
    num_folds: int = 5
    seed: int = 0

    @property
    def negative(self) -> int | None:
        """The place of the negative label."""
        return None if self.negative_label is None else self.labels.index(self.negative_label)


@dataclass(frozen=True)
class CalibrationFit:
    """The calibration, and validation probabilities (N, C) before it and, each clip held out from its fit, after it."""

    calibration: Calibration
    before: Floats
    held_out: Floats
    notes: list[str] = field(default_factory=list)


def fit_calibration(val: ScoredVal, negative_cosines: npt.NDArray[np.floating] | None, rules: CalibrationRules) -> CalibrationFit:
    """Temperature from validation clips, thresholds from negatives' cosines (M, C); without negatives from stand-ins for them.

    Validation clips of the negative label are negatives too. `notes` are the sentences that say what is not certain.
    """
    notes: list[str] = []
    logits = np.asarray(val.cosines, np.float64) * rules.logit_scale
    fitted = fit_temperature(logits, val.labels)
    before, held_out = softmax(logits), _held_out(logits, val, rules, notes)
    if not fitted.determined:
        notes.append("the clips do not determine the temperature (all are right, or none): it stays 1, as trained; more or harder clips do")
    negatives, source = _negatives(logits / fitted.temperature, val.labels, negative_cosines, fitted.temperature, rules)
    thresholds, described = _thresholds(negatives, source, rules, notes)
    gestures = val.labels != rules.negative if rules.negative is not None else np.ones(len(val.labels), bool)
    taken = (
        accepted(softmax(logits / fitted.temperature)[gestures], _as_array(thresholds, rules.labels)) if thresholds else np.ones(0, bool)
    )
    described |= _accepted_share(taken, notes)
    statistic = temperature_statistic(logits, val.labels)
    summary = {
        "temperature_interval": list(bootstrap_interval(statistic, val.groups, rules.seed, _RESAMPLED_FITS)),
        "logit_scale": rules.logit_scale,
        "validation": _validation(before, held_out, val, rules, notes),
        "thresholds": described,
        "notes": notes,
    }
    return CalibrationFit(Calibration(rules.labels, fitted.temperature, thresholds, summary), before, held_out, notes)


def measures(probabilities: Floats, labels: Labels, groups: npt.NDArray[np.integer]) -> dict[str, Any]:
    """NLL, Brier score and ECE with 95 % bootstrap intervals over groups; `ece_by_chance` is what a perfect model shows at this size."""
    losses, scores = log_losses(probabilities, labels), brier_scores(probabilities, labels)
    confidence, hits = confidence_and_hits(probabilities, labels)
    return {
        "nll": float(losses.mean()),
        "nll_interval": list(bootstrap_interval(lambda rows: float(losses[rows].mean()), groups)),
        "brier": float(scores.mean()),
        "brier_interval": list(bootstrap_interval(lambda rows: float(scores[rows].mean()), groups)),
        "ece": expected_calibration_error(confidence, hits),
        "ece_by_chance": list(calibration_error_by_chance(confidence)),
        "risk_coverage_area": risk_coverage(confidence, hits).area,
    }


def rejection_scores(probabilities: Floats, thresholds: Floats | None = None) -> Floats:
    """How surely each clip (N, C) is a gesture (N,): its highest probability, or by how much that exceeds its label's threshold (C,).

    Moving one number along these scores trades recall for false alarms. The distance of the embedding to the class directions is the
    cosine itself, so that an open-set score from the embedding is the highest cosine; it is not counted here a second time.
    """
    best = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    if thresholds is None:
        return np.asarray(confidence)
    return np.asarray(confidence - np.nan_to_num(thresholds, nan=1.0)[best])


def false_alarms(gestures: Floats, negatives: Floats, thresholds: Floats | None = None) -> float:
    """False alarms (0..1) where 95 % of the gestures are accepted, both as probabilities (N, C)."""
    return false_alarms_at_recall(rejection_scores(gestures, thresholds), rejection_scores(negatives, thresholds), RECALL)[0]


def _held_out(logits: Floats, val: ScoredVal, rules: CalibrationRules, notes: list[str]) -> Floats:
    groups = val.groups
    if len(np.unique(groups)) < 2:
        notes.append("all clips are of one person: the figures after calibration are cross-validated by clip, and promise too much")
        groups = np.arange(len(groups))
    if len(groups) < 2:
        notes.append("one clip: nothing could be held out")
        return softmax(logits / fit_temperature(logits, val.labels).temperature)
    return cross_validated(logits, val.labels, groups, rules.num_folds, rules.seed)


def _negatives(
    calibrated: Floats, labels: Labels, given: npt.NDArray[np.floating] | None, temperature: float, rules: CalibrationRules
) -> tuple[Floats, str]:
    """Probabilities (M, C) of negatives, and where they are from."""
    own = labels == rules.negative if rules.negative is not None else np.zeros(len(labels), bool)
    tables = [softmax(calibrated[own])] if own.any() else []
    if given is not None and len(given):
        tables.append(softmax(np.asarray(given, np.float64) * rules.logit_scale / temperature))
    if tables:
        return np.concatenate(tables), "negatives"
    if len(rules.labels) - (rules.negative is not None) < 3:
        return np.zeros((0, len(rules.labels))), "none"
    return leave_one_class_out(calibrated, labels, rules.negative), "leave_one_class_out"


def _thresholds(negatives: Floats, source: str, rules: CalibrationRules, notes: list[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """Thresholds by label, and a description; `notes` gets what they do not promise."""
    rate, number = rules.false_alarm_rate, len(negatives)
    described: dict[str, Any] = {"source": source, "num_negatives": number, "false_alarm_rate": rate}
    if not number:
        notes.append("no negatives, and too few labels to leave one out: no thresholds, everything is accepted")
        return {}, described
    fitted = fit_thresholds(negatives, rate, rules.negative)
    if source == "leave_one_class_out":
        notes.append(
            "no negatives: the thresholds are from gestures whose label was left out, which the network did learn; they promise no rate "
            "of false alarms for people who do other things. Give clips of those: --negative-ann-files"
        )
    elif fitted.kept_rate > rate + 1e-9:
        high = 100 * wilson_interval(0.0, number)[1]
        notes.append(
            f"{number} negatives are too few for a false-alarm rate of {100 * rate:g} %: the thresholds lie above all of them, which keeps "
            f"{100 * fitted.kept_rate:.1f} % on average (95 % interval up to {high:.1f} %); {int(np.ceil(1 / rate)) - 1} are needed"
        )
    if source == "negatives":
        notes.append("the rate holds for negatives like those given: other people, rooms and movements can give more")
    values = {label: float(value) for label, value in zip(rules.labels, fitted.values, strict=True) if not np.isnan(value)}
    promised = fitted.kept_rate if source == "negatives" else None
    shared = [label for label, together in zip(rules.labels, fitted.shared, strict=True) if together]
    return values, described | {"kept_rate": promised, "labels_with_a_common_threshold": shared}


def _accepted_share(taken: Flags, notes: list[str]) -> dict[str, Any]:
    if not len(taken):
        return {"accepted_gestures": None}
    share = float(taken.mean())
    if share < 0.5:
        notes.append(f"the thresholds accept only {100 * share:.0f} % of the validation gestures; a higher --false-alarm-rate accepts more")
    return {"accepted_gestures": share, "accepted_gestures_interval": list(wilson_interval(share, len(taken)))}


def _validation(before: Floats, held_out: Floats, val: ScoredVal, rules: CalibrationRules, notes: list[str]) -> dict[str, Any]:
    """Measures before and after, and the paired difference of the NLL, whose interval says whether the gain is certain."""
    gain = log_losses(held_out, val.labels) - log_losses(before, val.labels)
    interval = bootstrap_interval(lambda rows: float(gain[rows].mean()), val.groups, rules.seed)
    num_groups = len(np.unique(val.groups))
    if not interval[1] < 0:
        notes.append(
            f"{len(gain)} clips are too few, or the model needs no temperature: the NLL changes by {gain.mean():+.3f} on clips that were "
            f"held out (95 % interval {interval[0]:+.3f} to {interval[1]:+.3f})"
        )
    if num_groups < _FEW_GROUPS:
        notes.append(f"{num_groups} people (clips, where people are not named) are too few to resample: the intervals given are too narrow")
    return {
        "num_clips": len(gain),
        "num_groups": num_groups,
        "before": measures(before, val.labels, val.groups),
        "after_held_out": measures(held_out, val.labels, val.groups),
        "nll_change": float(gain.mean()),
        "nll_change_interval": list(interval),
    }


def _as_array(thresholds: dict[str, float], labels: Sequence[str]) -> Floats:
    return np.array([thresholds.get(label, np.nan) for label in labels])
