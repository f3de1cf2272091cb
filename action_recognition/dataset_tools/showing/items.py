"""What a page shows: a clip for every line, with what was found at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from action_recognition.dataset_tools.checking.check_dataset import Checked
from action_recognition.dataset_tools.checking.findings import Finding
from action_recognition.dataset_tools.checking.single_line import Row
from action_recognition.dataset_tools.showing.strips import Stretch


@dataclass(frozen=True)
class ClipItem:
    """A line: where it stands, what it says, what was found; `stretch` is None where its file is not there.

    `seconds` and `rate_fps` are None where neither line nor file says them.
    """

    file: str
    line: int
    split: str
    label: str
    path: str
    seconds: float | None = None
    rate_fps: float | None = None
    stretch: Stretch | None = None
    findings: list[Finding] = field(default_factory=list)


def clip_items(checked: Checked, max_clips: int) -> tuple[list[ClipItem], list[Finding], int]:
    """The clips to show, the findings of whole files, and how many clips are left out.

    Clips with findings come first into the number, then every n-th of the others; all in the order of the files.
    """
    by_line: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    of_files = []
    for finding in checked.findings:
        if finding.line is None:
            of_files.append(finding)
        else:
            by_line[finding.file, finding.line].append(finding)
    items = [_item(row, checked) for rows in checked.rows.values() for row in rows]
    for item in items:
        item.findings.extend(by_line.pop((item.file, item.line), []))
    splits = dict(zip(checked.findings.files, checked.splits, strict=True))
    items += [
        ClipItem(file, line, splits.get(file, ""), "", "", findings=found)
        for (file, line), found in by_line.items()
    ]
    order = {file: number for number, file in enumerate(checked.findings.files)}
    items.sort(key=lambda item: (order[item.file], item.line))
    shown = _chosen(items, max_clips)
    return shown, of_files, len(items) - len(shown)


def _item(row: Row, checked: Checked) -> ClipItem:
    report = checked.reports[row.path]
    numbers = row.raw.numbers
    start, end, rate = (
        (numbers[0], numbers[1], numbers[4])
        if numbers
        else (0, report.num_frames, report.frame_rate_fps)
    )
    seconds = (end - start) / rate if rate and end > start else None
    name = checked.labels.names[row.label] if row.label is not None else row.raw.label
    place = row.place
    stretch = Stretch(row.path, start, end) if report.is_readable and end > start >= 0 else None
    return ClipItem(
        checked.findings.files[place.file],
        place.line,
        checked.splits[place.file],
        name,
        row.raw.path,
        seconds,
        rate,
        stretch,
    )


def _chosen(items: Sequence[ClipItem], max_clips: int) -> list[ClipItem]:
    if len(items) <= max_clips:
        return list(items)
    with_findings = [i for i, item in enumerate(items) if item.findings][:max_clips]
    others = [i for i, item in enumerate(items) if not item.findings]
    room = max_clips - len(with_findings)
    chosen = (
        {*with_findings, *(others[i * len(others) // room] for i in range(room))}
        if room
        else set(with_findings)
    )
    return [item for i, item in enumerate(items) if i in chosen]
