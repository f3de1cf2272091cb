"""curves.csv and curves.png: one row per epoch.

Imports neither torch nor Lightning, so that a run is read quickly.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from action_recognition.files import write_csv
from action_recognition.plots import draw_training_curves

CURVES_FILE = "curves.csv"
CURVES_PICTURE = "curves.png"
COLUMNS = (
    "epoch",
    "train_loss",
    "train_top1",
    "val_accuracy",
    "val_top1",
    "val_top5",
    "learning_rate",
    "seconds",
)
# Among fewer classes the right one is among the first five by chance.
_TOP5_FROM_CLASSES = 11


def write_curves(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write the rows of a curves.csv atomically. A nan becomes an empty cell."""
    cells = (
        ["" if math.isnan(row[name]) else f"{row[name]:.6g}" for name in COLUMNS] for row in rows
    )
    write_csv(path, [COLUMNS, *cells])


def read_curves(path: Path) -> list[dict[str, float]]:
    """Read the rows of a curves.csv that have an epoch. An empty or unreadable cell is nan."""
    # A run that was killed may have left a damaged row.
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = [{name: _number(row.get(name)) for name in COLUMNS} for row in csv.DictReader(file)]
    return [row for row in rows if not math.isnan(row["epoch"])]


def draw_curves(path: Path, rows: Sequence[dict[str, float]], num_classes: int) -> None:
    """Draw loss, accuracy and learning rate over the epochs, side by side.

    A line without a single value is left out, as that of a run without validation clips.
    """
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    accuracies = {
        "training top-1 (augmented clips)": columns["train_top1"],
        "validation top-1 (mean over classes)": columns["val_accuracy"],
    }
    if num_classes >= _TOP5_FROM_CLASSES:
        accuracies["validation top-5"] = columns["val_top5"]
    panels = {
        "training loss": {"loss": columns["train_loss"]},
        "accuracy, %": accuracies,
        "learning rate": {"learning rate": columns["learning_rate"]},
    }
    chance = {"accuracy, %": 100.0 / num_classes}
    draw_training_curves(path, [int(epoch) for epoch in columns["epoch"]], panels, chance)


def _number(text: str | None) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan
