"""From tables of cosines to a calibration and what may be said of it; reads and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.calibration_values import Calibration
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
    fit_spread_threshold,
    fit_thresholds,
    leave_one_class_out,
    raise_spread_threshold,
    risk_coverage,
    spread,
)
from action_recognition.deploy.calibration.temperature import (
    cross_validated,
    fit_temperature,
    temperature_statistic,
)
from action_recognition.metrics import wilson_interval

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


def fit_calibration(
    val: ScoredVal, negative_cosines: npt.NDArray[np.floating] | None, rules: CalibrationRules
) -> CalibrationFit:
    """Temperature and the least spread from validation clips, thresholds from negatives' cosines (M, C) where there are any.

    The least spread costs 5 % of the gestures or, where that costs fewer of them than thresholds of labels, does without these.
    Without negatives it is all that rejects; gestures whose label is left out stand in to tell what would pass it.
    A temperature other than 1 is taken where it certainly lowers the NLL of clips that were held out. Validation clips of the negative
    label are negatives too. `notes` are the sentences that say what is not certain.
    """
    notes: list[str] = []
    logits = np.asarray(val.cosines, np.float64) * rules.logit_scale
    fitted = fit_temperature(logits, val.labels)
    before, held_out = softmax(logits), _held_out(logits, val, rules, notes)
    if not fitted.determined:
        notes.append(
            "the clips do not determine the temperature (all are right, or none): it stays 1, as trained; more or harder clips do"
        )
    validation = _validation(before, held_out, val, rules, notes)
    temperature = fitted.temperature if validation["nll_change_interval"][1] < 0 else 1.0
    factor = rules.logit_scale / temperature
    gestures = (
        val.labels != rules.negative
        if rules.negative is not None
        else np.ones(len(val.labels), bool)
    )
    table = np.asarray(val.cosines[gestures], np.float64)
    negatives = _negatives(val, negative_cosines, factor, rules)
    chosen = _reject(softmax(table * factor), spread(table), negatives, rules)
    thresholds = {
        label: float(value)
        for label, value in zip(rules.labels, chosen.values, strict=True)
        if value > 0
    }  # nan is not
    described = _described(chosen, negatives, rules, notes) | _accepted_share(chosen.taken, notes)
    statistic = temperature_statistic(logits, val.labels)
    summary = {
        "temperature_fitted": fitted.temperature,
        "temperature_interval": list(
            bootstrap_interval(statistic, val.groups, rules.seed, _RESAMPLED_FITS)
        ),
        "logit_scale": rules.logit_scale,
        "validation": validation,
        "thresholds": described,
        "notes": notes,
    }
    return CalibrationFit(
        Calibration(rules.labels, temperature, thresholds, chosen.least_spread, summary),
        before,
        held_out,
        notes,
    )


def measures(
    probabilities: Floats, labels: Labels, groups: npt.NDArray[np.integer]
) -> dict[str, Any]:
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


def as_array(thresholds: Mapping[str, float], rules: CalibrationRules) -> Floats:
    """Thresholds (C,) in the order of the labels: nan for the negative label, which is never taken, 0 for one without a threshold."""
    return np.array(
        [
            np.nan if label == rules.negative_label else thresholds.get(label, 0.0)
            for label in rules.labels
        ]
    )


@dataclass(frozen=True)
class _Negatives:
    """Where they are from, their probabilities (M, C), of stand-ins none, and spreads (M,)."""

    source: str
    probabilities: Floats
    spreads: Floats


def _held_out(logits: Floats, val: ScoredVal, rules: CalibrationRules, notes: list[str]) -> Floats:
    groups = val.groups
    if len(np.unique(groups)) < 2:
        notes.append(
            "all clips are of one person: the figures after calibration are cross-validated by clip, and promise too much"
        )
        groups = np.arange(len(groups))
    if len(groups) < 2:
        notes.append("one clip: nothing could be held out")
        return softmax(logits / fit_temperature(logits, val.labels).temperature)
    return cross_validated(logits, val.labels, groups, rules.num_folds, rules.seed)


def _negatives(
    val: ScoredVal, given: npt.NDArray[np.floating] | None, factor: float, rules: CalibrationRules
) -> _Negatives:
    own = (
        val.labels == rules.negative
        if rules.negative is not None
        else np.zeros(len(val.labels), bool)
    )
    tables = [np.asarray(val.cosines[own], np.float64)] if own.any() else []
    if given is not None and len(given):
        tables.append(np.asarray(given, np.float64))
    if tables:
        cosines = np.concatenate(tables)
        return _Negatives("negatives", softmax(cosines * factor), spread(cosines))
    if len(rules.labels) - (rules.negative is not None) < 3:
        return _Negatives("none", np.zeros((0, len(rules.labels))), np.zeros(0))
    stand_ins = leave_one_class_out(np.asarray(val.cosines), val.labels, rules.negative)
    return _Negatives("leave_one_class_out", np.zeros((0, len(rules.labels))), stand_ins)


@dataclass(frozen=True)
class _Rejection:
    """A least spread and thresholds (C,), nan for the negative label; the gestures (N,) that they take, the rate that they keep."""

    least_spread: float
    values: Floats
    taken: Flags
    kept_rate: float
    shared: Flags


def _reject(
    gestures: Floats, spreads: Floats, negatives: _Negatives, rules: CalibrationRules
) -> _Rejection:
    """Two ways to the false-alarm rate, and the one that costs fewer gestures, probabilities (N, C) and spreads (N,).

    Either a least spread that costs 5 % of the gestures, and thresholds of labels for the negatives that have it; or a higher least
    spread that is enough alone.
    """
    least = fit_spread_threshold(spreads)
    none = as_array({}, rules)
    if (
        negatives.source != "negatives"
    ):  # stand-ins are too like gestures: thresholds above them cost most of the gestures
        kept = float((negatives.spreads >= least).mean()) if len(negatives.spreads) else 1.0
        return _Rejection(least, none, spreads >= least, kept, np.zeros(len(none), bool))
    fitted = fit_thresholds(
        negatives.probabilities, rules.false_alarm_rate, rules.negative, negatives.spreads >= least
    )
    by_label = _Rejection(
        least,
        fitted.values,
        (spreads >= least) & accepted(gestures, fitted.values),
        fitted.kept_rate,
        fitted.shared,
    )
    own = (
        negatives.probabilities.argmax(axis=1) == rules.negative
        if rules.negative is not None
        else np.zeros(len(negatives.spreads), bool)
    )
    raised, kept = raise_spread_threshold(
        least, np.where(own, 0.0, negatives.spreads), rules.false_alarm_rate
    )
    alone = _Rejection(
        raised,
        none,
        (spreads >= raised) & accepted(gestures, none),
        kept,
        np.zeros(len(none), bool),
    )
    return alone if alone.taken.sum() > by_label.taken.sum() else by_label


def _described(
    chosen: _Rejection, negatives: _Negatives, rules: CalibrationRules, notes: list[str]
) -> dict[str, Any]:
    """The rejection in plain values; `notes` gets what it does not promise."""
    rate, number, source = rules.false_alarm_rate, len(negatives.spreads), negatives.source
    described: dict[str, Any] = {
        "source": source,
        "num_negatives": number,
        "false_alarm_rate": rate,
        "least_spread": chosen.least_spread,
    }
    if source == "none":
        notes.append("no negatives, and too few labels to leave one out: no thresholds of labels")
        return described | {"kept_rate": None}
    if source == "leave_one_class_out":
        notes.append(
            "no negatives: only the least spread rejects, which costs 5 % of the validation gestures; it promises no rate of false alarms "
            f"for people who do other things ({100 * chosen.kept_rate:.0f} % of gestures that the labels lack would pass). "
            "Give clips of such people: --negative-ann-files"
        )
        return described | {"kept_rate": None, "kept_stand_ins": chosen.kept_rate}
    if chosen.kept_rate > rate + 1e-9:
        high = 100 * wilson_interval(0.0, number)[1]
        notes.append(
            f"{number} negatives are too few for a false-alarm rate of {100 * rate:g} %: the thresholds lie above all of them, which keeps "
            f"{100 * chosen.kept_rate:.1f} % on average (95 % interval up to {high:.1f} %); {int(np.ceil(1 / rate)) - 1} are needed"
        )
    notes.append(
        "the rate holds for negatives like those given: other people, rooms and movements can give more"
    )
    shared = [
        label for label, together in zip(rules.labels, chosen.shared, strict=True) if together
    ]
    return described | {"kept_rate": chosen.kept_rate, "labels_with_a_common_threshold": shared}


def _accepted_share(taken: Flags, notes: list[str]) -> dict[str, Any]:
    if not len(taken):
        return {"accepted_gestures": None}
    share = float(taken.mean())
    if share < 0.5:
        notes.append(
            f"the thresholds accept only {100 * share:.0f} % of the validation gestures; a higher --false-alarm-rate accepts more"
        )
    return {
        "accepted_gestures": share,
        "accepted_gestures_interval": list(wilson_interval(share, len(taken))),
    }


def _validation(
    before: Floats, held_out: Floats, val: ScoredVal, rules: CalibrationRules, notes: list[str]
) -> dict[str, Any]:
    """Measures before and after, and the paired difference of the NLL, whose interval says whether the gain is certain."""
    gain = log_losses(held_out, val.labels) - log_losses(before, val.labels)
    num_groups = len(np.unique(val.groups))
    groups = val.groups if num_groups > 1 else np.arange(len(gain))
    interval = bootstrap_interval(lambda rows: float(gain[rows].mean()), groups, rules.seed)
    if not interval[1] < 0:
        notes.append(
            f"{len(gain)} clips are too few for a temperature, or the model needs none: it stays 1. The NLL of held-out clips would change "
            f"by {gain.mean():+.3f} (95 % interval {interval[0]:+.3f} to {interval[1]:+.3f})"
        )
    if num_groups < _FEW_GROUPS:
        notes.append(
            f"{num_groups} people (clips, where people are not named) are too few to resample: the intervals given are too narrow"
        )
    return {
        "num_clips": len(gain),
        "num_groups": num_groups,
        "before": measures(before, val.labels, val.groups),
        "after_held_out": measures(held_out, val.labels, val.groups),
        "nll_change": float(gain.mean()),
        "nll_change_interval": list(interval),
    }
