"""Lines for the person at the console, about thresholds that were fitted to them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from action_recognition.console import counted
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.evaluation.personal.fitting import Outcome
from action_recognition.evaluation.personal.thresholds import Alarms, Evidence, PersonalFit
from action_recognition.live.decision_rules import DecisionRules, Vocabulary


def report_lines(
    fit: PersonalFit, evidence: Evidence, metadata: DeployMetadata, rules: DecisionRules
) -> Iterator[str]:
    """Yield a line for every gesture, then those about false alarms."""
    words = Vocabulary.of(metadata)
    own = dict(zip(words.labels, words.onsets(rules).tolist(), strict=True))
    width = max(_width(label) for label in fit.onsets)
    for label, item in fit.onsets.items():
        yield (
            f"{_padded(label, width)}  onset {own[label]:.2f} -> {item.value:.2f}"
            f"  {_examples(label, fit, evidence)}  {item.outcome.value}"
        )
    alike = [name for name, item in fit.onsets.items() if item.outcome is Outcome.FILM_TOO_ALIKE]
    if alike:
        yield (
            f"no threshold tells {', '.join(alike)} from the films; docs/false_alarms.md says how "
            "to train with them"
        )
    yield from _alarm_lines(fit.alarms)


def _examples(label: str, fit: PersonalFit, evidence: Evidence) -> str:
    """Return how many examples give an event, before and after."""
    before, after = fit.recognised.get(label, (0, 0))
    number = len(evidence.examples.get(label, ()))
    return f"recognised {before} -> {after} of {counted(number, 'example')}"


def _alarm_lines(alarms: Alarms) -> Iterator[str]:
    minutes = alarms.hours * 60
    low, high = alarms.per_hour
    yield f"false alarms in {minutes:.1f} minutes of films: {alarms.before} -> {alarms.after}"
    yield (
        f"on parts that the thresholds were not fitted to: {alarms.held_out}; that promises "
        f"{low:.1f} to {high:.1f} an hour (95 %)"
    )


def _width(text: str) -> int:
    """Return the columns that a console needs: letters of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
