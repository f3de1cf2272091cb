"""The results and settings of a run, read from its checkpoints folder. Imports no torch."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from action_recognition.errors import UserError
from action_recognition.json_files import read_json
from action_recognition.template import MODEL_FILE, TEMPLATE_FILE
from action_recognition.training.reporting.curve_files import CURVES_FILE, read_curves
from action_recognition.training.reporting.head_result import read_head_result
from action_recognition.yaml_lines import load_yaml

RECORD_FILE = "train_record.json"
MISSING = "-"


@dataclass(frozen=True)
class RunSummary:
    """Results of a run: accuracies in %, times in seconds, None for what its folder does not say.

    `settings` are the values of template, model and record by dotted key. `problem` is the reason
    why there is nothing else.
    """

    name: str
    problem: str = ""
    best_top1: float | None = None
    last_top1: float | None = None
    best_top5: float | None = None
    last_top5: float | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    start_weights: str = MISSING
    seed: str = MISSING
    settings: dict[str, str] = field(default_factory=dict)


def with_head_alone(folder: Path) -> RunSummary:
    """Return the run's summary, with the accuracy of the head alone if that was better.

    The preset for few clips trains the head before it fine-tunes the network. No epoch of the
    fine-tuning has the head's accuracy, so `best_epoch` is then None.
    """
    run, head = summarise(folder), read_head_result(folder)
    # curves.csv is rounded, so a smaller difference counts as none.
    if head is not None and (run.best_top1 is None or run.best_top1 < head.accuracy - 1e-3):
        run = dataclasses.replace(
            run, best_top1=head.accuracy, best_top5=head.top5, best_epoch=None
        )
    return run


def summarise(folder: Path, name: str | None = None) -> RunSummary:
    """Read a run's summary. Top-1 is the mean over classes, by which `best.pth` is chosen."""
    name = name or str(folder)
    if not folder.is_dir():
        return RunSummary(name, "there is no such folder")

    # A damaged file makes the run unreadable, a missing one does not.
    try:
        documents, rows = _read_run(folder)
    except (OSError, ValueError, UserError, yaml.YAMLError, csv.Error) as error:
        return RunSummary(name, f"cannot be read ({error})".replace("\n", " "))
    settings = dict(flatten(documents))
    if not settings and not rows:
        return RunSummary(name, f"holds no run: neither {RECORD_FILE} nor {CURVES_FILE}")

    record = documents["record"]
    seed = str(record.get("seed", MISSING))
    run = RunSummary(name, start_weights=_start_of(record), seed=seed, settings=settings)

    # A row may lack its validation.
    validated = [row for row in rows if not math.isnan(row["val_accuracy"])]
    if not validated:
        return dataclasses.replace(run, problem="has no finished epoch")
    return _with_results(run, rows, validated)


def _read_run(folder: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, float]]]:
    """Read the documents of a run by name, and the rows of its curves. Missing files are empty."""
    record = _read_json(folder / RECORD_FILE)
    template, model = (_read_yaml(folder / file) for file in (TEMPLATE_FILE, MODEL_FILE))
    curves = folder / CURVES_FILE
    rows = read_curves(curves) if curves.is_file() else []
    return {"template": template, "model": model, "record": record}, rows


def _with_results(
    run: RunSummary, rows: Sequence[dict[str, float]], validated: Sequence[dict[str, float]]
) -> RunSummary:
    best, last = max(validated, key=lambda row: row["val_accuracy"]), validated[-1]
    return dataclasses.replace(
        run,
        best_top1=best["val_accuracy"],
        last_top1=last["val_accuracy"],
        best_top5=best["val_top5"],
        last_top5=last["val_top5"],
        best_epoch=int(best["epoch"]),
        epochs=int(rows[-1]["epoch"]),
        seconds=sum(row["seconds"] for row in rows if not math.isnan(row["seconds"])),
    )


def flatten(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted keys with their values as text. A list is one value.

    >>> dict(flatten({"a": {"b": 1, "c": [1, 2]}, "d": None}))
    {'a.b': '1', 'a.c': '[1, 2]', 'd': 'null'}
    """
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from flatten(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, content if isinstance(content, str) else json.dumps(content)


def _start_of(record: Mapping[str, Any]) -> str:
    start = record.get("start_weights", MISSING)
    return str(start.get("source", MISSING) if isinstance(start, Mapping) else start)


def _read_json(path: Path) -> dict[str, Any]:
    content = read_json(path) if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def _read_yaml(path: Path) -> dict[str, Any]:
    content = load_yaml(path) if path.is_file() else {}
    return content if isinstance(content, dict) else {}
