"""Runs side by side: what each reached, and where their templates and records differ. Imports no torch."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from action_recognition.errors import user_error
from action_recognition.template import MODEL_FILE, TEMPLATE_FILE
from action_recognition.training.reporting.curve_files import CURVES_FILE, read_curves
from action_recognition.training.reporting.head_result import read_head_result

RECORD_FILE = "train_record.json"
_OF_EVERY_RUN = (
    "started",
    "command",
    "seed",
    "start_weights",
)  # different by nature, or shown in a row of their own
_MISSING = "-"


@dataclass(frozen=True)
class RunSummary:
    """What a checkpoints folder says about its run: accuracies in %, times in seconds; None where it does not say.

    `settings` are the values of template, model and record by dotted key; `problem` is why there is nothing else.
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
    start_weights: str = _MISSING
    seed: str = _MISSING
    settings: dict[str, str] = field(default_factory=dict)


ROWS: dict[str, str] = {
    "best_top1": "best val top-1, %",
    "last_top1": "last val top-1, %",
    "best_top5": "val top-5 of the best, %",
    "last_top5": "last val top-5, %",
    "best_epoch": "best epoch",
    "epochs": "epochs",
    "seconds": "time",
    "start_weights": "start weights",
    "seed": "seed",
}


def with_head_alone(folder: Path) -> RunSummary:
    """The run's summary; where the preset's head alone was better on val than what fine-tuning made of it, with the head's accuracy.

    No epoch of the fine-tuning has that accuracy, so that `best_epoch` is None then.
    """
    run, head = summarise(folder), read_head_result(folder)
    # curves.csv is rounded: what differs by less is the same.
    if head is not None and (run.best_top1 is None or run.best_top1 < head.accuracy - 1e-3):
        run = dataclasses.replace(
            run, best_top1=head.accuracy, best_top5=head.top5, best_epoch=None
        )
    return run


def summarise(folder: Path, name: str | None = None) -> RunSummary:
    """A run's summary; top-1 is the mean over classes, as `best.pth` is chosen by."""
    name = name or str(folder)
    if not folder.is_dir():
        return RunSummary(name, "there is no such folder")
    try:
        record = _read_json(folder / RECORD_FILE)
        template, model = (_read_yaml(folder / file) for file in (TEMPLATE_FILE, MODEL_FILE))
        rows = read_curves(folder / CURVES_FILE) if (folder / CURVES_FILE).is_file() else []
    except (OSError, ValueError, yaml.YAMLError, csv.Error) as error:
        return RunSummary(name, f"cannot be read ({error})".replace("\n", " "))
    settings = dict(flatten({"template": template, "model": model, "record": record}))
    if not settings and not rows:
        return RunSummary(name, f"holds no run: neither {RECORD_FILE} nor {CURVES_FILE}")
    start, seed = _start_of(record), str(record.get("seed", _MISSING))
    validated = [row for row in rows if not math.isnan(row["val_accuracy"])]
    if not validated:
        return RunSummary(
            name, "has no finished epoch", start_weights=start, seed=seed, settings=settings
        )
    best = max(validated, key=lambda row: row["val_accuracy"])
    return RunSummary(
        name,
        best_top1=best["val_accuracy"],
        last_top1=validated[-1]["val_accuracy"],
        best_top5=best["val_top5"],
        last_top5=validated[-1]["val_top5"],
        best_epoch=int(best["epoch"]),
        epochs=int(rows[-1]["epoch"]),
        seconds=sum(row["seconds"] for row in rows if not math.isnan(row["seconds"])),
        start_weights=start,
        seed=seed,
        settings=settings,
    )


def flatten(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and values as text; lists are one value.

    >>> dict(flatten({"a": {"b": 1, "c": [1, 2]}, "d": None}))
    {'a.b': '1', 'a.c': '[1, 2]', 'd': 'null'}
    """
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from flatten(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, content if isinstance(content, str) else json.dumps(content)


def differences(runs: Sequence[RunSummary]) -> dict[str, list[str]]:
    """The settings in which the runs differ, one value per run; what every run has of its own is left out."""
    runs = [run for run in runs if run.settings]
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    values = {
        key: [run.settings.get(key, _MISSING) for run in runs]
        for key in keys
        if not _of_its_own(key)
    }
    return {key: row for key, row in values.items() if len(set(row)) > 1}


def _of_its_own(key: str) -> bool:
    section, _, rest = key.partition(".")
    return section == "record" and rest.split(".")[0] in _OF_EVERY_RUN


def _start_of(record: Mapping[str, Any]) -> str:
    start = record.get("start_weights", _MISSING)
    return str(start.get("source", _MISSING) if isinstance(start, Mapping) else start)


def comparison(runs: Sequence[RunSummary]) -> dict[str, list[str]]:
    """Every row of the table by its title, one cell per run that has something to show: results first, then differences."""
    shown = [run for run in runs if run.settings or not run.problem]
    results = {
        title: [cell(getattr(run, name), name) for run in shown] for name, title in ROWS.items()
    }
    return results | differences(shown)


def cell(value: object, name: str) -> str:
    """A value as text.

    >>> cell(3725.2, "seconds"), cell(71.234, "best_top1"), cell(None, "epochs")
    ('1:02:05', '71.2', '-')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _MISSING
    if name == "seconds" and isinstance(value, float):
        minutes, seconds = divmod(round(value), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def print_comparison(folders: Sequence[Path], csv_file: Path | None = None) -> None:
    """The table on stdout, a line for each run that is missing or half, and the CSV; an error when no run has anything to show."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    runs = [
        summarise(folder, name) for folder, name in zip(folders, short_names(folders), strict=True)
    ]
    for run, folder in zip(runs, folders, strict=True):
        if run.problem:
            print(f"{folder}: {run.problem}", flush=True)
    shown = [run for run in runs if run.settings or not run.problem]
    if not shown:
        raise user_error(
            "RUN",
            "none of the folders holds a run",
            fix="name folders that train.py saved checkpoints to",
        )
    table = comparison(runs)
    console = Console(highlight=False)
    drawn = Table(box=box.SIMPLE)
    for title in ("", *(run.name for run in shown)):
        drawn.add_column(title, overflow="fold")
    for title, cells in table.items():
        if title in differences(shown) and title == next(iter(differences(shown))):
            drawn.add_section()
        drawn.add_row(title, *cells)
    console.print(drawn)
    if csv_file is not None:
        write_comparison(csv_file, [run.name for run in shown], table)
        print(f"saved: {csv_file}", flush=True)


def short_names(folders: Sequence[Path]) -> list[str]:
    """The folders' last parts, as many as tell them apart.

    >>> short_names([Path("runs/a/outputs"), Path("runs/b/outputs")])
    ['a/outputs', 'b/outputs']
    """
    parts = [folder.resolve().parts for folder in folders]
    longest = max((len(part) for part in parts), default=1)
    for count in range(1, longest + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(folder) for folder in folders]


def write_comparison(path: Path, names: Iterable[str], table: Mapping[str, Sequence[str]]) -> None:
    """The table as CSV, a column per run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["", *names])
        writer.writerows([title, *cells] for title, cells in table.items())
    partial.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def _read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content if isinstance(content, dict) else {}
