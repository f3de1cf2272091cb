"""The clips of annotation files together with their lines as written.

For code that writes new files, counts clips, or trains on a part of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.data.annotation_lines import (
    Numbers,
    annotation_line,
    numbered_lines,
    split_line,
)
from action_recognition.data.annotations import ClipRecord, find_annotation_files, read_annotations
from action_recognition.data.labels import training_labels


@dataclass(frozen=True)
class ListedClip:
    """A clip with the line that it came from: `text` in `file`, whose paths start at `root`.

    `path` is as written there, `numbers` None for a line of two columns, `label` the name of the
    class.
    """

    record: ClipRecord
    text: str
    file: Path
    root: Path
    path: str
    numbers: Numbers | None
    label: str

    @property
    def split(self) -> str:
        """The name of the file, without its suffix."""
        return self.file.stem

    @property
    def line(self) -> str:
        """The annotation line, with a number for the label."""
        line = annotation_line(self.path, str(self.record.label), self.numbers)
        assert line is not None  # it was read from a line
        return line


def listed_clips(
    ann_files: Sequence[Path], data_roots: Sequence[Path], classes: Sequence[str] | None
) -> tuple[list[ListedClip], list[str]]:
    """Read the clips of all files, in order, and the classes.

    Raises UserError: the problems of all files.
    """
    labels, _ = training_labels(ann_files, classes, (), data_roots)
    records = read_annotations(ann_files, data_roots, labels)

    # Every record has its line in the same order.
    lines = [
        (text, file, root)
        for file, root in find_annotation_files(ann_files, data_roots)
        for _, text in numbered_lines(file)
    ]

    with_blanks = [name for name in labels if len(name.split()) > 1]
    clips = []
    for record, line in zip(records, lines, strict=True):
        raw = split_line(line[0], with_blanks)
        clips.append(ListedClip(record, *line, raw.path, raw.numbers, labels[record.label]))
    return clips, labels
