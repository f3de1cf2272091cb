"""metrics.yaml, confusion matrix and the table of clips."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from action_recognition.data.annotations import ClipRecord
from action_recognition.errors import user_error

_COUNTS_SHOWN_UP_TO = 30  # classes; beyond that the cells are too small for numbers


@dataclass(frozen=True)
class Metric:
    """One entry of metrics.yaml."""

    key: str
    display_name: str
    unit: str
    value: float | int | None

    def as_yaml(self) -> dict[str, Any]:
        return {"key": self.key, "display_name": self.display_name, "unit": self.unit, "value": self.value}


def update_metrics_file(path: Path, metrics: Sequence[Metric], weights_file: dict[str, Any]) -> None:
    """Write metrics into `path`: entries of the same key are replaced, all else that the file holds is kept."""
    content = _read(path)
    fresh = {metric.key: metric.as_yaml() for metric in metrics}
    kept = [entry for entry in content.get("metrics") or [] if entry.get("key") not in fresh]
    content["metrics"] = [*fresh.values(), *kept]
    content["files"] = [weights_file, *(entry for entry in content.get("files") or [] if entry.get("name") != weights_file["name"])]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        ok = isinstance(content, dict) and all(isinstance(entry, dict) for key in ("metrics", "files") for entry in content.get(key) or [])
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError, TypeError):
        ok = False
    if not ok:
        raise user_error(str(path), "exists and is not a metrics file", fix="move it away or name another --save-metrics-to")
    return content


def write_clip_table(path: Path, records: Sequence[ClipRecord], scores: npt.NDArray[np.float32], labels: Sequence[str]) -> None:
    """A CSV with one row per clip: what it is, what it was taken for, how sure, and at which rank its label came."""
    order = np.argsort(-scores, axis=1)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["path", "clip_start", "clip_end", "label", "predicted", "correct", "rank_of_label", "cosine_of_label", "cosine_of_predicted"]
        )
        for record, row, ranks in zip(records, scores, order, strict=True):
            predicted = int(ranks[0])
            rank = int(np.flatnonzero(ranks == record.label)[0]) + 1
            writer.writerow(
                [
                    record.path,
                    record.clip_start,
                    record.clip_end,
                    labels[record.label],
                    labels[predicted],
                    int(predicted == record.label),
                    rank,
                    f"{row[record.label]:.5f}",
                    f"{row[predicted]:.5f}",
                ]
            )
    partial.replace(path)


def draw_confusion_matrix(path: Path, counts: npt.NDArray[np.int64], labels: Sequence[str], title: str) -> None:
    """A picture of the confusion matrix (C, C), rows are labels: shade = share of the row, number = count."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    number = len(labels)
    size = max(4.0, 0.33 * number + 2.0)
    figure = Figure(figsize=(size + 1.0, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    if number <= _COUNTS_SHOWN_UP_TO:
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = share[row, column] > 0.5
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks(range(number), labels, rotation=90)
    axes.set_yticks(range(number), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label="share of the label's clips", shrink=0.8)
    partial = path.with_name(f".{path.name}.part")
    figure.savefig(partial, dpi=100, format="png")
    partial.replace(path)
