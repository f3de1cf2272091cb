"""The thresholds of all gestures for one person, and what they do to films and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.evaluation.personal.fitting import (
    FittedThreshold,
    Floats,
    fit_threshold,
    held_peaks,
    smoothed,
)
from action_recognition.evaluation.personal.playing import Played
from action_recognition.evaluation.stream_result import poisson_interval
from action_recognition.live.decision import decide
from action_recognition.live.decision_rules import DecisionRules, Vocabulary

# An onset has to be above the release.
_ABOVE_RELEASE: Final = 0.05
# Films are cut into parts of about this length, each judged by thresholds of the others.
_PART_S: Final = 30.0


@dataclass(frozen=True)
class Evidence:
    """What the network says of this person: examples by label, and films of other things."""

    examples: Mapping[str, Sequence[Played]]
    films: Sequence[Played]

    @property
    def hours(self) -> float:
        """Return the length of the films."""
        return sum(film.duration_s for film in self.films) / 3600


@dataclass(frozen=True)
class Alarms:
    """False alarms in the films, by the rules before and after.

    `held_out` counts each part of the films by thresholds that were fitted to the other parts. Only
    that number says something about the next film.
    """

    before: int
    after: int
    held_out: int
    hours: float

    @property
    def per_hour(self) -> tuple[float, float]:
        """Return the 95 % interval of the false alarms an hour (Garwood's, of `held_out`)."""
        low, high = poisson_interval(self.held_out)
        return low / self.hours, high / self.hours


@dataclass(frozen=True)
class PersonalFit:
    """The rules of one person, with the onset of each gesture and how it came about.

    `thresholds` are those of single clips. `recognised` counts the examples of each gesture that
    give its event, before and after.
    """

    rules: DecisionRules
    onsets: Mapping[str, FittedThreshold]
    thresholds: Mapping[str, float]
    recognised: Mapping[str, tuple[int, int]]
    alarms: Alarms


def fit_person(evidence: Evidence, metadata: DeployMetadata, rules: DecisionRules) -> PersonalFit:
    """Fit an onset and a threshold for each gesture that has examples.

    The films have `rules` and the model's own thresholds as their start. Nothing else of the rules
    changes: a few examples say too little about times.
    """
    words = Vocabulary.of(metadata)
    live = _Onsets(evidence, words, rules)
    parts = [part for film in evidence.films for part in _parts(film)]
    peaks = np.array([live.peaks(part) for part in parts])
    onsets = live.fitted(peaks.max(axis=0))
    fitted = live.rules_with(onsets)

    # Each part by the thresholds of all others.
    held_out = 0
    for number, part in enumerate(parts):
        others = live.fitted(np.delete(peaks, number, axis=0).max(axis=0))
        held_out += live.count(part, live.rules_with(others))
    before = sum(len(_events(film, words, rules)) for film in evidence.films)
    after = sum(live.count(film, fitted) for film in evidence.films)

    recognised = {
        label: (
            sum(_fires(label, item, words, rules) for item in items),
            sum(_fires(label, item, live.words, fitted) for item in items),
        )
        for label, items in evidence.examples.items()
    }
    alarms = Alarms(before, after, held_out, evidence.hours)
    return PersonalFit(fitted, onsets, _clip_thresholds(evidence, metadata), recognised, alarms)


class _Onsets:
    """The fit of onsets to smoothed probabilities, with what does not depend on the films."""

    def __init__(self, evidence: Evidence, words: Vocabulary, rules: DecisionRules) -> None:
        self._rules, self._own = rules, words.onsets(rules)
        self._holds_s = words.holds_s(rules)
        # The onsets of a person are whole: the model's own thresholds are in them.
        self.words = replace(words, thresholds={})
        self._examples = {
            label: [float(self.peaks(item)[words.labels.index(label)]) for item in items]
            for label, items in evidence.examples.items()
        }

    def peaks(self, played: Played) -> Floats:
        """Return the highest onset (C,) at which each label would fire."""
        rules = self._rules
        means = smoothed(played.times_s, played.chances, rules.smoothing_s, rules.gap_s)
        return held_peaks(played.times_s, means, self._holds_s)

    def fitted(self, film_peaks: Floats) -> dict[str, FittedThreshold]:
        """Return the onset of each gesture for films that reach these peaks (C,)."""
        lowest = min(1.0, self._rules.release + _ABOVE_RELEASE)
        return {
            label: fit_threshold(self._examples.get(label, ()), float(peak), float(own), lowest)
            for label, peak, own in zip(self.words.labels, film_peaks, self._own, strict=True)
            if label not in self.words.negatives
        }

    def rules_with(self, onsets: Mapping[str, FittedThreshold]) -> DecisionRules:
        """Return the rules with these onsets."""
        return replace(self._rules, onsets={name: fit.value for name, fit in onsets.items()})

    def count(self, played: Played, rules: DecisionRules) -> int:
        """Count the events by the rules of a person."""
        return len(_events(played, self.words, rules))


def _clip_thresholds(evidence: Evidence, metadata: DeployMetadata) -> dict[str, float]:
    """Return the thresholds of single clips, fitted to probabilities as they are, unsmoothed.

    Each place of the films counts as a clip.
    """
    no_holds_s = np.zeros(len(metadata.labels))
    film_peaks = np.max(
        [held_peaks(item.times_s, item.chances, no_holds_s) for item in evidence.films], axis=0
    )
    thresholds = dict(metadata.thresholds)
    for label, items in evidence.examples.items():
        place = metadata.labels.index(label)
        peaks = [held_peaks(item.times_s, item.chances, no_holds_s)[place] for item in items]
        own = metadata.thresholds.get(label, 0.0)
        thresholds[label] = fit_threshold(peaks, float(film_peaks[place]), own).value
    return {label: value for label, value in thresholds.items() if value > 0}


def _parts(film: Played) -> list[Played]:
    """Cut a film into parts of about 30 s, two at least."""
    number = max(2, round(film.duration_s / _PART_S))
    times_s, chances = np.array_split(film.times_s, number), np.array_split(film.chances, number)
    return [
        replace(film, times_s=some_s, chances=some)
        for some_s, some in zip(times_s, chances, strict=True)
    ]


def _events(played: Played, words: Vocabulary, rules: DecisionRules) -> list[str]:
    rows = zip(played.times_s.tolist(), played.chances, strict=True)
    return [event.label for event in decide(rows, words, rules)]


def _fires(label: str, played: Played, words: Vocabulary, rules: DecisionRules) -> bool:
    return label in _events(played, words, rules)
