"""Boxes of hands in photos, from the annotation of HaGRID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from action_recognition.dataset_tools.importing.formats.photo_sets import (
    hagrid_files,
    read_hagrid_file,
)
from action_recognition.errors import user_error

Corners = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in parts of the picture."""
Boxes = Mapping[str, Sequence[tuple[str, Corners]]]
"""Label and corners of each hand, by the photo's name without suffix."""


def read_boxes(source: Path) -> Boxes:
    """Read the hands of HaGRID's annotation: a JSON file, or a folder of them.

    Raises UserError: there is no annotation, or an entry makes no sense.
    """
    files = hagrid_files(source) if source.exists() else []
    if not files:
        raise user_error(
            f"--boxes {source}",
            "holds no HaGRID annotation",
            "a JSON file with bboxes and labels, or a folder of them",
        )

    # A photo may be named in several files.
    found: dict[str, list[tuple[str, Corners]]] = {}
    for file in files:
        for picture, entry in read_hagrid_file(file).items():
            hands = _hands(entry, f"{file}: {picture}")
            found.setdefault(picture, []).extend(hands)
    return found


def _hands(entry: Any, where: str) -> list[tuple[str, Corners]]:
    """Return label and corners of the hands of one photo.

    Raises UserError: a box has no label, or is not inside the picture.
    """
    try:
        boxes = zip(entry["labels"], entry["bboxes"], strict=True)
        return [(str(name), _corners(box)) for name, box in boxes]
    except (KeyError, TypeError, ValueError):
        raise user_error(
            where,
            "has no bboxes with a label each",
            "[[x, y, width, height]] in 0..1",
        ) from None


def _corners(box: Sequence[float]) -> Corners:
    """Return the corners of [x, y, width, height].

    Raises ValueError: the box has no area or is not inside the picture.
    """
    x, y, width, height = (float(value) for value in box)
    if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1):
        raise ValueError(box)
    return x, y, x + width, y + height
