"""`log/metrics.csv`: the file of Lightning's CSV logger, continued when the run is resumed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment

from action_recognition.files import write_atomically

FOLDER = "log"
_STEP = "step"


class RunLog(CSVLogger):
    """A CSV logger that keeps the rows of the steps before `steps_behind`. 0 starts a new file.

    A run that was killed may have written later rows. They are removed, because the resumed run
    takes these steps again. Every row is on the disk before the next step, so that the file has the
    rows of all steps before a checkpoint.
    """

    def __init__(self, folder: Path, steps_behind: int = 0) -> None:
        super().__init__(folder, name="", version=FOLDER, flush_logs_every_n_steps=1)
        self._steps_behind = steps_behind
        self._experiment: ExperimentWriter | None = None

    @property
    # Lightning's decorator has no types.
    @rank_zero_experiment  # type: ignore[untyped-decorator]
    def experiment(self) -> Any:
        """The writer of the file. Its first use removes the rows that the run writes again."""
        if self._experiment is None:
            file = Path(self.log_dir) / ExperimentWriter.NAME_METRICS_FILE

            columns = keep_rows(file, self._steps_behind)
            self._experiment = _Writer(self.log_dir)
            self._experiment.metrics_keys = columns
        return self._experiment


class _Writer(ExperimentWriter):
    """Lightning's writer, which would remove a file that exists already."""

    def _check_log_dir_exists(self) -> None:
        """Keep the file."""


def keep_rows(path: Path, steps_behind: int) -> list[str]:
    """Keep the rows of the steps before `steps_behind` in the file, and return its columns.

    A file without such rows is removed.
    """
    columns, rows = _read(path)

    # A row that was cut off has no step.
    kept = [
        row for row in rows if (row.get(_STEP) or "").isdecimal() and int(row[_STEP]) < steps_behind
    ]
    if not kept:
        path.unlink(missing_ok=True)
        return []

    with (
        write_atomically(path) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
    return columns


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read columns and rows of a CSV file, both empty if there is no file."""
    if not path.is_file():
        return [], []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        return list(reader.fieldnames or []), rows
