"""Items of a page: a clip for every line, with the findings about it."""

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
    """A line of an annotation file with its findings.

    `stretch` is None if the file is not there. `seconds` and `rate_fps` are None if neither the
    line nor the file states them.
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
    person: str | None = None


def clip_items(checked: Checked, max_clips: int) -> tuple[list[ClipItem], list[Finding], int]:
    """Return the clips to show, the findings about whole files, and the number of clips left out.

    Clips with findings are taken first, then every n-th of the others. All are in the order of the
    annotation files.
    """
    by_line: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    of_files = []
    for finding in checked.findings:
        if finding.line is None:
            of_files.append(finding)
        else:
            by_line[finding.file, finding.line].append(finding)

    items = _items(checked, by_line)
    shown = _chosen(items, max_clips)
    return shown, of_files, len(items) - len(shown)


def _items(checked: Checked, by_line: dict[tuple[str, int], list[Finding]]) -> list[ClipItem]:
    """Return an item for every line of a clip, and for other lines with findings, in order."""
    items = [_item(row, checked) for rows in checked.rows.values() for row in rows]
    for item in items:
        item.findings.extend(by_line.pop((item.file, item.line), []))

    # The lines that are left have findings, but name no clip.
    files = checked.findings.files
    splits = dict(zip(files, checked.splits, strict=True))
    items += [
        ClipItem(file, line, splits.get(file, ""), "", "", findings=found)
        for (file, line), found in by_line.items()
    ]
    order = {file: number for number, file in enumerate(files)}
    return sorted(items, key=lambda item: (order[item.file], item.line))


def _item(row: Row, checked: Checked) -> ClipItem:
    """Return the item of a line that names a clip."""
    report = checked.reports[row.path]
    # A line without numbers means the whole file.
    start, end, rate = 0, report.num_frames, report.frame_rate_fps
    if row.raw.numbers:
        start, end, _, _, rate = row.raw.numbers
    hands = checked.landmark_files.get(row.path)
    has_frames = report.is_readable and end > start >= 0
    return ClipItem(
        file=checked.findings.files[row.place.file],
        line=row.place.line,
        split=checked.splits[row.place.file],
        label=checked.labels.names[row.label] if row.label is not None else row.raw.label,
        path=row.raw.path,
        seconds=(end - start) / rate if rate and end > start else None,
        rate_fps=rate,
        stretch=Stretch(row.path, start, end, hands) if has_frames else None,
        person=checked.people.person_of(row.raw.path) if checked.people else None,
    )


def _chosen(items: Sequence[ClipItem], max_clips: int) -> list[ClipItem]:
    """Return at most `max_clips` items, in their order."""
    if len(items) <= max_clips:
        return list(items)

    with_findings = [i for i, item in enumerate(items) if item.findings][:max_clips]
    others = [i for i, item in enumerate(items) if not item.findings]

    # The room that is left is spread evenly over the others.
    room = max_clips - len(with_findings)
    chosen = {*with_findings, *(others[i * len(others) // room] for i in range(room))}
    return [item for i, item in enumerate(items) if i in chosen]
