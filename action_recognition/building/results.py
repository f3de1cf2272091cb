"""The results of a build, read from the files that its commands left."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from action_recognition.building.folder import BuildFolder
from action_recognition.errors import user_error


@dataclass(frozen=True)
class Answer:
    """A tested clip: its label, the label that it was taken for, and the person, if known."""

    path: Path
    start: int
    end: int
    label: str
    predicted: str
    margin: float
    person: str

    @property
    def is_right(self) -> bool:
        """True where the model gave the clip its label."""
        return self.label == self.predicted


@dataclass(frozen=True)
class Results:
    """All that the page tells. Shares and intervals are in %."""

    labels: tuple[str, ...]
    answers: tuple[Answer, ...]
    evaluation: dict[str, Any]
    imported: dict[str, Any]
    findings: tuple[dict[str, Any], ...]
    hands: dict[str, dict[str, Any]]
    negative_label: str | None

    @property
    def worst(self) -> list[Answer]:
        """The wrong answers, the surest first."""
        wrong = [answer for answer in self.answers if not answer.is_right]
        return sorted(wrong, key=lambda answer: -answer.margin)

    @property
    def is_chosen_on_tested(self) -> bool:
        """True where the tested clips also chose the epoch and the calibration."""
        splits = self.imported.get("splits", {})
        held_out = [name for name in ("val", "test") if splits.get(name, {}).get("clips")]
        return len(held_out) == 1 and not self.evaluation.get("num_folds")

    def counts(self) -> dict[tuple[str, str], int]:
        """Count the clips by (label, label that they were taken for)."""
        return dict(Counter((answer.label, answer.predicted) for answer in self.answers))

    def by_person(self) -> dict[str, tuple[int, int]]:
        """Return (right, tested) of each person, sorted by name; empty where nobody is known."""
        tested = Counter(answer.person for answer in self.answers if answer.person)
        right = Counter(
            answer.person for answer in self.answers if answer.person and answer.is_right
        )
        return {person: (right[person], tested[person]) for person in sorted(tested)}


def read_results(folder: BuildFolder) -> Results:
    """Read the results of all steps. Raises UserError: files are missing or damaged."""
    try:
        evaluation = _json(folder.measured / "evaluation.json")
        imported = _json(folder.data / "report.json")
        people = _people(folder.data / "metadata.csv")
        statistics = folder.data / "statistics.json"
        return Results(
            labels=tuple(row["label"] for row in evaluation["per_class"]),
            answers=_answers(folder, Path(imported["data_root"]).resolve(), people),
            evaluation=evaluation,
            imported=imported,
            findings=tuple(_json(folder.data / "findings.json")),
            hands=_json(statistics)["hands"]["classes"] if statistics.is_file() else {},
            negative_label=_negative_label(folder.data),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = f"delete {folder.root / 'build.json'} and run the same command again"
        raise user_error(str(folder.root), f"holds unreadable results ({error})", fix=fix) from None


def _answers(folder: BuildFolder, data_root: Path, people: dict[str, str]) -> tuple[Answer, ...]:
    with (folder.measured / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Answer(
            path=Path(row["path"]),
            start=int(row["clip_start"]),
            end=int(row["clip_end"]),
            label=row["label"],
            predicted=row["predicted"],
            margin=float(row["cosine_of_predicted"]) - float(row["cosine_of_label"]),
            person=people.get(_below(Path(row["path"]), data_root), ""),
        )
        for row in rows
    )


def _below(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return (resolved.relative_to(root) if resolved.is_relative_to(root) else path).as_posix()


def _people(table: Path) -> dict[str, str]:
    """Return the person of each path that has one."""
    with table.open(newline="", encoding="utf-8") as file:
        return {row["file"]: row["person"] for row in csv.DictReader(file) if row["person"]}


def _negative_label(data: Path) -> str | None:
    path = data / "dataset.json"
    found = _json(path)["negative_label"] if path.is_file() else None
    return None if found is None else str(found)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
