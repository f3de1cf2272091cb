"""Runs side by side: the results of each, and where their settings differ. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from action_recognition.console import say
from action_recognition.errors import user_error
from action_recognition.files import write_csv
from action_recognition.training.reporting.run_summary import MISSING, RunSummary, summarise

# Keys of the record that differ from run to run anyway, or that a row of the table shows.
_OF_EVERY_RUN = ("started", "command", "seed", "start_weights")

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


def differences(runs: Sequence[RunSummary]) -> dict[str, list[str]]:
    """Return the settings in which the runs differ, with one value per run.

    What differs from run to run anyway, such as the start time, is left out.
    """
    # A run that could not be read has no settings to compare.
    runs = [run for run in runs if run.settings]
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    values = {
        key: [run.settings.get(key, MISSING) for run in runs]
        for key in keys
        if not _of_its_own(key)
    }
    return {key: row for key, row in values.items() if len(set(row)) > 1}


def _of_its_own(key: str) -> bool:
    section, _, rest = key.partition(".")
    return section == "record" and rest.split(".")[0] in _OF_EVERY_RUN


def comparison(runs: Sequence[RunSummary]) -> dict[str, list[str]]:
    """Return every row of the table by its title: the results first, then the differences.

    A row has one cell for each run that has something to show.
    """
    shown = _shown(runs)
    results = {
        title: [cell(getattr(run, name), name) for run in shown] for name, title in ROWS.items()
    }
    return results | differences(shown)


def _shown(runs: Sequence[RunSummary]) -> list[RunSummary]:
    return [run for run in runs if run.settings or not run.problem]


def cell(value: object, name: str) -> str:
    """Return a value as text.

    >>> cell(3725.2, "seconds"), cell(71.234, "best_top1"), cell(None, "epochs")
    ('1:02:05', '71.2', '-')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING

    # Hours, minutes and seconds.
    if name == "seconds" and isinstance(value, float):
        minutes, seconds = divmod(round(value), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def print_comparison(folders: Sequence[Path], csv_file: Path | None = None) -> None:
    """Print the table and a line for each run that is missing or incomplete. Write the CSV file.

    Errors: UserError when no run has anything to show.
    """
    names = short_names(folders)
    runs = [summarise(folder, name) for folder, name in zip(folders, names, strict=True)]

    # Runs that are missing or incomplete have a line before the table.
    for run, folder in zip(runs, folders, strict=True):
        if run.problem:
            say(f"{folder}: {run.problem}")

    shown = _shown(runs)
    if not shown:
        fix = "name folders that train.py saved checkpoints to"
        raise user_error("RUN", "none of the folders holds a run", fix=fix)

    table = comparison(shown)
    _print_table(table, shown)
    if csv_file is not None:
        write_comparison(csv_file, [run.name for run in shown], table)
        say(f"saved: {csv_file}")


def _print_table(table: Mapping[str, Sequence[str]], shown: Sequence[RunSummary]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=box.SIMPLE)
    for title in ("", *(run.name for run in shown)):
        drawn.add_column(title, overflow="fold")

    # A line separates the results from the differences.
    first_difference = next(iter(differences(shown)), None)
    for title, cells in table.items():
        if title == first_difference:
            drawn.add_section()
        drawn.add_row(title, *cells)
    Console(highlight=False, markup=False, emoji=False).print(drawn)


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the last parts of each folder, as many as are needed to tell the folders apart.

    >>> short_names([Path("runs/a/outputs"), Path("runs/b/outputs")])
    ['a/outputs', 'b/outputs']
    """
    parts = [folder.resolve().parts for folder in folders]
    longest = max((len(part) for part in parts), default=1)

    # Take the shortest endings that differ for different folders.
    for count in range(1, longest + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(folder) for folder in folders]


def write_comparison(path: Path, names: Iterable[str], table: Mapping[str, Sequence[str]]) -> None:
    """Write the table as CSV, with a column per run."""
    write_csv(path, [["", *names], *([title, *cells] for title, cells in table.items())])
