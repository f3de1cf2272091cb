"""The files of an imported data set: all of them, or none."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from action_recognition.data.dataset_files import (
    DATASET_FILE,
    METADATA_FILE,
    REPORT_FILES,
    SPLITS,
    Split,
    classes_text,
    dataset_text,
    write_together,
)
from action_recognition.data.labels import CLASSES_FILE
from action_recognition.dataset_tools.importing.found import FoundClip, Remark
from action_recognition.dataset_tools.importing.import_dataset import DataSet

_SHOWN_OF_A_REASON = 20


def write_data_set(
    data_set: DataSet, folder: Path, settings: Mapping[str, Any], negative_label: str | None
) -> list[str]:
    """Write train.txt, val.txt, test.txt (those with clips), classes.json, dataset.json, metadata.csv and the report.

    Returns the lines of report.txt. `settings` are stated in report.json.
    """
    report = report_document(data_set, settings)
    lines = report_lines(data_set)
    texts = {
        f"{split}.txt": "".join(f"{line}\n" for _, line in clips)
        for split, clips in data_set.clips.items()
    }
    texts |= {
        CLASSES_FILE: classes_text(data_set.classes),
        DATASET_FILE: dataset_text(negative_label),
        METADATA_FILE: metadata_text(data_set.clips),
        REPORT_FILES[0]: json.dumps(report, ensure_ascii=True, indent=1) + "\n",
        REPORT_FILES[1]: "".join(f"{line}\n" for line in lines),
    }
    write_together(folder, texts)
    return lines


def report_document(data_set: DataSet, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The report as JSON: counts, and every clip that was left out or changed with where and why."""
    counts = {
        split: Counter(clip.label for clip, _ in clips) for split, clips in data_set.clips.items()
    }
    return {
        **settings,
        "data_root": str(data_set.data_root),
        "split_by": data_set.split_by,
        "splits": {
            split: {
                "clips": len(clips),
                "people": len({clip.person for clip, _ in clips if clip.person is not None}),
            }
            for split, clips in data_set.clips.items()
        },
        "classes": {
            name: {split: counts[split][name] for split in SPLITS} for name in data_set.classes
        },
        "warnings": data_set.warnings,
        "changed": [remark._asdict() for remark in data_set.changed],
        "left_out": [remark._asdict() for remark in data_set.left_out],
    }


def report_lines(data_set: DataSet) -> list[str]:
    """The report for people: counts, warnings, a table of classes, then what was changed and left out, by reason."""
    num_clips = sum(len(clips) for clips in data_set.clips.values())
    lines = [
        f"{num_clips} clips of {len(data_set.classes)} classes below {data_set.data_root}, split by {data_set.split_by}"
    ]
    for split, clips in data_set.clips.items():
        people = {clip.person for clip, _ in clips if clip.person is not None}
        lines.append(
            f"  {split}: {len(clips)} clips"
            + (f" of {len(people)} {'person' if len(people) == 1 else 'people'}" if people else "")
        )
    lines += [f"warning: {warning}" for warning in data_set.warnings]
    width = max(len(name) for name in data_set.classes)
    lines += ["", f"{'class'.ljust(width)} {'train':>7} {'val':>7} {'test':>7}"]
    counts = {
        split: Counter(clip.label for clip, _ in clips) for split, clips in data_set.clips.items()
    }
    lines += [
        f"{name.ljust(width)} " + " ".join(f"{counts[split][name]:7}" for split in SPLITS)
        for name in data_set.classes
    ]
    lines += [
        *remark_lines("changed", data_set.changed),
        *remark_lines("left out", data_set.left_out),
    ]
    return [printable(line) for line in lines]


def printable(line: str) -> str:
    """The line, with line breaks and bytes that are no text written out: file names hold anything."""
    return line if line.isprintable() else repr(line)[1:-1]


def remark_lines(title: str, remarks: Iterable[Remark]) -> list[str]:
    """Lines of a report: how many for each reason, and the first places."""
    by_reason: dict[str, list[str]] = {}
    for remark in remarks:
        of_file = f" ({remark.path})" if remark.path not in remark.where else ""
        by_reason.setdefault(remark.reason, []).append(f"{remark.where}{of_file}")
    if not by_reason:
        return ["", f"nothing was {title}"]
    lines = ["", f"{title}: {sum(map(len, by_reason.values()))}"]
    for reason, places in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        lines.append(f"  {len(places)} x {reason}")
        lines += [f"      {place}" for place in places[:_SHOWN_OF_A_REASON]]
        if len(places) > _SHOWN_OF_A_REASON:
            lines.append(
                f"      ... and {len(places) - _SHOWN_OF_A_REASON} more (report.json has all)"
            )
    return lines


def metadata_text(clips_by_split: Mapping[Split, Sequence[tuple[FoundClip, str]]]) -> str:
    """The content of metadata.csv, a row per clip: file, label, split, person (empty when not known), where its source names it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", "split", "person", "source"])
    for split, clips in clips_by_split.items():
        writer.writerows(
            [clip.path, clip.label, split, clip.person or "", clip.where] for clip, _ in clips
        )
    return text.getvalue()
