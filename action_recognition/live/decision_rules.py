"""Rules of the decision, and the knowledge about labels that they are applied with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import Problem, UserError


@dataclass(frozen=True, kw_only=True)
class DecisionRules:
    """Rules for the begin of a gesture, its end, and the begin of the next one.

    A gesture begins when its smoothed probability has been at `onset` or above for `hold_s`, and
    at least `refractory_s` have passed since the last event. It ends below `release`, or when
    another gesture begins. Between `release` and `onset` nothing changes (hysteresis). `onsets` and
    `holds_s` are those of single labels, in the place of `onset` and `hold_s`.

    With a `rearm_s` above 0 the next event waits until every gesture has been below `release` for
    that long: one movement then gives one event, whatever it looks like on its way.

    The same gesture within `again_s` of its last event is a repetition. `smoothing_s` is the time
    constant of the smoothing, 0 for none. Scores more than `gap_s` apart belong to different
    performances, so everything starts again. All times are in seconds.

    Raises UserError: a negative value, or a `release` that is not below every onset.
    """

    # Smoothed probabilities, 0..1.
    onset: float = 0.6
    release: float = 0.35
    # Times in seconds.
    smoothing_s: float = 0.2
    hold_s: float = 0.0
    refractory_s: float = 0.7
    rearm_s: float = 0.0
    again_s: float = 3.0
    gap_s: float = 3.0
    # By label.
    onsets: Mapping[str, float] = field(default_factory=dict)
    holds_s: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems, allowed = list(self._problems()), "release < onset <= 1"
        # Without a gap between both thresholds, a gesture could begin and end with every row.
        if not problems:
            problems = [
                Problem(f"{name}, release", f"found {onset} and {self.release}", allowed)
                for name, onset in {"onset": self.onset, **_keys("onsets", self.onsets)}.items()
                if not self.release < onset <= 1
            ]
        if problems:
            raise UserError(problems)

    def _problems(self) -> Iterator[Problem]:
        """Yield a problem for every value that is no number of 0 or more."""
        for item in fields(self):
            value = getattr(self, item.name)
            by_label = item.name in ("onsets", "holds_s")
            if by_label and not isinstance(value, Mapping):
                yield Problem(item.name, f"found {value!r}", '{"label": number, ...}')
                continue
            for name, number in (
                _keys(item.name, value) if by_label else {item.name: value}
            ).items():
                is_number = isinstance(number, int | float) and not isinstance(number, bool)
                if not is_number or not 0 <= number < math.inf:
                    yield Problem(name, f"found {number!r}", "0 or more")

    @property
    def labels(self) -> set[str]:
        """Return the labels that have values of their own."""
        return {*self.onsets, *self.holds_s}


def _keys(name: str, by_label: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}.{label}": value for label, value in by_label.items()}


@dataclass(frozen=True)
class Vocabulary:
    """Labels with the knowledge that the decision needs.

    `negatives` are the labels that mean no gesture. `thresholds` are the lowest probabilities of
    single labels.
    """

    labels: tuple[str, ...]
    negatives: frozenset[str] = frozenset()
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, metadata: DeployMetadata) -> Vocabulary:
        """Return the vocabulary that a model states."""
        negative = metadata.negative_label
        negatives = frozenset() if negative is None else frozenset([negative])
        return cls(metadata.labels, negatives, metadata.thresholds)

    @property
    def is_gesture(self) -> npt.NDArray[np.bool_]:
        """Return True for each label (C,) that is a gesture."""
        return np.array([label not in self.negatives for label in self.labels])

    def onsets(self, rules: DecisionRules) -> npt.NDArray[np.float64]:
        """Return the onset threshold of each label (C,), infinity for a negative.

        It is the threshold of the rules, or the model's own if that is higher.
        """
        return np.array([self._onset(name, rules) for name in self.labels])

    def holds_s(self, rules: DecisionRules) -> npt.NDArray[np.float64]:
        """Return for how long each label (C,) has to stay the best one, in seconds."""
        return np.array([rules.holds_s.get(name, rules.hold_s) for name in self.labels])

    def _onset(self, label: str, rules: DecisionRules) -> float:
        if label in self.negatives:
            return math.inf
        return max(rules.onsets.get(label, rules.onset), self.thresholds.get(label, 0.0))
