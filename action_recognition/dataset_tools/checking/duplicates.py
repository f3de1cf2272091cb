"""Find the same video twice: byte for byte, or the same pictures coded again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from action_recognition.dataset_tools.checking.findings import Findings
from action_recognition.dataset_tools.checking.media_report import Look, MediaReport
from action_recognition.dataset_tools.checking.single_line import Row

MAX_HASH_DISTANCE = 0.15
"""The largest share of a hash's bits in which two videos of the same pictures differ.

Measured: below 0.1 for the same clips coded again, scaled or cut. Different people in one studio
come as near as 0.05.
"""
MIN_MOTION_CORRELATION = 0.7
"""The correlation of movements that tells such people apart.

The movements of different people correlate up to 0.55 (80 thousand pairs of clips, 1260 below that
distance). Those of the same clip correlate 0.95 and more when it is coded again, scaled or made
brighter. Most clips that were also cut, or that left every second frame out, are above the limit.
Those of the fastest movements (0.4) are not: such copies are not all found.
"""
_ROWS_AT_A_TIME = 256
Files = Mapping[Path, Sequence[Row]]
Reports = Mapping[Path, MediaReport]


def find_duplicates(
    rows: Files, reports: Reports, splits: Sequence[str], findings: Findings
) -> None:
    """Note files with the same bytes and, across splits, files that show the same pictures.

    The note is at the later of the two.
    """
    # First the same bytes.
    copies = _find_copies(rows, reports, splits, findings)
    # Then the same pictures. A file is compared with those of other splits only.
    looks = _comparable_looks(reports, copies)
    by_split: dict[str, list[Path]] = {split: [] for split in splits}
    for path in looks:
        by_split[splits[rows[path][0].place.file]].append(path)

    for first, second in combinations(by_split, 2):
        for here, other, correlation in near_duplicates(looks, by_split[second], by_split[first]):
            where = f"{findings.name(rows[other][0].place)} ({first})"
            alike = f"their movements correlate {correlation:.2f}"
            message = f"{here.name} shows the pictures of {other.name} at {where}; {alike}"
            place = rows[here][0].place
            findings.add(place, "near-duplicate-in-two-splits", message, "keep one of the two")


def near_duplicates(
    looks: Mapping[Path, Look], here: Sequence[Path], there: Sequence[Path]
) -> Iterator[tuple[Path, Path, float]]:
    """Find each file of `here` that shows the pictures of a file of `there`.

    Yields it with the most similar of them and the correlation of their motion.
    """
    if not here or not there:
        return
    others = np.stack([looks[path].hash_bits for path in there])

    # A part at a time, so that the table of distances stays small.
    for start in range(0, len(here), _ROWS_AT_A_TIME):
        part = here[start : start + _ROWS_AT_A_TIME]
        near = _are_near([looks[path] for path in part], others)
        # Motion is compared only where the pictures are near.
        for row in np.unique(np.nonzero(near)[0]).tolist():
            alike = [there[i] for i in np.flatnonzero(near[row]).tolist()]
            other, correlation = _most_similar(looks, part[row], alike)
            if correlation >= MIN_MOTION_CORRELATION:
                yield part[row], other, correlation


def _find_copies(
    rows: Files, reports: Reports, splits: Sequence[str], findings: Findings
) -> set[Path]:
    """Note all files whose bytes an earlier file has, and return them."""
    first_of: dict[bytes, Path] = {}
    copies = set()
    for path, report in sorted(reports.items(), key=lambda item: rows[item[0]][0].place):
        # Files that could not be read have no content.
        first = first_of.setdefault(report.content, path)
        if report.content and first != path:
            copies.add(path)
            _note_copy(rows[path][0], rows[first][0], splits, findings)
    return copies


def _note_copy(row: Row, other: Row, splits: Sequence[str], findings: Findings) -> None:
    """Note that the file of a row has the bytes of another row's file."""
    where = findings.name(other.place)
    found = f"{row.path.name} is byte for byte {other.raw.path!r} of {where}"
    if row.label != other.label:
        message = f"{found}, which has another label"
        findings.add(row.place, "content-two-labels", message, "keep the right one")
    elif splits[row.place.file] != splits[other.place.file]:
        findings.add(row.place, "content-in-two-splits", found, "keep one of the two")
    else:
        findings.add(row.place, "note-duplicate-content", found, "leave one of them out")


def _comparable_looks(reports: Reports, copies: set[Path]) -> dict[Path, Look]:
    """Return the looks of videos with motion. Copies are left out: they are found already."""
    looks = {
        path: report.look
        for path, report in reports.items()
        if report.look is not None and path not in copies
    }
    return {path: look for path, look in looks.items() if not look.is_blank and not look.is_frozen}


def _are_near(looks: Sequence[Look], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Compare hashes: (N,) looks and (M, B) others give (N, M)."""
    distances = [
        np.bitwise_count(others ^ look.hash_bits).sum(axis=1, dtype=np.int64) for look in looks
    ]
    num_bits = others.shape[1] * 8
    return np.asarray(np.stack(distances) <= MAX_HASH_DISTANCE * num_bits)


def _most_similar(
    looks: Mapping[Path, Look], here: Path, others: Sequence[Path]
) -> tuple[Path, float]:
    """Return the file whose motion correlates best with that of `here`, and the correlation."""
    motion = looks[here].motion.astype(np.float32)
    correlations = np.array(
        [float(looks[path].motion.astype(np.float32) @ motion) for path in others]
    )
    best = int(correlations.argmax())
    return others[best], float(correlations[best])
