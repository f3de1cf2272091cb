"""metrics.yaml and the table of clips."""

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


@dataclass(frozen=True)
class Metric:
    """One entry of metrics.yaml."""

    key: str
    display_name: str
    unit: str
    value: float | int | None

    def as_yaml(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "display_name": self.display_name,
            "unit": self.unit,
            "value": self.value,
        }


def update_metrics_file(
    path: Path, metrics: Sequence[Metric], weights_file: dict[str, Any]
) -> None:
    """Write metrics into `path`: entries of the same key are replaced, all else that the file holds is kept."""
    content = _read(path)
    fresh = {metric.key: metric.as_yaml() for metric in metrics}
    kept = [entry for entry in content.get("metrics") or [] if entry.get("key") not in fresh]
    content["metrics"] = [*fresh.values(), *kept]
    content["files"] = [
        weights_file,
        *(
            entry
            for entry in content.get("files") or []
            if entry.get("name") != weights_file["name"]
        ),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        ok = isinstance(content, dict) and all(
            isinstance(entry, dict)
            for key in ("metrics", "files")
            for entry in content.get(key) or []
        )
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError, TypeError):
        ok = False
    if not ok:
        raise user_error(
            str(path),
            "exists and is not a metrics file",
            fix="move it away or name another --save-metrics-to",
        )
    return content


def write_clip_table(
    path: Path,
    records: Sequence[ClipRecord],
    scores: npt.NDArray[np.float32],
    labels: Sequence[str],
) -> None:
    """A CSV with one row per clip: what it is, what it was taken for, how sure, and at which rank its label came."""
    order = np.argsort(-scores, axis=1)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "path",
                "clip_start",
                "clip_end",
                "label",
                "predicted",
                "correct",
                "rank_of_label",
                "cosine_of_label",
                "cosine_of_predicted",
            ]
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
