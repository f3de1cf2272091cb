"""metrics.yaml, and the table of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from action_recognition.data.annotations import ClipRecord
from action_recognition.errors import UserError, user_error
from action_recognition.files import sha256_of, write_csv, write_text
from action_recognition.yaml_lines import load_yaml

_CLIP_COLUMNS = [
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


@dataclass(frozen=True)
class Metric:
    """One entry of metrics.yaml. The value is None where it could not be measured."""

    key: str
    display_name: str
    unit: str
    value: float | int | None

    def as_yaml(self) -> dict[str, Any]:
        """Return the entry as plain values, in the order in which the file shows them."""
        return asdict(self)


def update_metrics_file(
    path: Path, metrics: Sequence[Metric], weights_file: dict[str, Any]
) -> None:
    """Write metrics into `path`.

    Entries of the same key are replaced. Everything else in the file is kept.
    """
    # Fresh entries first, then the kept ones.
    content = _read(path)
    fresh = {metric.key: metric.as_yaml() for metric in metrics}
    kept = [entry for entry in content.get("metrics") or [] if entry.get("key") not in fresh]
    content["metrics"] = [*fresh.values(), *kept]

    # The evaluated file comes first too.
    files, name = content.get("files") or [], weights_file["name"]
    content["files"] = [weights_file, *(entry for entry in files if entry.get("name") != name)]
    write_text(path, yaml.safe_dump(content, sort_keys=False))


def describe_file(path: Path) -> dict[str, Any]:
    """Return name, size in bytes, SHA-256 and path of a weights file, for metrics.yaml."""
    return {
        "name": path.name,
        "size": path.stat().st_size,
        "sha256": sha256_of(path),
        "source": str(path),
    }


def _read(path: Path) -> dict[str, Any]:
    """Read a metrics file, or return an empty one where there is none.

    Errors: the file is something else.
    """
    if not path.exists():
        return {}

    # Anything that does not parse, or parses as something else, is left untouched.
    try:
        content = load_yaml(path) or {}
        is_metrics_file = isinstance(content, dict) and _has_entries(content)
    except (UserError, TypeError):
        is_metrics_file = False
    if not is_metrics_file:
        fix = "move it away or name another --save-metrics-to"
        raise user_error(str(path), "exists and is not a metrics file", fix=fix)
    return content


def _has_entries(content: dict[str, Any]) -> bool:
    """Return True where both lists hold entries only. Raises TypeError for what is no list."""
    entries = [entry for key in ("metrics", "files") for entry in content.get(key) or []]
    return all(isinstance(entry, dict) for entry in entries)


def write_clip_table(
    path: Path,
    records: Sequence[ClipRecord],
    scores: npt.NDArray[np.float32],
    labels: Sequence[str],
) -> None:
    """Write a CSV with one row per clip.

    It holds the clip, its label, the predicted label, both cosines, and the rank of its label.
    """
    # Class numbers from best to worst, for each clip.
    order = np.argsort(-scores, axis=1)
    rows = [
        _clip_row(record, row, ranks, labels)
        for record, row, ranks in zip(records, scores, order, strict=True)
    ]
    write_csv(path, [_CLIP_COLUMNS, *rows])


def _clip_row(
    record: ClipRecord,
    scores: npt.NDArray[np.float32],
    ranks: npt.NDArray[np.integer],
    labels: Sequence[str],
) -> list[Any]:
    """Return the row of a clip with scores (C,) and class numbers (C,) from best to worst."""
    predicted = int(ranks[0])
    # Rank 1 is the prediction itself.
    rank = int(np.flatnonzero(ranks == record.label)[0]) + 1
    clip = [record.path, record.clip_start, record.clip_end]
    answer = [labels[record.label], labels[predicted], int(predicted == record.label), rank]
    return [*clip, *answer, f"{scores[record.label]:.5f}", f"{scores[predicted]:.5f}"]
