"""What was found in photos, as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from action_recognition.deploy.predictor import Prediction

NUM_RANKED: Final = 3
_NOTHING: Final = "-"


@dataclass(frozen=True)
class PhotoResult:
    """A photo, named as it was given, and what the model says of it."""

    photo: str
    prediction: Prediction


def table(results: Sequence[PhotoResult]) -> str:
    """A line for each photo: the label (`-` where it is rejected), then the first three with their probabilities."""
    rows = [["photo", "gesture", "most probable", "", ""]]
    for result in results:
        found = result.prediction
        best = zip(found.labels[:NUM_RANKED], found.probabilities, strict=False)
        ranked = [f"{label} {share:.3f}" for label, share in best]
        rows.append(
            [result.photo, found.label or _NOTHING, *ranked, *[""] * (NUM_RANKED - len(ranked))]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def csv_text(results: Sequence[PhotoResult], labels: Sequence[str]) -> str:
    """Columns photo, label (empty where rejected), reason, then the probability of each label in the model's order; as the page's."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["photo", "label", "reason", *labels])
    for result in results:
        found = result.prediction
        shares = [f"{found.probability_of(label):.6f}" for label in labels]
        writer.writerow([result.photo, found.label or "", found.reason, *shares])
    return out.getvalue()


def json_text(results: Sequence[PhotoResult], labels: Sequence[str]) -> str:
    """A list of {photo, label (null where rejected), reason, probabilities}."""
    rows = [
        {
            "photo": result.photo,
            "label": result.prediction.label,
            "reason": result.prediction.reason,
            "probabilities": {
                label: round(result.prediction.probability_of(label), 6) for label in labels
            },
        }
        for result in results
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename (UTF-8)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
