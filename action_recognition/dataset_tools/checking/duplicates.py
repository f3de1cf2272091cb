"""The same video twice: byte for byte, or the same pictures coded again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from action_recognition.dataset_tools.checking.appearance import (
    MAX_HASH_DISTANCE,
    MIN_MOTION_CORRELATION,
    Look,
)
from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.dataset_tools.checking.media_report import MediaReport
from action_recognition.dataset_tools.checking.single_line import Row

_ROWS_AT_A_TIME = 256
Files = Mapping[Path, Sequence[Row]]


def find_duplicates(
    rows: Files, reports: Mapping[Path, MediaReport], splits: Sequence[str], findings: Findings
) -> None:
    """Note files with the same bytes, then, across splits, files that show the same pictures; at the later of the two."""
    same_bytes = _find_copies(rows, reports, splits, findings)
    looks = {
        path: report.look
        for path, report in reports.items()
        if report.look is not None
        and not report.look.is_blank
        and not report.look.is_frozen
        and path not in same_bytes
    }
    by_split: dict[str, list[Path]] = {split: [] for split in splits}
    for path in looks:
        by_split[splits[rows[path][0].place.file]].append(path)
    for first, second in combinations(by_split, 2):
        for here, other, correlation in near_duplicates(looks, by_split[second], by_split[first]):
            place = rows[other][0].place
            where = f"{findings.files[place.file]}:{place.line} ({first})"
            message = f"{here.name} shows the pictures of {other.name} at {where}; their movements correlate {correlation:.2f}"
            findings.add(
                rows[here][0].place, "near-duplicate-in-two-splits", message, "keep one of the two"
            )


def _find_copies(
    rows: Files, reports: Mapping[Path, MediaReport], splits: Sequence[str], findings: Findings
) -> set[Path]:
    """Files whose bytes an earlier file has, all of them noted."""
    first_of: dict[bytes, Path] = {}
    copies = set()
    for path, report in sorted(reports.items(), key=lambda item: rows[item[0]][0].place):
        first = first_of.setdefault(report.content, path)
        if not report.content or first == path:
            continue
        copies.add(path)
        row, other = rows[path][0], rows[first][0]
        found = f"{path.name} is byte for byte {other.raw.path!r} of {findings.files[other.place.file]}:{other.place.line}"
        if row.label != other.label:
            findings.add(
                row.place,
                "content-two-labels",
                f"{found}, which has another label",
                "keep the right one",
            )
        elif splits[row.place.file] != splits[other.place.file]:
            findings.add(row.place, "content-in-two-splits", found, "keep one of the two")
        else:
            findings.add(row.place, "note-duplicate-content", found, "leave one of them out")
    return copies


def near_duplicates(
    looks: Mapping[Path, Look], here: Sequence[Path], there: Sequence[Path]
) -> Iterator[tuple[Path, Path, float]]:
    """Each file of `here` that shows the pictures of one of `there`, with the most similar of them and how their motion correlates."""
    if not here or not there:
        return
    others = np.stack([looks[path].hash_bits for path in there])
    num_bits = others.shape[1] * 8
    for start in range(0, len(here), _ROWS_AT_A_TIME):
        part = here[start : start + _ROWS_AT_A_TIME]
        hashes = np.stack([looks[path].hash_bits for path in part])
        distances = np.stack(
            [np.bitwise_count(others ^ bits).sum(axis=1, dtype=np.int64) for bits in hashes]
        )
        for place in np.unique(np.nonzero(distances <= MAX_HASH_DISTANCE * num_bits)[0]).tolist():
            alike = np.flatnonzero(distances[place] <= MAX_HASH_DISTANCE * num_bits)
            motion = looks[part[place]].motion.astype(np.float32)
            correlations = np.array(
                [float(looks[there[i]].motion.astype(np.float32) @ motion) for i in alike.tolist()]
            )
            best = int(correlations.argmax())
            if correlations[best] >= MIN_MOTION_CORRELATION:
                yield part[place], there[int(alike[best])], float(correlations[best])
