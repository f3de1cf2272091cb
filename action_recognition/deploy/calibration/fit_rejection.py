"""Choice between two ways to reject: a least spread alone, or one with thresholds of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.calibration.measures import Flags, Floats, softmax
from action_recognition.deploy.calibration.rejection import (
    accepted,
    fit_spread_threshold,
    fit_thresholds,
    leave_one_class_out,
    raise_spread_threshold,
    spread,
)
from action_recognition.deploy.calibration.scored_clips import (
    CalibrationRules,
    ScoredVal,
    as_array,
)
from action_recognition.metrics import wilson_interval

# Rates this close count as equal.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rejection:
    """A least spread and thresholds (C,), nan for the negative label.

    Attributes:
        taken: (N,) the gestures that they accept.
        kept_rate: the false-alarm rate that they keep.
        shared: (C,) the labels with a common threshold.

    """

    least_spread: float
    values: Floats
    taken: Flags
    kept_rate: float
    shared: Flags

    def by_label(self, labels: Sequence[str]) -> dict[str, float]:
        """Return the thresholds above 0 by label. The negative label has none."""
        pairs = zip(labels, self.values, strict=True)
        # nan > 0 is False.
        return {label: float(value) for label, value in pairs if value > 0}


def fit_rejection(
    val: ScoredVal,
    negative_cosines: npt.NDArray[np.floating] | None,
    factor: float,
    rules: CalibrationRules,
    notes: list[str],
) -> tuple[Rejection, dict[str, Any]]:
    """Choose the rejection that costs fewer gestures, and describe it in plain values.

    The least spread costs 5 % of the gestures and comes with thresholds of labels. It does without
    them where a higher one alone costs fewer gestures. Without negatives it is all that rejects.
    Then gestures whose label is left out tell what would pass it.
    Validation clips of the negative label are negatives too.
    Probabilities are the softmax of `factor` times cosines. `notes` receives what is not certain.
    """
    gestures = np.asarray(val.cosines[~rules.is_negative(val.labels)], np.float64)
    negatives = _negatives(val, negative_cosines, factor, rules)
    chosen = _reject(softmax(gestures * factor), spread(gestures), negatives, rules)
    described = _described(chosen, negatives, rules, notes) | _accepted_share(chosen.taken, notes)
    return chosen, described


@dataclass(frozen=True)
class _Negatives:
    """Negatives by their source: probabilities (M, C), none for stand-ins, and spreads (M,)."""

    source: Literal["negatives", "leave_one_class_out", "none"]
    probabilities: Floats
    spreads: Floats


def _negatives(
    val: ScoredVal, given: npt.NDArray[np.floating] | None, factor: float, rules: CalibrationRules
) -> _Negatives:
    """Collect the negatives: validation clips of that label and those given, or stand-ins."""
    own = rules.is_negative(val.labels)
    tables = [np.asarray(val.cosines[own], np.float64)] if own.any() else []
    if given is not None and len(given):
        tables.append(np.asarray(given, np.float64))

    if tables:
        # Clips of the negative label and those of other people count alike.
        cosines = np.concatenate(tables)
        return _Negatives("negatives", softmax(cosines * factor), spread(cosines))

    # With one of two gestures left out, the spread would be that of a single gesture.
    no_probabilities = np.zeros((0, len(rules.labels)))
    if len(rules.labels) - (rules.negative is not None) < 3:
        return _Negatives("none", no_probabilities, np.zeros(0))
    stand_ins = leave_one_class_out(np.asarray(val.cosines), val.labels, rules.negative)
    return _Negatives("leave_one_class_out", no_probabilities, stand_ins)


def _reject(
    gestures: Floats, spreads: Floats, negatives: _Negatives, rules: CalibrationRules
) -> Rejection:
    """Choose between two ways to the false-alarm rate by the gestures that they cost.

    Gestures are given as probabilities (N, C) and spreads (N,).
    One way is a least spread that costs 5 % of the gestures, with thresholds of labels for the
    negatives that have it. The other is a higher least spread that is enough alone.
    """
    least = fit_spread_threshold(spreads)
    if negatives.source != "negatives":
        # Stand-ins are too like gestures: thresholds above them cost most of the gestures.
        kept = float((negatives.spreads >= least).mean()) if len(negatives.spreads) else 1.0
        none = as_array({}, rules)
        return Rejection(least, none, spreads >= least, kept, np.zeros(len(none), bool))

    by_label = _by_label(least, gestures, spreads, negatives, rules)
    alone = _by_spread_alone(least, gestures, spreads, negatives, rules)
    return alone if alone.taken.sum() > by_label.taken.sum() else by_label


def _by_label(
    least: float, gestures: Floats, spreads: Floats, negatives: _Negatives, rules: CalibrationRules
) -> Rejection:
    """Fit thresholds of labels to the negatives that have the least spread."""
    passing = negatives.spreads >= least
    fitted = fit_thresholds(
        negatives.probabilities, rules.false_alarm_rate, rules.negative, passing
    )
    taken = (spreads >= least) & accepted(gestures, fitted.values)
    return Rejection(least, fitted.values, taken, fitted.kept_rate, fitted.shared)


def _by_spread_alone(
    least: float, gestures: Floats, spreads: Floats, negatives: _Negatives, rules: CalibrationRules
) -> Rejection:
    """Raise the least spread until it keeps the false-alarm rate without thresholds."""
    # A negative that is taken for the negative label is no false alarm, whatever its spread.
    harmless = rules.is_negative(negatives.probabilities.argmax(axis=1))
    counted = np.where(harmless, 0.0, negatives.spreads)
    raised, kept = raise_spread_threshold(least, counted, rules.false_alarm_rate)

    none = as_array({}, rules)
    taken = (spreads >= raised) & accepted(gestures, none)
    return Rejection(raised, none, taken, kept, np.zeros(len(none), bool))


def _described(
    chosen: Rejection, negatives: _Negatives, rules: CalibrationRules, notes: list[str]
) -> dict[str, Any]:
    """Return the rejection in plain values. `notes` receives what it does not promise."""
    described: dict[str, Any] = {
        "source": negatives.source,
        "num_negatives": len(negatives.spreads),
        "false_alarm_rate": rules.false_alarm_rate,
        "least_spread": chosen.least_spread,
    }
    if negatives.source == "none":
        notes.append("no negatives, and too few labels to leave one out: no thresholds of labels")
        return described | {"kept_rate": None}
    if negatives.source == "leave_one_class_out":
        notes.append(
            "no negatives: only the least spread rejects, which costs 5 % of the validation "
            "gestures; it promises no rate of false alarms for people who do other things "
            f"({100 * chosen.kept_rate:.0f} % of gestures that the labels lack would pass). "
            "Give clips of such people: --negative-ann-files"
        )
        # Stand-ins are not negatives, so the rate that they keep has its own key.
        return described | {"kept_rate": None, "kept_stand_ins": chosen.kept_rate}

    notes.extend(_notes_on_rate(chosen.kept_rate, len(negatives.spreads), rules.false_alarm_rate))
    pairs = zip(rules.labels, chosen.shared, strict=True)
    shared = [label for label, is_shared in pairs if is_shared]
    return described | {"kept_rate": chosen.kept_rate, "labels_with_a_common_threshold": shared}


def _notes_on_rate(kept: float, num_negatives: int, rate: float) -> list[str]:
    """Return the limits of a false-alarm rate that was fitted to so many negatives."""
    notes = []
    if kept > rate + _ROUNDING:
        # The upper end for a rate of 0 among so many. The needed number M has 1 / (M + 1) <= rate.
        high = 100 * wilson_interval(0.0, num_negatives)[1]
        notes.append(
            f"{num_negatives} negatives are too few for a false-alarm rate of {100 * rate:g} %: "
            f"the thresholds lie above all of them, which keeps {100 * kept:.1f} % on average "
            f"(95 % interval up to {high:.1f} %); {int(np.ceil(1 / rate)) - 1} are needed"
        )

    notes.append(
        "the rate holds for negatives like those given: "
        "other people, rooms and movements can give more"
    )
    return notes


def _accepted_share(taken: Flags, notes: list[str]) -> dict[str, Any]:
    """Return the share of validation gestures that are accepted, with its interval."""
    if not len(taken):
        return {"accepted_gestures": None}
    share = float(taken.mean())
    # Then most gestures of the model would go unnoticed.
    if share < 0.5:
        notes.append(
            f"the thresholds accept only {100 * share:.0f} % of the validation gestures; "
            "a higher --false-alarm-rate accepts more"
        )

    interval = list(wilson_interval(share, len(taken)))
    return {"accepted_gestures": share, "accepted_gestures_interval": interval}
