"""Files of a prepared data set: annotation files, classes.json, metadata.csv and a report.

The report says how many clips are left of each class, and why others were left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
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
from action_recognition.dataset_tools.importing.writing import (
    metadata_text,
    printable,
    remark_lines,
)
from action_recognition.dataset_tools.preparing.prepared import Prepared
from action_recognition.errors import user_error

_Counts = dict[Split, tuple[Counter[str], Counter[str]]]


def write_prepared(
    prepared: Prepared, folder: Path, settings: Mapping[str, Any], suffix: str = ""
) -> list[str]:
    """Write annotation files, classes, people and the report. Return the lines of the report.

    The annotation files are train.txt, val.txt and test.txt, with `suffix` before the dot.
    Raises UserError: there is no clip at all.
    """
    if not prepared.num_clips:
        reasons = _main_reasons(prepared)
        raise user_error(str(prepared.data_root), f"no clip could be prepared: {reasons}")

    lines = report_lines(prepared)
    document = report_document(prepared, settings)
    texts = {f"{split}{suffix}.txt": text for split, text in _lists(prepared).items()}
    texts |= {
        CLASSES_FILE: classes_text(prepared.classes),
        DATASET_FILE: dataset_text(prepared.negative_label),
        METADATA_FILE: metadata_text(prepared.clips),
        REPORT_FILES[0]: json.dumps(document, ensure_ascii=True, indent=1) + "\n",
        REPORT_FILES[1]: _joined(lines),
    }
    write_together(folder, texts)
    return lines


def _lists(prepared: Prepared) -> dict[Split, str]:
    """Return the text of the annotation file of every split."""
    return {split: _joined([line for _, line in clips]) for split, clips in prepared.clips.items()}


def _joined(lines: Sequence[str]) -> str:
    """Return the text of a file of lines."""
    return "".join(f"{line}\n" for line in lines)


def _main_reasons(prepared: Prepared) -> str:
    """Return the most frequent reasons for leaving clips out, each with its first place."""
    # Reversed, so that the first remark of each reason stays.
    first = {remark.reason: remark for remark in reversed(prepared.left_out)}
    counts = Counter(remark.reason for remark in prepared.left_out).most_common(3)
    return "; ".join(
        f"{count} x {reason} (first {first[reason].where}: {first[reason].path})"
        for reason, count in counts
    )


def _counts(prepared: Prepared) -> _Counts:
    """Return two counts by split: the clips that are left, and the named clips, of each class."""
    return {
        split: (
            Counter(clip.label for clip, _ in prepared.clips[split]),
            Counter(label for name, label in prepared.wanted if name == split),
        )
        for split in SPLITS
    }


def report_document(prepared: Prepared, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report as JSON values.

    It has the clips that are left of the named ones, and every clip that was left out with its
    place and reason.
    """
    counts = _counts(prepared).items()
    splits = {split: _left_of(left.total(), of.total()) for split, (left, of) in counts}
    classes = {
        name: {split: _left_of(left[name], of[name]) for split, (left, of) in counts}
        for name in prepared.classes
    }
    return {
        **settings,
        "data_root": str(prepared.data_root),
        "splits": splits,
        "classes": classes,
        "warnings": prepared.warnings,
        "left_out": [remark._asdict() for remark in prepared.left_out],
    }


def _left_of(left: int, wanted: int) -> dict[str, int]:
    """Return two counts of clips in the form of the report."""
    return {"left": left, "of": wanted}


def report_lines(prepared: Prepared) -> list[str]:
    """Return the lines of the report for people.

    They have the clips that are left of each split and class, then the others by reason.
    """
    counts = _counts(prepared)
    total = sum(wanted.total() for _, wanted in counts.values())
    names = prepared.classes
    lines = [
        f"{prepared.num_clips} of {total} clips of {len(names)} classes are written, "
        f"below {prepared.data_root}",
        *(_split_line(split, *pair) for split, pair in counts.items() if pair[1]),
        *(f"warning: {warning}" for warning in prepared.warnings),
        "",
        *_class_table(names, counts),
        *remark_lines("left out", prepared.left_out),
    ]
    return [printable(line) for line in lines]


def _split_line(split: Split, left: Counter[str], wanted: Counter[str]) -> str:
    """Return the line of a split: its clips, and the number of classes that have none left."""
    names = [name for name in wanted if wanted[name]]
    num_lacking = sum(not left[name] for name in names)
    without = f"; {num_lacking} of {len(names)} classes have none left" if num_lacking else ""
    return f"  {split}: {left.total()} of {wanted.total()}{without}"


def _class_table(names: Sequence[str], counts: _Counts) -> list[str]:
    """Return a heading and a line for every class, with its clips in each split."""
    width = max(len(name) for name in names)
    heading = f"{'class'.ljust(width)} {'train':>11} {'val':>11} {'test':>11}   (left of named)"
    lines = [heading]
    for name in names:
        cells = (f"{left[name]} of {wanted[name]}".rjust(11) for left, wanted in counts.values())
        lines.append(f"{name.ljust(width)} {' '.join(cells)}")
    return lines
