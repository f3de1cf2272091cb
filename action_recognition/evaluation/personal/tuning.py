"""`calibrate.py --personal`: thresholds for one person, in a file beside the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from action_recognition import __version__
from action_recognition.console import say
from action_recognition.deploy.backends import load_backend, model_in
from action_recognition.deploy.calibration.personal import (
    PERSONAL_FILE,
    Personal,
    is_personal,
    model_sha256,
    write_personal,
)
from action_recognition.deploy.stream_models import StreamModel, as_stream_model
from action_recognition.errors import Problem, UserError, try_all, user_error
from action_recognition.evaluation.personal.inputs import check_films, examples_in
from action_recognition.evaluation.personal.playing import Played, play_example, play_film
from action_recognition.evaluation.personal.report import report_lines
from action_recognition.evaluation.personal.thresholds import Evidence, PersonalFit, fit_person
from action_recognition.files import is_same_file
from action_recognition.live.decision_file import read_rules
from action_recognition.live.decision_rules import DecisionRules
from action_recognition.live.hand_region import trained_region
from action_recognition.live.regions import Region

SHORTEST_FILM_S: Final = 30.0
_GOOD_FILM_S: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class PersonalOptions:
    """The flags of `calibrate.py --personal`."""

    model: Path
    examples: Path
    others: Sequence[Path]
    # None: beside the model.
    personal: Path | None = None
    decision: Path | None = None
    hand_detector: Path | None = None

    @property
    def place(self) -> Path:
        """Return the file that is written."""
        folder = self.model if self.model.is_dir() else self.model.parent
        return self.personal or folder / PERSONAL_FILE


def tune(options: PersonalOptions) -> Personal:
    """Fit thresholds to one person's films and examples, write them, and say what they do.

    The model's files are read only.
    Raises UserError: names everything that is missing or cannot be used. Nothing is written then.
    """
    # The quick checks come first: loading a model takes seconds.
    problems = check_films(options.others) + _place_problems(options)
    if problems:
        raise UserError(problems)
    file = model_in(options.model)
    model = as_stream_model(load_backend(file), folder=file.parent)
    # If the model is changed during the work, the result does not fit the new one.
    metadata, sum_of_model = model.metadata, model_sha256(file)
    examples = examples_in(options.examples, metadata)
    rules = read_rules(options.decision, metadata.labels) if options.decision else DecisionRules()
    region = trained_region(metadata, options.hand_detector, "--hand-detector")

    # The work: every film and example through the network, once.
    evidence = Evidence(
        films=_films(model, region, options.others), examples=_examples(model, region, examples)
    )
    fit = fit_person(evidence, metadata, rules)
    personal = Personal(sum_of_model, fit.thresholds, asdict(fit.rules), _made_from(evidence, fit))
    write_personal(options.place, personal)

    for line in report_lines(fit, evidence, metadata, rules):
        say(line)
    say(f"wrote {options.place}; {file} is as it was")
    return personal


def _place_problems(options: PersonalOptions) -> list[Problem]:
    """Return a problem if the result would take the place of something else."""
    place = options.place
    used = [options.model, *options.others]
    used += [options.decision] if options.decision else []
    if place.is_dir():
        return [Problem("--personal", f"{place} is a folder", fix="name a file in it")]
    if place.suffix != ".json":
        return [Problem("--personal", f"found {place}", "a name that ends in .json")]
    if any(is_same_file(place, file) for file in used):
        return [Problem("--personal", f"{place} is read by this command", fix="name another file")]
    # The list of classes and the signature beside the model are JSON as well.
    if place.exists() and not is_personal(place):
        found = f"{place} exists and is no personal tuning"
        return [Problem("--personal", found, fix="name another file")]
    return []


def _films(model: StreamModel, region: Region, films: Sequence[Path]) -> list[Played]:
    """Play the films of other things. Raises UserError: all problems of the films."""

    def play(number: int, film: Path) -> Played:
        """Play one film, and tell how far it is."""
        start_s = time.monotonic()

        def tell(done_s: float, total_s: float) -> None:
            passed_s = time.monotonic() - start_s
            to_go_s = passed_s / done_s * max(0.0, total_s - done_s)
            say(f"{film.name}: {done_s:.0f} of {total_s:.0f} s, {to_go_s:.0f} s to go")

        played = play_film(model, region, film, tell)
        say(f"film {number} of {len(films)}: {film.name}, {played.duration_s:.0f} s")
        return _with_hands(played, "so it says nothing about false alarms")

    found = try_all([_later(play, number, film) for number, film in enumerate(films, start=1)])
    together_s = sum(film.duration_s for film in found)
    if together_s < SHORTEST_FILM_S:
        fix = "film what you do otherwise for two minutes, or add another film"
        told = f"the films last {together_s:.1f} s together"
        raise user_error("--others", told, f"{SHORTEST_FILM_S:g} s or more", fix)
    if together_s < _GOOD_FILM_S:
        say(f"the films last {together_s:.0f} s together; two minutes or more say more")
    return found


def _examples(
    model: StreamModel, region: Region, examples: Mapping[str, Sequence[Path]]
) -> dict[str, list[Played]]:
    """Play the examples of each label. Raises UserError: all problems of the clips."""
    start_s, done = time.monotonic(), 0
    num_clips = sum(len(clips) for clips in examples.values())

    def play(label: str, clip: Path) -> Played:
        """Play one example, and tell how long the others take."""
        nonlocal done
        played = _with_hands(play_example(model, region, clip), "so it is no example")
        done += 1
        to_go_s = (time.monotonic() - start_s) / done * (num_clips - done)
        say(f"example {done} of {num_clips}: {label}/{clip.name}, {to_go_s:.0f} s to go")
        return played

    calls = [_later(play, label, clip) for label, clips in examples.items() for clip in clips]
    found = iter(try_all(calls))
    return {label: [next(found) for _ in clips] for label, clips in examples.items()}


def _later(play: Callable[..., Played], name: str | int, path: Path) -> Callable[[], Played]:
    return lambda: play(name, path)


def _with_hands(played: Played, so: str) -> Played:
    """Return it. Raises UserError: a model of landmarks sees no hand in it."""
    if not played.has_hands:
        fix = "film the hand nearer, and in more light"
        raise user_error(str(played.path), f"no hand is seen in it, {so}", fix=fix)
    return played


def _made_from(evidence: Evidence, fit: PersonalFit) -> dict[str, Any]:
    """Return what the file says about its making."""
    films = [
        {"file": film.path.name, "minutes": round(film.duration_s / 60, 2)}
        for film in evidence.films
    ]
    low, high = fit.alarms.per_hour
    return {
        "package_version": __version__,
        "films": films,
        "negative_minutes": round(evidence.hours * 60, 2),
        "examples": {label: len(items) for label, items in evidence.examples.items()},
        "recognised": {label: list(pair) for label, pair in fit.recognised.items()},
        "onsets": {label: item.outcome.value for label, item in fit.onsets.items()},
        "false_alarms": {"before": fit.alarms.before, "after": fit.alarms.after},
        "false_alarms_held_out": fit.alarms.held_out,
        "false_alarms_per_hour_95": [round(low, 2), round(high, 2)],
    }
