"""Results of photos or clips as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from action_recognition.deploy.predictor import Prediction

NUM_RANKED: Final = 3
# The label of a rejected photo in the table.
_NOTHING: Final = "-"


@dataclass(frozen=True)
class PhotoResult:
    """A photo or clip, named as the user gave it, and its prediction."""

    photo: str
    prediction: Prediction


def table(results: Sequence[PhotoResult], kind: str = "photo") -> str:
    """Return a line for each photo: the label, then the first three with their probabilities.

    The label of a rejected photo is `-`. `kind` is the heading of their names.
    """
    rows = [[kind, "gesture", "most probable", "", ""]]
    for result in results:
        found = result.prediction
        best = zip(found.labels[:NUM_RANKED], found.probabilities, strict=False)
        ranked = [f"{label} {share:.3f}" for label, share in best]
        # A model may have fewer labels than columns.
        padding = [""] * (NUM_RANKED - len(ranked))
        rows.append([result.photo, found.label or _NOTHING, *ranked, *padding])

    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def csv_text(results: Sequence[PhotoResult], labels: Sequence[str], kind: str = "photo") -> str:
    """Return CSV with photo, label, reason and the probability of each label in the given order.

    The label of a rejected photo is empty. The page in the browser writes the same columns.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([kind, "label", "reason", *labels])

    for result in results:
        found = result.prediction
        shares = [f"{found.probability_of(label):.6f}" for label in labels]
        writer.writerow([result.photo, found.label or "", found.reason, *shares])
    return out.getvalue()


def json_text(results: Sequence[PhotoResult], labels: Sequence[str], kind: str = "photo") -> str:
    """Return a JSON list of {photo, label, reason, probabilities}.

    The label of a rejected photo is null.
    """
    rows = []
    for result in results:
        found = result.prediction
        shares = {label: round(found.probability_of(label), 6) for label in labels}
        row = {kind: result.photo, "label": found.label, "reason": found.reason}
        rows.append({**row, "probabilities": shares})
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
