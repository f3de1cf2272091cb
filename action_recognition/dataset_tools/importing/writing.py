"""Write the files of an imported data set: all of them, or none."""

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
from action_recognition.dataset_tools.importing.found import Remark
from action_recognition.dataset_tools.importing.import_dataset import DataSet, Lined

# Places that report.txt lists for each reason.
_SHOWN_OF_A_REASON = 20


def write_data_set(data_set: DataSet, folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """Write the lists of clips, classes.json, dataset.json, metadata.csv and the report.

    The lists are train.txt, val.txt and test.txt, those with clips. `settings` are stated in
    report.json. Returns the lines of report.txt.
    """
    # In ASCII, names with bytes that are no text are kept as escapes.
    report = json.dumps(report_document(data_set, settings), ensure_ascii=True, indent=1)
    lines = report_lines(data_set)
    texts = {f"{split}.txt": _list_text(data_set.lists.get(split, [])) for split in SPLITS}
    texts |= {
        CLASSES_FILE: classes_text(data_set.classes),
        DATASET_FILE: dataset_text(data_set.negative_label),
        METADATA_FILE: metadata_text(data_set.clips),
        REPORT_FILES[0]: f"{report}\n",
        REPORT_FILES[1]: "".join(f"{line}\n" for line in lines),
    }
    write_together(folder, texts)
    return lines


def _list_text(clips: Sequence[Lined]) -> str:
    return "".join(f"{line}\n" for _, line in clips)


def report_document(data_set: DataSet, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report as JSON.

    It has counts, and every clip that was left out or changed, with where and why.
    """
    counts = _counts(data_set)
    classes = {name: {split: counts[split][name] for split in SPLITS} for name in data_set.classes}
    splits = {split: _sizes(clips) for split, clips in data_set.clips.items()}

    return {
        **settings,
        "data_root": str(data_set.data_root),
        "split_by": data_set.split_by,
        "splits": splits,
        "classes": classes,
        "warnings": data_set.warnings,
        "changed": [remark._asdict() for remark in data_set.changed],
        "left_out": [remark._asdict() for remark in data_set.left_out],
    }


def report_lines(data_set: DataSet) -> list[str]:
    """Return the report for people.

    It has counts, warnings and a table of classes, then what was changed and left out, by reason.
    """
    lines = [
        *_split_lines(data_set),
        *(f"warning: {warning}" for warning in data_set.warnings),
        *_class_lines(data_set),
        *remark_lines("changed", data_set.changed),
        *remark_lines("left out", data_set.left_out),
    ]
    return [printable(line) for line in lines]


def _split_lines(data_set: DataSet) -> list[str]:
    num_clips = sum(len(clips) for clips in data_set.clips.values())
    where = f"{len(data_set.classes)} classes below {data_set.data_root}"
    lines = [f"{num_clips} clips of {where}, split by {data_set.split_by}"]
    for split, clips in data_set.clips.items():
        people = _people(clips)
        noun = "person" if len(people) == 1 else "people"
        of_people = f" of {len(people)} {noun}" if people else ""
        lines.append(f"  {split}: {len(clips)} clips{of_people}")
    return lines


def _class_lines(data_set: DataSet) -> list[str]:
    # Names of classes are as wide as the longest.
    width = max(len(name) for name in data_set.classes)
    lines = ["", f"{'class'.ljust(width)} {'train':>7} {'val':>7} {'test':>7}"]
    counts = _counts(data_set)
    for name in data_set.classes:
        cells = " ".join(f"{counts[split][name]:7}" for split in SPLITS)
        lines.append(f"{name.ljust(width)} {cells}")
    return lines


def _counts(data_set: DataSet) -> dict[Split, Counter[str]]:
    """Count the clips of every split by class."""
    return {
        split: Counter(clip.label for clip, _ in clips) for split, clips in data_set.clips.items()
    }


def _sizes(clips: Sequence[Lined]) -> dict[str, int]:
    return {"clips": len(clips), "people": len(_people(clips))}


def _people(clips: Sequence[Lined]) -> set[str]:
    return {clip.person for clip, _ in clips if clip.person is not None}


def printable(line: str) -> str:
    """Return the line with line breaks and bytes that are no text written out.

    File names hold anything.
    """
    return line if line.isprintable() else repr(line)[1:-1]


def remark_lines(title: str, remarks: Iterable[Remark]) -> list[str]:
    """Return lines of a report: the number for each reason, and the first places."""
    # One reason may be told thousands of times.
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
        num_hidden = len(places) - _SHOWN_OF_A_REASON
        if num_hidden > 0:
            lines.append(f"      ... and {num_hidden} more (report.json has all)")
    return lines


def metadata_text(clips_by_split: Mapping[Split, Sequence[Lined]]) -> str:
    """Return the content of metadata.csv, a row per clip.

    The columns are file, label, split, person (empty when not known), and the place where the
    source names the clip.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", "split", "person", "source"])
    for split, clips in clips_by_split.items():
        writer.writerows(
            [clip.path, clip.label, split, clip.person or "", clip.where] for clip, _ in clips
        )
    return text.getvalue()
